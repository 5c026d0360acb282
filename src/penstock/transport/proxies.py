"""Proxies on the way to a service: what may name one, and what one that fails is told as."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp

from penstock.errors import ConfigError, ConnectionFailed, PenstockError, Timeout
from penstock.transport import Request, origin

_SCHEMES = ("http", "https", "socks5", "socks5h")
_SOCKS = ("aiohttp_socks", "python_socks")
"""Packages with error trees of their own; they come with the extra."""


def check(url: str) -> None:
    """Raises ``ConfigError`` where a request's proxy is no URL of one; empty is none at all."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if url and (not whole or parts.path.strip("/") or parts.query or parts.fragment):
        raise ConfigError(
            "the proxy must be a URL like http://user:password@host:8080 (or https, socks5, "
            "socks5h), with special characters in the password percent-encoded"
        )


def answered(response: aiohttp.ClientResponse, request: Request) -> bool:
    """Whether a proxy answered in the service's place that it does not know us. tinyproxy says 401
    where it should say 407; no chat service asks for Basic authentication."""
    if not request.proxy or request.proxy.startswith("socks"):
        return False
    basic = response.headers.get("www-authenticate", "").lower().startswith("basic")
    plain = request.url.startswith("http:")
    return response.status == 407 or (response.status == 401 and basic and plain)


def refused(status: int, request: Request) -> PenstockError:
    """What a proxy's own answer is told as."""
    hint = "; check its user and password" if status in (401, 407) else ""
    return ConnectionFailed(f"the proxy {origin(request.proxy)} answered {status}{hint}")


def silent(request: Request) -> PenstockError:
    """What a proxy that cannot be reached is told as."""
    return ConnectionFailed(f"no connection to the proxy {origin(request.proxy)}; is it running?")


def is_socks(error: Exception) -> bool:
    """Whether a SOCKS proxy's package raised it."""
    return type(error).__module__.partition(".")[0] in _SOCKS


def map_socks_error(error: Exception, request: Request) -> PenstockError:
    """The error of ours for one of these packages'."""
    where, proxy = origin(request.url), origin(request.proxy)
    kind = type(error).__name__
    if kind == "ProxyTimeoutError":
        text = f"no connection to {where} through the proxy {proxy} in time (connect)"
        return Timeout(text, limit="connect")
    if kind == "ProxyConnectionError":
        return silent(request)
    if "authentication" in str(error):
        return ConnectionFailed(f"the proxy {proxy} refused us; check its user and password")
    return ConnectionFailed(f"the proxy {proxy} could not connect to {where}")
