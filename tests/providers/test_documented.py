"""What each service is asked, on the wire, is what its own documentation says.

``documented/*.toml`` says that, a table for each service, written from the vendors' pages:

doc       the page
url       the whole address of a streamed question
header    the header that carries the key
env       the variables that configure it
model     what is asked
without   keys that the usual body of OpenAI chat has and this one has not
body      what it has instead or besides; "*" stands for any value
"""

from __future__ import annotations

import inspect
import json
import os
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec import Struct, convert

from penstock.catalog import Catalog
from penstock.config import Config
from penstock.events import Event, Finish, Start, TextDelta
from penstock.http_provider import HTTPProvider
from penstock.provider import question
from raw import head
from vendors import Seen, Vendors

HERE = Path(__file__).parent
OF_THEIR_OWN = {"aivvm", "aura", "codelink_ava", "openai_compatible", "local", "builtin"}
"""The founding three have a test file; the others have no vendor."""
SAID: list[Event] = [Start("id", "m"), TextDelta("Hi"), Finish("stop", "stop")]
USUAL = {
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


class Documented(Struct, forbid_unknown_fields=True):
    doc: str
    url: str
    model: str
    header: str = ""
    env: dict[str, str] = {}
    without: tuple[str, ...] = ()
    body: dict[str, Any] = {}


def read() -> Iterator[tuple[str, Documented]]:
    for path in sorted((HERE / "documented").glob("*.toml")):
        for name, table in tomllib.loads(path.read_text("utf-8")).items():
            yield name, convert(table, Documented)


DOCUMENTED = dict(read())


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as vendors:
        yield vendors


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.endswith(("_KEY", "_TOKEN", "_PROJECT", "_LOCATION", "_REGION", "_CREDENTIALS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_every_service_is_documented() -> None:
    modules = {
        path.stem for path in Path(import_module("penstock.providers").__path__[0]).glob("*.py")
    }
    assert modules - OF_THEIR_OWN - {"__init__"} == DOCUMENTED.keys() - OF_THEIR_OWN


async def asked(name: str, said: Documented, vendors: Vendors) -> Seen:
    provider = Catalog(Config()).get(name.replace("_", "-"))
    assert isinstance(provider, HTTPProvider)
    given = {"proxy": vendors.url}
    if said.url.startswith("http://"):  # on this machine, where no proxy leads
        usual = urlsplit(provider.base_url)
        assert usual.netloc == urlsplit(said.url).netloc
        given = {"base_url": vendors.url + usual.path}
    request = question(said.model, "Hi", {})
    encoder = provider.protocol.encoder(request)
    body = b"".join(map(encoder.encode, SAID)) + encoder.close()
    answer = head(content_type=provider.protocol.stream_type, content_length=len(body))
    vendors.answer = answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body
    here = provider.configured(transport=vendors.transport, **given)
    assert await here.create_async(said.model, "Hi", stream=True) == "Hi"
    return vendors.seen[-1]


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_the_wire_is_as_documented(
    name: str, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = DOCUMENTED[name]
    for variable, value in said.env.items():
        monkeypatch.setenv(variable, value)
    seen = await asked(name, said, vendors)
    assert seen.line.startswith("POST ")
    assert seen.url == said.url.removeprefix(f"http://{urlsplit(said.url).netloc}")
    assert seen.headers["content-type"] == "application/json"
    if said.header:
        header, _, value = said.header.partition(": ")
        assert seen.headers[header.lower()] == value
    else:
        assert "authorization" not in seen.headers
    assert matched(json.loads(seen.body), said) == expected(said)


def expected(said: Documented) -> dict[str, Any]:
    usual = {"model": said.model, **USUAL}
    return {key: value for key, value in usual.items() if key not in said.without} | said.body


def matched(body: dict[str, Any], said: Documented) -> dict[str, Any]:
    """The body that was sent, with ``*`` for what may be anything."""
    free = {key for key, value in said.body.items() if value == "*"}
    return {key: "*" if key in free else value for key, value in body.items()}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_its_file_names_its_page_and_its_default(name: str) -> None:
    text = inspect.getdoc(import_module(f"penstock.providers.{name}"))
    assert text is not None
    assert "https://" in text
    assert "read\n2026-" in text or "read 2026-" in text
