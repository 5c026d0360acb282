"""Who may ask a gateway without keys: programs and pages of this very machine.

A page elsewhere can make a browser send requests to loopback (CSRF), and a name that someone
else controls can be made to mean 127.0.0.1 (DNS rebinding): the Host and Origin headers tell.
"""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

from penstock.errors import CallerError, ConfigError
from penstock.transport import is_loopback_host


class Forbidden(CallerError):
    """The request comes from where this gateway does not answer to."""

    http_status = 403


def check_address(host: str) -> None:
    """Refuse to listen where others could reach a gateway without keys."""
    if not is_loopback_host(host):
        raise ConfigError(
            f"the gateway has no keys yet and listens on loopback only, not on {host!r}; "
            "use 127.0.0.1, ::1 or localhost"
        )


@functools.lru_cache(1024)
def _is_local(url: str) -> bool:
    """Whether a URL's host is loopback, and nothing but host and port is there: "evil?x=/" must
    not pass for a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return False
    return is_loopback_host(parts.hostname or "")


def check_caller(host: str | None, origin: str | None, allowed_origin: str = "") -> None:
    """Raise ``Forbidden`` unless Host, and Origin where there is one, are this machine's."""
    if host is None or not _is_local(f"//{host}"):
        raise Forbidden("this Host is not answered here; ask for 127.0.0.1 or localhost")
    if origin is None or origin == allowed_origin:
        return
    if not _is_local(origin):
        raise Forbidden("pages of other origins may not use this gateway")
