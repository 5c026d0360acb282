"""What is asked where: no path, model or query leads to another place than the provider's own."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import MockResponse, MockTransport
from penstock.errors import ConfigError, InvalidRequest, PenstockError
from penstock.http_provider import HTTPProvider
from penstock.providers.azure import Azure
from penstock.providers.bedrock import Bedrock
from penstock.providers.cloudflare import Cloudflare
from penstock.providers.databricks import Databricks
from penstock.providers.gemini import Gemini
from penstock.providers.heroku import Heroku
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.providers.vertex import Vertex
from penstock.transport import Request, Timeouts
from raw import assert_no_secret

AZURE = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION")


@pytest.mark.parametrize("kind", [Cloudflare, Databricks, Heroku])
@pytest.mark.parametrize("path", ["", "/", "/v1"])
def test_a_list_beside_the_base_url_stays_on_its_host(kind: type[HTTPProvider], path: str) -> None:
    provider = kind(base_url=f"https://gw.invalid{path}", api_key="sk-canary")
    asked = provider.protocol.models_request("")
    assert asked is not None
    assert provider.at(asked[1]).startswith("https://gw.invalid/")


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://h.invalid/a/b", "/c", "https://h.invalid/a/b/c"),
        ("https://h.invalid/a/b", "/../c", "https://h.invalid/a/c"),
        ("https://h.invalid/a", "/../../../c", "https://h.invalid/c"),
        ("https://h.invalid/a?k=v", "/c", "https://h.invalid/a/c?k=v"),
        ("https://h.invalid/a?k=v", "/c?d=e", "https://h.invalid/a/c?d=e&k=v"),
        ("https://h.invalid/a/?k=v", "/../c", "https://h.invalid/c?k=v"),
    ],
)
def test_a_path_stands_below_the_base_url(base_url: str, path: str, url: str) -> None:
    assert OpenAICompatible(base_url=base_url).at(path) == url


@pytest.mark.parametrize("model", ["publishers/../../../x", "models/../../v9/x", "a/./b", ".."])
@pytest.mark.parametrize("kind", [Gemini, Vertex, Bedrock])
async def test_a_models_name_leads_nowhere_else(kind: type[HTTPProvider], model: str) -> None:
    transport = MockTransport(lambda _: MockResponse())
    provider = kind(base_url="https://gw.invalid/v1", api_key="k", transport=transport)
    path = provider.protocol.locate(model, True)
    if {".", ".."} & set(path.partition("?")[0].split("/")):
        with pytest.raises(InvalidRequest, match="is no model's name"):
            await provider.create_async(model, "Hi")
        assert not transport.requests


@pytest.mark.parametrize(
    ("endpoint", "version", "url"),
    [
        ("https://r.openai.azure.com", "", "/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/openai/v1/", "", "/openai/v1/chat/completions"),
        (
            "https://r.openai.azure.com/",
            "2024-10-21",
            "/openai/deployments/my%2Fgpt/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://r.openai.azure.com",
            "preview",
            "/openai/v1/chat/completions?api-version=preview",
        ),
    ],
)
async def test_azures_addresses(
    endpoint: str, version: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in AZURE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-canary")
    if version:
        monkeypatch.setenv("AZURE_OPENAI_API_VERSION", version)
    request = await asked(Azure, "my/gpt")
    assert request.url == f"https://r.openai.azure.com{url}"
    assert request.headers["api-key"] == "sk-canary"
    assert "Authorization" not in request.headers


async def test_azures_version_may_stand_in_the_base_url() -> None:
    base = "https://r.openai.azure.com/openai?api-version=2024-10-21"
    request = await asked(Azure, "gpt", base_url=base, api_key="k")
    assert request.url == (
        "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    )


async def test_without_an_address_its_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AZURE:
        monkeypatch.delenv(name, raising=False)
    assert not Azure(api_key="k").is_configured()
    with pytest.raises(ConfigError, match="needs an address: set AZURE_OPENAI_ENDPOINT"):
        await asked(Azure, "gpt", api_key="k")


async def asked(kind: type[HTTPProvider], model: str, **given: Any) -> Request:
    """The request of a question that is refused."""
    transport = MockTransport(lambda _: MockResponse(404, {}, [b"{}"]))
    try:
        await kind(transport=transport, **given).create_async(model, "Hi")
    except PenstockError:
        if not transport.requests:
            raise
    return transport.requests[0]


async def test_what_a_question_carried_is_not_shown_though_the_service_says_it_back() -> None:
    said = b'{"message": "no route /v1?key=sk-canary X-Team: canary-blue Bearer canary-key"}'
    headers = {"x-request-id": "for-canary-key"}
    transport = MockTransport(lambda _: MockResponse(404, headers, [said]))
    provider = OpenAICompatible(
        base_url="https://gw.invalid/v1?key=sk-canary",
        api_key="canary-key",
        headers={"X-Team": "canary-blue"},
        transport=transport,
    )
    with pytest.raises(PenstockError) as raised:
        await provider.create_async("m", "Hi")
    assert_no_secret(raised.value)
    assert raised.value.request_id == "for-…"


async def test_what_a_proof_takes_is_part_of_the_calls_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([100.0, 103.0])
    monkeypatch.setattr("penstock.http_provider.monotonic", lambda: next(times))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    limits = Timeouts(total=10, headers=2, first=None)
    request = await asked(Bedrock, "m", timeouts=limits)
    assert request.timeouts == Timeouts(total=7, headers=0.001, first=None)
