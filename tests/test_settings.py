"""Where a setting comes from, and what is said of one that is wrong."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from penstock.errors import ConfigError
from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat
from penstock.settings import NAMES, Settings, changed, from_environment, variable
from penstock.transport import Timeouts
from penstock.transport.mock import MockResponse, MockTransport

ANSWER = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\ndata: [DONE]\n\n'


class Lab(HTTPProvider):
    """A service with an address and a key variable of its own."""

    base_url = "https://class.example/v1"
    api_key_env = "VENDOR_KEY"
    protocol = OpenAIChat()


class Asked:
    """A transport that remembers the last request."""

    def __init__(self) -> None:
        self.transport = MockTransport(lambda request: MockResponse(chunks=[ANSWER]))

    async def by(self, instance: dict[str, Any], call: dict[str, Any]) -> tuple[str, str]:
        """The URL and the key that a call with these settings sends."""
        provider = Lab(transport=self.transport, **instance)
        assert await provider.create_async("m", "Hi", **call) == "Hello"
        request = self.transport.requests[-1]
        url = request.url.removesuffix("/chat/completions")
        return url, request.headers.get("Authorization", "").removeprefix("Bearer ")


PLACES = ("call", "instance", "environment", "class")


@pytest.mark.parametrize(
    "said", [p for n in range(5) for p in itertools.combinations(PLACES[:3], n)], ids=", ".join
)
async def test_a_call_goes_before_an_instance_before_the_environment_before_the_class(
    said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, dict[str, str]] = {place: {} for place in PLACES}
    for place in said:
        given[place] = {"base_url": f"https://{place}.example/v1/", "api_key": f"{place}-key"}
    monkeypatch.setenv("VENDOR_KEY", "class-key")
    for name, value in given["environment"].items():
        monkeypatch.setenv(f"PENSTOCK_LAB_{name.upper()}", value)
    strongest = said[0] if said else "class"
    assert await Asked().by(given["instance"], given["call"]) == (
        f"https://{strongest}.example/v1",
        f"{strongest}-key",
    )


async def test_the_environment_is_read_for_calls_on_the_class_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_LAB_BASE_URL", "https://environment.example")
    monkeypatch.setenv("PENSTOCK_LAB_API_KEY", "environment-key")
    asked = Asked()
    assert await Lab.create_async("m", "Hi", transport=asked.transport) == "Hello"
    request = asked.transport.requests[0]
    assert request.url == "https://environment.example/chat/completions"
    assert request.headers["Authorization"] == "Bearer environment-key"


def test_the_variable_of_a_name_with_a_hyphen_has_an_underscore(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_CODELINK_AVA_BASE_URL", "https://ava.example")
    assert from_environment("codelink-ava", "base_url") == "https://ava.example"
    assert from_environment("codelink-ava", "api_key") == ""
    assert variable("my-local", "context") == "PENSTOCK_MY_LOCAL_CONTEXT"
    monkeypatch.setenv("PENSTOCK_CODELINK_AVA_API_KEY", " ")
    assert from_environment("codelink-ava", "api_key") == ""


async def test_the_proxy_of_a_call_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_PROXY", "http://environment:1")
    monkeypatch.setenv("VENDOR_KEY", "key")
    asked = Asked()
    for instance, call, proxy in [
        ({}, {}, "http://environment:1"),
        ({"proxy": "http://instance:1"}, {}, "http://instance:1"),
        ({"proxy": "http://instance:1"}, {"proxy": "http://call:1"}, "http://call:1"),
    ]:
        await asked.by(instance, call)
        assert asked.transport.requests[-1].proxy == proxy


async def test_timeouts_are_changed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", "key")
    asked = Asked()
    await asked.by({"timeouts": {"connect": 1, "idle": 2}}, {"timeouts": {"idle": None}})
    assert asked.transport.requests[-1].timeouts == Timeouts(connect=1, idle=None)
    await asked.by({"timeouts": Timeouts(connect=1)}, {"timeout": 7})
    assert asked.transport.requests[-1].timeouts == Timeouts(connect=1, total=7)
    await asked.by({"timeout": 5}, {"timeouts": Timeouts(first=3)})
    assert asked.transport.requests[-1].timeouts == Timeouts(first=3)


async def test_headers_are_added_and_replaced_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", "key")
    asked = Asked()
    await asked.by({"headers": {"X-A": "1", "X-B": "1"}}, {"headers": {"X-B": "2"}})
    headers = asked.transport.requests[-1].headers
    assert (headers["X-A"], headers["X-B"]) == ("1", "2")


def test_none_changes_nothing() -> None:
    before = Settings(base_url="https://example.com", timeouts=Timeouts(idle=1))
    assert changed(before, dict.fromkeys(NAMES)) == before


def test_configured_leaves_the_original_as_it_is() -> None:
    lab = Lab(base_url="https://one.example")
    assert lab.endpoint == "https://one.example/chat/completions"
    other = lab.configured(base_url="https://two.example", headers={"X": "1"})
    assert other.endpoint == "https://two.example/chat/completions"
    assert lab.endpoint == "https://one.example/chat/completions"
    assert lab.settings.headers == {}


def test_an_unknown_setting_names_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        Lab(base_ulr="https://example.com")
    assert caught.value.message == (
        "no setting base_ulr; there are api_key, base_url, headers, proxy, timeout, timeouts, "
        "transport, webdriver"
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"base_url": b"https://example.com"}, "base_url must be text, not bytes"),
        ({"api_key": 7}, "api_key must be text, not int"),
        ({"proxy": ["http://a"]}, "proxy must be text, not list"),
        ({"timeout": "long"}, "timeouts: Expected `float"),
        ({"timeout": True}, "timeouts: Expected `float"),
        ({"timeout": 0}, "timeouts: Expected `float` > 0"),
        ({"timeout": -1.5}, "timeouts: Expected `float` > 0"),
        ({"timeout": float("nan")}, "timeouts: Expected `float` > 0"),
        ({"timeouts": 5}, "timeouts: Expected `object`"),
        ({"timeouts": {"idel": 5}}, "timeouts: Object contains unknown field `idel`"),
        ({"timeouts": {"idle": "5"}}, "timeouts: Expected `float"),
        ({"timeouts": Timeouts(idle="5")}, "timeouts: Expected `float"),  # type: ignore[arg-type]
        ({"headers": "X: 1"}, "headers must be a mapping of texts"),
        ({"headers": {"X": 1}}, "headers must be a mapping of texts"),
        ({"headers": {1: "X"}}, "headers must be a mapping of texts"),
        ({"transport": "http"}, "transport must have a method send"),
    ],
    ids=str,
)
async def test_a_setting_of_the_wrong_type_is_the_configurations_fault(
    given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Lab(**given)
    assert caught.value.message.startswith(says)
    with pytest.raises(ConfigError):
        await Lab.create_async("m", "Hi", **given)


def test_secrets_are_not_shown() -> None:
    settings = changed(Settings(), {"api_key": "canary", "proxy": "http://u:canary@host"})
    assert settings.api_key == "canary"
    assert "canary" not in repr(settings)
    assert "canary" not in repr(Lab(api_key="canary", headers={"X": "canary"}))
