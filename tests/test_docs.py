"""The documentation is true: its examples run, its tables are the code's, its links resolve."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import Struct

import penstock
from pages import ROOT, Block, Reader, blocks
from penstock import (
    Aivvm,
    Aura,
    Catalog,
    ChatRequest,
    CodeLinkAva,
    Config,
    Event,
    HTTPProvider,
    PenstockError,
    Provider,
    Reply,
    Settings,
    Timeouts,
    Usage,
    errors,
    settings,
)
from penstock.config import GatewayConfig, ProviderConfig, RouteConfig, StatusConfig, load
from penstock.events import FinishReason
from penstock.gateway.routes import build
from penstock.providers.aivvm import MODELS
from penstock.types import Provenance

DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]
LANGUAGES = {"", "json", "python", "sh", "text", "toml"}

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def part(name: str, title: str) -> str:
    """What stands under a heading, up to the next; without the blocks."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", read(name), re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/{name} has no heading {title!r}"
    return without_blocks(found[1])


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def rows(text: str) -> list[list[str]]:
    """The cells of a table, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(text: str) -> list[str]:
    """Everything in backticks."""
    return re.findall(r"`([^`]+)`", text)


def firsts(text: str) -> list[str]:
    """The names in the first column of a table."""
    return [name for row in rows(text) for name in names(row[0])]


def fields(kind: type[Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def all_errors() -> Iterator[type[PenstockError]]:
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, PenstockError):
            yield value


# Every page


@each_page
def test_every_example_on_a_page_runs(page: Path, tmp_path: Path) -> None:
    with Reader(tmp_path) as reader:
        for block in blocks(page):
            try:
                reader.follow(block)
            except AssertionError as error:
                pytest.fail(f"{page.relative_to(ROOT)}:{block.line}: {error}", pytrace=False)


@each_page
def test_every_block_is_of_a_language_that_is_looked_at(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert page.read_text("utf-8").count("\n```") == 2 * len(blocks(page))


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page.read_text("utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{link} is not there"
        assert not anchor or anchor in anchors(target), f"{link} has no such heading"


def anchors(page: Path) -> set[str]:
    """The headings as links name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_index_names_every_page() -> None:
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", read("README.md")))
    assert linked >= {page.name for page in DOCS.glob("*.md")} - {"README.md"}


# Adding a provider


def block_of(name: str, text: str) -> Block:
    return next(block for block in blocks(DOCS / name) if text in block.text)


def test_a_plain_service_is_one_file_of_less_than_15_lines() -> None:
    shown = block_of("adding-a-provider.md", "class Groq")
    file = ROOT / shown.marks["source"]
    assert shown.text == file.read_text("utf-8")
    assert len(shown.text.splitlines()) < 15


def test_the_constants_of_a_provider_are_those_of_the_classes() -> None:
    said = {
        name: row[1]
        for row in rows(part("adding-a-provider.md", "Class constants"))
        for name in names(row[0])
    }
    for kind, where in ((Provider, "all"), (HTTPProvider, "`HTTPProvider`")):
        own = {name for name in inspect.get_annotations(kind) if not name.startswith("_")}
        assert {name for name, of in said.items() if of == where} == own - {"name"}


def test_a_package_brings_a_provider_as_the_page_says(tmp_path: Path) -> None:
    said = tomllib.loads(block_of("adding-a-provider.md", "entry-points").text)
    ((group, points),) = said["project"]["entry-points"].items()
    info = tmp_path / "shout_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout-package\nVersion: 1.0\n")
    lines = "".join(f"{name} = {where}\n" for name, where in points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    (tmp_path / "shout_package.py").write_text(block_of("adding-a-provider.md", "class Shout").text)
    program = "from penstock import Catalog, Config; print(Catalog(Config()).get('shout'))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
    )
    assert run.stdout == "<Shout shout>\n"


# The founding providers


def test_what_the_founding_providers_send_is_what_the_page_says() -> None:
    table = {row[0]: row[1:] for row in rows(part("founding-providers.md", "What they send"))}
    for column, kind in enumerate((CodeLinkAva, Aivvm, Aura)):
        assert table["`url`"][column] == kind.url
        assert table["endpoint"][column] == f"POST {kind().endpoint}"
        sent = [*kind.headers]
        assert set(sent) <= {*names(table["browser headers"][column]), "Content-Type"}
        if agent := kind.headers.get("User-Agent"):
            version = re.findall(r"\(Chrome (\d+)\)", table["browser headers"][column])[0]
            assert f"Chrome/{version}." in agent
        assert not kind.working
    assert [
        name for name in names(part("founding-providers.md", "What they send")) if name in MODELS
    ][-len(MODELS) :] == list(MODELS)


# The library


def test_the_events_are_those_of_the_page() -> None:
    table = rows(part("library.md", "Events"))
    said = {names(row[0])[0]: names(row[1]) for row in table}
    assert said == {kind.__name__: fields(kind) for kind in get_args(Event)}


def test_the_reply_the_usage_and_the_reasons_are_those_of_the_page() -> None:
    events, usage = names(part("library.md", "Events")), names(part("library.md", "Usage"))
    properties = [name for name, value in vars(Reply).items() if isinstance(value, property)]
    assert {*properties, *fields(Reply)} <= set(events)
    assert {*fields(Usage)} - {"metadata"} <= set(usage)
    assert set(get_args(FinishReason)) <= set(events)
    assert set(get_args(Provenance)) <= set(usage)


def test_the_settings_and_options_are_those_of_the_page() -> None:
    text = part("library.md", "Options and settings")
    assert set(firsts(text)) == settings.NAMES
    assert {*fields(Settings)} <= set(firsts(text))
    of_the_call = {"model", "messages", "stream", "api_key", "protocol", "extra", "metadata"}
    options = text.partition("**Options**")[2].partition("A wrong type")[0]
    assert set(names(options)) == {*fields(ChatRequest)} - of_the_call


@pytest.mark.parametrize(
    ("page", "title"), [("library.md", "Timeouts"), ("configuration.md", "timeouts")]
)
def test_the_timeouts_are_those_of_the_page(page: str, title: str) -> None:
    said = {names(row[0])[0]: float(row[-1]) for row in rows(part(page, title))}
    assert said == msgspec.structs.asdict(Timeouts())


def test_the_error_tree_is_drawn_whole() -> None:
    shown = block_of("library.md", "PenstockError\n").text
    drawn = re.findall(r"^[ │├└─]*(\w+)", shown, re.MULTILINE)
    assert sorted(drawn) == sorted(kind.__name__ for kind in all_errors())


# Configuration


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Top level", Config),
        ("timeouts", Timeouts),
        ("gateway", GatewayConfig),
        ("status", StatusConfig),
        ("routes.NAME", RouteConfig),
        ("providers.NAME", ProviderConfig),
    ],
)
def test_every_key_of_the_config_file_is_on_the_page(title: str, kind: type[Struct]) -> None:
    of_the_reader = {"folder"} if kind is Config else set()  # where the file lies; no key of it
    assert set(firsts(part("configuration.md", title))) == {*fields(kind)} - of_the_reader


def test_the_example_of_a_config_file_is_one_and_has_every_key(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(block_of("configuration.md", "[providers.lab]").text, "utf-8")
    assert load(file).default == "lab/qwen3"
    said = tomllib.loads(file.read_text("utf-8"))
    assert {*said, "folder"} == {*fields(Config)}
    assert {*said["timeouts"]} == {*fields(Timeouts)}
    assert {*said["gateway"]} == {*fields(GatewayConfig)}
    assert {*said["status"]} == {*fields(StatusConfig)}
    assert {key for table in said["routes"].values() for key in table} == {*fields(RouteConfig)}
    assert {key for table in said["providers"].values() for key in table} == {
        *fields(ProviderConfig)
    }


def test_every_variable_that_is_read_is_on_the_page() -> None:
    said = set(firsts(part("configuration.md", "The environment")))
    package = ROOT / "src" / "penstock"
    sources = [file for file in package.rglob("*.py") if file.parent.name != "cli"]
    text = "".join(file.read_text("utf-8") for file in sources)
    reads = re.findall(
        r'(?:environ(?:\.get\(|\[)|variables\.\w+\(|_VARIABLE = )"\{?([\w|]+)[":]', text
    )
    read_there = [name for names in reads for name in names.split("|")]
    usual = re.findall(r'^    api_key_env = "(\w+)"', text, re.MULTILINE)
    assert len(read_there) > 3
    # A service's usual variable is on its own file and in `penstock providers`: a new service
    # is one new file, and no page is edited for it.
    named = {"PENSTOCK_<NAME>_BASE_URL", "PENSTOCK_<NAME>_API_KEY"}
    assert {*read_there} | named == said - {*usual}


# The gateway


def test_the_paths_are_those_of_the_page() -> None:
    said = [(row[0], names(row[1])[0]) for row in rows(part("gateway.md", "Paths"))]
    assert sorted(said) == sorted(build(Catalog(Config())))


def test_the_statuses_are_those_of_the_errors() -> None:
    table = rows(part("gateway.md", "How failures are told"))
    said = {name: int(row[0]) for row in table for name in names(row[1])}
    del said["Retry-After"]
    of_kinds = {kind.__name__: kind.http_status for kind in all_errors()}
    assert said == {name: status for name, status in of_kinds.items() if name != "PenstockError"}


# The reference


def test_the_reference_is_current_and_every_public_name_has_a_docstring() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "reference", "--check"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", ["protocols", "providers"])
def test_a_page_that_is_made_is_current(page: str) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / page, "--check"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_the_reference_has_every_public_name() -> None:
    shown = re.findall(r"^- `(\w+)", read("reference.md"), re.MULTILINE)
    assert sorted(shown) == sorted(penstock.__all__)
