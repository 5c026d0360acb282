"""The contract (law 6): what every file in ``providers/`` keeps, at no test line of its own."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import iter_modules

import pytest

from penstock import MockResponse, MockTransport, providers
from penstock.catalog import Catalog
from penstock.config import Config
from penstock.events import Event, Finish, Start, TextDelta, collect
from penstock.http_provider import HTTPProvider
from penstock.protocols import Protocol
from penstock.provider import Provider, question

NAMES = [module.name for module in iter_modules(providers.__path__)]
SAID: list[Event] = [
    Start("id", "m"),
    TextDelta("Привет, "),
    TextDelta("мир 🙂"),
    Finish("stop", "stop"),
]


def provider_of(module: str) -> Provider:
    return Catalog(Config()).get(module.replace("_", "-"))


@pytest.mark.parametrize("module", NAMES)
def test_it_says_what_it_is_and_where_people_read_about_it(module: str) -> None:
    provider = provider_of(module)
    assert inspect.getdoc(import_module(f"penstock.providers.{module}"))
    assert type(provider).__dict__["__doc__"]
    assert provider.url.startswith("https://")


@pytest.mark.parametrize("module", NAMES)
def test_it_has_a_protocol_or_says_its_answer_itself(module: str) -> None:
    provider = provider_of(module)
    if isinstance(provider, HTTPProvider):
        assert isinstance(provider.protocol, Protocol)
    else:
        assert type(provider).stream is not Provider.stream


@pytest.mark.parametrize("module", NAMES)
def test_its_name_is_its_files_name(module: str) -> None:
    assert type(provider_of(module)).name == module.replace("_", "-")


@pytest.mark.parametrize("module", NAMES)
async def test_it_reads_what_its_protocol_writes(module: str) -> None:
    provider = provider_of(module)
    if not isinstance(provider, HTTPProvider):
        provider = provider.configured()
        events = [event async for event in provider.stream(question("", "Hello", {}))]
        assert isinstance(events[-1], Finish)
        return
    request = question(provider.default_model, "Hello", {})
    encoder = provider.protocol.encoder(request)
    body = b"".join(encoder.encode(event) for event in SAID) + encoder.close()
    headers = {"content-type": provider.protocol.stream_type}
    transport = MockTransport(lambda _: MockResponse(200, headers, [body]))
    here = provider.configured(
        transport=transport, api_key="sk-test", base_url="https://service.invalid"
    )
    reply = collect([event async for event in here.stream(request)])
    assert reply.text == "Привет, мир 🙂"
    assert reply.finish is not None
    asked = transport.requests[0]
    assert asked.method == "POST"
    where = provider.protocol.locate(request.model, request.stream)
    assert asked.url == "https://service.invalid" + where
    assert "sk-test" not in repr(asked)
    assert "sk-test" not in repr(here.settings)
