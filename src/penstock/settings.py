"""How a provider reaches its service: given per call, per instance, or by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from penstock import variables
from penstock.errors import ConfigError
from penstock.transport import Timeouts, Transport, origin
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

    def __repr__(self) -> str:
        """Without keys, and without what stands in headers and behind a URL's host."""
        shown = f"base_url={origin(self.base_url)!r}" if self.base_url else ""
        return f"Settings({shown})"


NAMES = frozenset({*Settings.__struct_fields__, "timeout"})


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """``settings`` with ``changes`` on top; ``None`` changes nothing; ``timeout`` is the total.

    Raises ``ConfigError`` naming a setting that does not exist or has the wrong type.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    if unknown := given.keys() - NAMES:
        known = ", ".join(sorted(NAMES))
        raise ConfigError(f"no setting {', '.join(sorted(unknown))}; there are {known}")
    if "timeouts" in given or "timeout" in given:
        total = {"total": given.pop("timeout")} if "timeout" in given else {}
        given["timeouts"] = _timeouts(settings.timeouts, given.get("timeouts", {}), total)
    for name in ("base_url", "api_key", "proxy"):
        if name in given:
            given[name] = _text(name, given[name])
    if "headers" in given:
        given["headers"] = {**settings.headers, **_headers(given["headers"])}
    if "transport" in given and not callable(getattr(given["transport"], "send", None)):
        raise ConfigError("transport must have a method send(request)")
    return msgspec.structs.replace(settings, **given)


def _timeouts(before: Timeouts | None, *changes: Any) -> Timeouts:
    """``before`` with each of the changes, a ``Timeouts`` or a mapping of some of its fields."""
    limits = before or Timeouts()
    try:
        for change in changes:
            if isinstance(change, Mapping):
                limits = msgspec.convert({**msgspec.structs.asdict(limits), **change}, Timeouts)
            else:
                limits = msgspec.convert(change, Timeouts, from_attributes=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"timeouts: {error}") from None
    return limits


def _headers(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(text, str) for pair in value.items() for text in pair
    ):
        raise ConfigError("headers must be a mapping of texts: {'X-Name': 'value'}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be text, not {type(value).__name__}")
    return value.rstrip("/") if name == "base_url" else Secret(value)


def variable(provider: str, setting: str) -> str:
    """``PENSTOCK_<PROVIDER>_<SETTING>``, for example ``PENSTOCK_AURA_BASE_URL``."""
    return f"PENSTOCK_{provider}_{setting}".upper().replace("-", "_")


def from_environment(provider: str, setting: str) -> str:
    """What the variable of a provider's setting says; or empty."""
    return variables.value(variable(provider, setting))
