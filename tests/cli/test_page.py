"""docs/cli.md says all there is to say; that its examples run is shown with those of all pages."""

import re
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

import pytest

from penstock.cli import arguments, commands

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


def section(title: str) -> str:
    """What stands below a heading, up to the next of the same rank."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(text: str) -> set[str]:
    """The names in backticks that begin the rows of a section's tables."""
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def parsers() -> dict[str, ArgumentParser]:
    (action,) = (a for a in arguments._parser()._actions if isinstance(a, _SubParsersAction))
    return dict(action.choices)


@pytest.mark.parametrize("command", parsers())
def test_every_option_of_a_command_is_on_the_page(command: str) -> None:
    options = {name for a in parsers()[command]._actions for name in a.option_strings}
    said = {name for name in first_column(section(command.title())) if name.startswith("-")}
    assert said == options - {"-h", "--help"}


def test_every_command_of_a_conversation_is_on_the_page_and_in_its_help() -> None:
    known = set(commands._COMMANDS)
    assert {name for name in first_column(section("Chat")) if name.startswith("/")} == known
    assert set(re.findall(r"^/\w+", commands.HELP, re.MULTILINE)) == known


def test_every_variable_that_is_read_is_on_the_page() -> None:
    sources = [file.read_text("utf-8") for file in (ROOT / "src/penstock/cli").glob("*.py")]
    read = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', "".join(sources)))
    assert read == first_column(section("Environment")) - {"NO_COLOR"}  # rich's own
