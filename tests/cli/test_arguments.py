"""The options, and how little it takes to explain them."""

import subprocess
import sys

import pytest

from penstock import __version__
from penstock.cli.arguments import parse
from shell import run

SLOW = ("aiohttp", "asyncio", "msgspec", "rich", "prompt_toolkit", "uvloop", "ssl", "inspect")
OURS = ("penstock.provider", "penstock.client", "penstock.catalog", "penstock.config")


@pytest.mark.parametrize("option", ["--help", "--version", "chat --help", "serve --help", ""])
def test_help_imports_nothing_that_takes_time(option: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "penstock", *option.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "penstock.cli" in imported
    assert not imported & {*SLOW, *OURS}


def test_penstock_alone_prints_its_help() -> None:
    alone, asked = run(COLUMNS="80"), run("--help", COLUMNS="80")
    assert alone.returncode == asked.returncode == 0
    assert alone.stdout == asked.stdout
    assert b"chat" in alone.stdout
    assert b"serve" in alone.stdout
    assert max(map(len, alone.stdout.splitlines())) < 80


def test_the_version_is_the_packages() -> None:
    assert run("--version").stdout == f"penstock {__version__}\n".encode()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("temperature=0.2", 0.2),
        ("tools=[]", []),
        ("stop=a=b", "a=b"),
        ("user=", ""),
        ("effort=high", "high"),
        ("x=NaN", "NaN"),
        ('x="0.2"', "0.2"),
    ],
)
def test_an_options_value_is_json_where_it_can_be_read_as_such(said: str, meant: object) -> None:
    (option,) = parse(["chat", "-o", said]).option
    assert option == (said.partition("=")[0], meant)


@pytest.mark.parametrize(
    "wrong",
    [
        "chat -o temperature",
        "chat -o =1",
        "chat --timeout 0",
        "chat --timeout soon",
        "chat --timeout nan",
        "serve --port 65536",
        "serve --port -1",
        "sing",
        "chat --sing",
    ],
)
def test_a_wrong_argument_exits_with_2(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong.split())
    assert ended.value.code == 2
    assert "usage: penstock" in capsys.readouterr().err


def test_an_option_that_is_none_is_answered_with_those_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for wrong in ("chat --modle x", "chat hi --modle x", "pull --lsit"):
        with pytest.raises(SystemExit) as ended:
            parse(wrong.split())
        assert ended.value.code == 2
        command = wrong.partition(" ")[0]
        assert capsys.readouterr().err.startswith(f"usage: penstock {command} [-h]")
