"""How a provider reaches its service: given per call, per instance, or by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from penstock.errors import ConfigError
from penstock.transport import Timeouts, Transport
from penstock.types import Secret


class Settings(Struct, frozen=True):
    """``base_url``; ``api_key``; ``proxy`` (a URL: http, https, socks5, socks5h); ``timeouts``;
    ``headers`` added to every request; ``webdriver``, a browser session that the user opened;
    ``transport``, the seam. Empty means: not said here."""

    base_url: str = ""
    api_key: Secret = Secret("")
    proxy: Secret = Secret("")
    timeouts: Timeouts | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    webdriver: Any = None
    transport: Transport | None = None


NAMES = frozenset({*Settings.__struct_fields__, "timeout"})


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """``settings`` with ``changes`` on top; ``None`` changes nothing; ``timeout`` is the total.

    Raises ``ConfigError`` naming a setting that does not exist or has the wrong type.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    if unknown := given.keys() - NAMES:
        known = ", ".join(sorted(NAMES))
        raise ConfigError(f"no setting {', '.join(sorted(unknown))}; there are {known}")
    limits = given.pop("timeouts", None) or settings.timeouts
    if (total := given.pop("timeout", None)) is not None:
        limits = msgspec.structs.replace(_timeouts(limits), total=float(total))
    if limits is not None:
        given["timeouts"] = _timeouts(limits)
    for name in ("base_url", "api_key", "proxy"):
        if name in given:
            given[name] = _text(name, given[name])
    if "headers" in given:
        given["headers"] = {**settings.headers, **given["headers"]}
    return msgspec.structs.replace(settings, **given)


def _timeouts(value: Any) -> Timeouts:
    if value is None or isinstance(value, Timeouts):
        return value or Timeouts()
    try:
        return msgspec.convert(value, Timeouts)
    except msgspec.ValidationError as error:
        raise ConfigError(f"timeouts: {error}") from None


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be text, not {type(value).__name__}")
    return value.rstrip("/") if name == "base_url" else Secret(value)


def from_environment(provider: str, setting: str) -> str:
    """``PENSTOCK_<PROVIDER>_<SETTING>``, for example ``PENSTOCK_AURA_BASE_URL``; or empty."""
    name = f"PENSTOCK_{provider}_{setting}".upper().replace("-", "_")
    return os.environ.get(name, "")
