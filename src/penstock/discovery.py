"""What listens on this machine: ports are knocked at, all at once, and asked what they are.

Nothing but loopback, by bare HTTP/1.0 over a socket of our own: no name is looked up, no proxy and
no redirect is followed, no key is sent. What does not answer in time is not there; what answers
too much, or not in JSON, says nothing.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import math
import re
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from penstock.protocols import json

AGENT = "penstock-discovery"
"""The User-Agent of those who knock. A gateway of ours does not answer it: it is no engine, and it
would have to look for engines itself to say which models it has."""

WITHIN = 0.2
"""Seconds for knocking at all ports, and as many again for asking what is behind the open ones."""
_AGE = 30.0

_MOST = 1024 * 1024
"""Bytes of an answer; a longer one is none."""
_CHUNK = 64 * 1024

_GOOD = re.compile(rb"HTTP/1\.[01] 200[ \r]")
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d{1,9})(?:\r|$)", re.IGNORECASE)

T = TypeVar("T")

Ask: TypeAlias = Callable[[str], Awaitable[Any]]
"""``await ask("/path")``: the JSON value that a place answers, or ``None``."""

Recognise: TypeAlias = Callable[[Ask], Awaitable[T]]
"""``await recognise(ask)``: what a place is."""


class Place(Struct, frozen=True):
    """A port of this machine."""

    port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """``http://127.0.0.1:8080``"""
        return f"http://{self}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def place(url: str, moved: str = "") -> Place | None:
    """Where a base URL leads, if it is loopback; ``moved`` goes before it: a host, a port or both,
    as ``OLLAMA_HOST`` says them. ``None``: elsewhere, or nowhere."""
    try:
        usual = urlsplit(url)
        scheme, _, where = moved.strip(" \"'").rpartition("://")
        other = urlsplit(f"//{where}")
        port = other.port or (80 if scheme else usual.port)
        host = _loopback(other.hostname or "") if where else _loopback(usual.hostname or "x")
    except ValueError:
        return None
    if scheme not in ("", "http") or usual.scheme != "http" or not host or not port:
        return None
    return Place(port, host)


def _loopback(host: str) -> str:
    """The address to ask for what listens at ``host``; empty where that is another machine. What
    listens at every address listens at loopback too."""
    if host in ("", "localhost"):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return host if address.is_loopback else ""


async def look(
    places: Mapping[str, Place],
    load: Callable[[str], Recognise[T | None] | None],
    within: float = WITHIN,
) -> dict[str, T]:
    """What is at the places, by their names, as far as ``load(name)`` recognises it in time. It is
    called for open ports alone, and may take what time it needs: a first import takes longer than
    any answer."""
    there = await _timely(places, lambda name: _is_open(places[name]), within)
    loaded = {name: load(name) for name, is_open in there.items() if is_open}
    able = {name: recognise for name, recognise in loaded.items() if recognise}

    async def ask(name: str) -> T | None:
        try:
            return await able[name](functools.partial(_ask, places[name]))
        except Exception:  # a user's own class may trip over what another program says
            return None

    found = await _timely(able, ask, within)
    return {name: what for name, what in found.items() if what is not None}


async def _timely(
    names: Iterable[str], ask: Callable[[str], Awaitable[T]], within: float
) -> dict[str, T]:
    """What all are, who are asked at once, by their names; whoever is late is left out."""
    found: dict[str, T] = {}

    async def note(name: str) -> None:
        found[name] = await ask(name)

    with suppress(TimeoutError):
        async with asyncio.timeout(within), asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(note(name))
    return found


class Kept(Generic[T]):
    """What was found, for half a minute. Those who look at the same time share one look."""

    def __init__(self, look: Callable[[], Coroutine[Any, Any, Mapping[str, T]]]) -> None:
        self.known: Mapping[str, T] = {}
        self._look = look
        self._looked = -math.inf
        self._looking: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Look, if it is time to."""
        if time.monotonic() - self._looked < _AGE:
            return
        loop, looking = asyncio.get_running_loop(), self._looking
        if looking is None or looking.done() or looking.get_loop() is not loop:
            looking = self._looking = loop.create_task(self._renew())
        await asyncio.shield(looking)  # who leaves leaves the others waiting for it

    async def _renew(self) -> None:
        self.known = await self._look()
        self._looked = time.monotonic()


async def _is_open(place: Place) -> bool:
    try:
        async with _connection(place):
            return True
    except OSError:
        return False


async def _ask(place: Place, path: str) -> Any:
    try:
        async with _connection(place) as (reader, writer):
            writer.write(
                f"GET {path} HTTP/1.0\r\nHost: {place}\r\nUser-Agent: {AGENT}\r\n"
                "Accept: application/json\r\nConnection: close\r\n\r\n".encode()
            )
            return _value(await _read(reader))
    except OSError:
        return None


@asynccontextmanager
async def _connection(place: Place) -> AsyncGenerator[tuple[StreamReader, StreamWriter]]:
    reader, writer = await asyncio.open_connection(place.host, place.port, limit=_CHUNK)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _read(reader: StreamReader) -> bytes:
    """The answer, to its end or a little more than can be taken of it."""
    data = b""
    while len(data) <= _MOST and not _is_whole(data) and (chunk := await reader.read(_CHUNK)):
        data += chunk
    return data


def _is_whole(data: bytes) -> bool:
    """Whether all came that the head announces; some servers leave the connection open."""
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return length is not None and len(body) >= int(length[1])


def _value(data: bytes) -> Any:
    """The JSON value of a good answer, else ``None``."""
    if len(data) > _MOST or not _GOOD.match(data):
        return None
    try:
        return json.loads(data.partition(b"\r\n\r\n")[2])
    except json.UNREADABLE:
        return None
