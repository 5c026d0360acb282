"""aiohttp's sessions, which hold the pooled connections: one per event loop and SOCKS proxy.

Each lives in an asynchronous generator of its loop, so that ``asyncio.run`` closes it
(shutdown_asyncgens) without anybody having to.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import TypeAlias

import aiohttp

from penstock.errors import ConfigError, MissingExtra
from penstock.transport import origin
from penstock.transport.answer import Answer

_BUFFER = 2**16
"""Bytes read ahead of a slow reader before the service is made to wait (twice this)."""

Place: TypeAlias = tuple[asyncio.AbstractEventLoop, str, bool]
"""The loop, the SOCKS proxy or "", and whether connections serve one question each."""
alive: dict[Place, tuple[aiohttp.ClientSession, AsyncGenerator[object]]] = {}
"""Every session that is open, and the generator it lives in."""


async def session(socks: str = "", once: bool = False) -> aiohttp.ClientSession:
    """The session of this loop and proxy. ``once``: its connections serve one question each, as
    they must who said ``Connection: close`` (RFC 9112, section 9.6); aiohttp would keep them.
    Raises ``MissingExtra`` where a SOCKS proxy needs it, ``ConfigError`` where it has no port."""
    place = asyncio.get_running_loop(), socks, once
    if found := alive.get(place):
        return found[0]
    for old in [old for old in list(alive) if old[0].is_closed()]:
        if left := alive.pop(old, None):  # its loop was closed without shutdown_asyncgens
            await left[0].close()
    keeper = _keep(place)
    made = await anext(keeper)
    alive[place] = made, keeper
    return made


async def _keep(place: Place) -> AsyncGenerator[aiohttp.ClientSession]:
    _, socks, once = place
    made = aiohttp.ClientSession(
        connector=_connector(socks, once),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_BUFFER,
        response_class=Answer,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
    try:
        yield made
    finally:
        alive.pop(place, None)
        await made.close()


def _connector(socks: str, once: bool) -> aiohttp.BaseConnector:
    if not socks:
        return aiohttp.TCPConnector(limit=0, force_close=once)
    try:
        from aiohttp_socks import ProxyConnector
    except ImportError:
        raise MissingExtra("a SOCKS proxy needs `pip install penstock[socks]`") from None
    # The proxy resolves the name, in socks5 as in socks5h: nothing leaks to the system's resolver.
    url = socks.replace("socks5h://", "socks5://")
    try:
        return ProxyConnector.from_url(url, rdns=True, limit=0, force_close=once)
    except ValueError:
        raise ConfigError(f"the proxy {origin(socks)} needs a port") from None


def _disown() -> None:
    """In a forked child: the parent's connections are never touched again, not even by the end of
    the process. Closing one here would take it off the poll set that both processes share."""
    import ctypes

    for made, _ in alive.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    alive.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)
