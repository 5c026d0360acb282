"""Settings: the call goes before the instance, the instance before the environment."""

from __future__ import annotations

import pytest

from penstock import Aura, Settings, Timeouts
from penstock.errors import ConfigError
from penstock.settings import changed, from_environment


def test_the_call_goes_before_the_instance_and_that_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Aura().endpoint == "https://openchat.team/api/chat"
    monkeypatch.setenv("PENSTOCK_AURA_BASE_URL", "http://env.invalid/")
    assert Aura().endpoint == "http://env.invalid/api/chat"
    provider = Aura(base_url="http://instance.invalid")
    assert provider.endpoint == "http://instance.invalid/api/chat"
    assert provider.configured(base_url="http://call.invalid").endpoint == (
        "http://call.invalid/api/chat"
    )
    assert provider.endpoint == "http://instance.invalid/api/chat"


def test_nothing_and_none_change_nothing() -> None:
    settings = Settings(base_url="http://x.invalid")
    assert changed(settings, {}) == settings
    assert changed(settings, {"base_url": None, "proxy": None}) == settings


def test_timeout_is_the_total_and_the_others_stay() -> None:
    settings = changed(Settings(timeouts=Timeouts(idle=7)), {"timeout": 3})
    assert settings.timeouts == Timeouts(idle=7, total=3)
    settings = changed(Settings(), {"timeouts": {"idle": 5, "first": None}})
    assert settings.timeouts == Timeouts(idle=5, first=None)


def test_headers_are_added_to_those_that_are_there() -> None:
    settings = changed(Settings(headers={"A": "1", "B": "2"}), {"headers": {"B": "3"}})
    assert settings.headers == {"A": "1", "B": "3"}


def test_a_secret_is_not_shown() -> None:
    settings = changed(Settings(), {"api_key": "canary", "proxy": "http://u:canary@h"})
    assert "canary" not in repr(settings)
    assert settings.api_key == "canary"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"apikey": "x"}, "apikey.*api_key"),
        ({"base_url": 7}, "base_url"),
        ({"api_key": b"x"}, "api_key"),
        ({"timeouts": {"idel": 1}}, "idel"),
        ({"timeouts": {"idle": "long"}}, "timeouts"),
        ({"timeout": "soon"}, "timeout"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Aura(**given)


def test_the_environment_variable_is_made_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CODELINK_AVA_API_KEY", "x")
    assert from_environment("codelink-ava", "api_key") == "x"
    assert from_environment("codelink-ava", "base_url") == ""
