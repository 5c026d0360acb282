"""Transport: one seam between penstock and the network, ``send(request) -> response``.

Nothing above it knows which HTTP machinery carries the bytes. A transport follows no redirect,
verifies every certificate, keeps no cookie, and raises nothing but ``PenstockError``.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from math import inf
from typing import Annotated, Protocol, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from penstock.errors import MalformedStream, PenstockError, UnexpectedAnswer

_MOMENT = 0.25
"""Seconds for what follows the end of a stream."""

STREAM = 64 * 1024 * 1024
"""Bytes of the longest stream of events; one that is longer has no end."""

Seconds: TypeAlias = Annotated[float, Meta(gt=0)] | None


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds; ``None`` waits for ever. All but ``idle`` and ``progress`` count from the start of
    the call; these two only while we wait for bytes (a slow reader does not count).

    ``connect``: until the connection stands. ``headers``: until the answer's headers are there.
    ``first``: until the first spoken event. ``idle``: between two chunks of bytes. ``progress``:
    from one spoken event to the next; pings and comments say nothing. ``total``: until the end.
    """

    connect: Seconds = 10.0
    headers: Seconds = 300.0
    first: Seconds = 300.0
    idle: Seconds = 120.0
    progress: Seconds = 300.0
    total: Seconds = 1800.0


class Request(Struct, frozen=True):
    """What goes to a service. ``proxy`` is a URL (http, https, socks5, socks5h) or empty."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    proxy: str = ""
    timeouts: Timeouts = Timeouts()

    def __repr__(self) -> str:
        """Without headers, body and proxy: they hold keys and other people's words."""
        return f"Request({self.method} {origin(self.url)})"


class Response(Protocol):
    """An answer whose headers have arrived; its body comes chunk by chunk.

    ``reason`` is the HTTP status text. Headers are asked for by lower case names.
    """

    status: int
    reason: str
    headers: Mapping[str, str]

    def chunks(self, most: float = inf) -> AsyncGenerator[bytes]:
        """The body's bytes as they arrive. Raises ``StreamTruncated`` if the body is cut,
        ``MalformedStream`` once there are more than ``most`` of them."""
        ...

    @property
    def delimited(self) -> bool:
        """Whether the body carries its own end: a length, or a last chunk."""
        ...

    def spoken(self) -> None:
        """A spoken event was seen: ``first`` is met, ``progress`` begins anew."""
        ...

    async def close(self) -> None:
        """Let go of the connection; an unfinished one is closed at once."""
        ...


class Transport(Protocol):
    """The seam: one method."""

    async def send(self, request: Request) -> Response:
        """Send ``request`` and wait for the answer's headers. Raises ``PenstockError``."""
        ...


def origin(url: str) -> str:
    """Scheme, host and port of a URL, all of it that may stand in a message; empty if it has
    none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine, by its address or the name ``localhost``."""
    try:
        return is_loopback_host(urlsplit(url).hostname or "")
    except ValueError:  # no URL
        return False


def is_loopback_host(host: str) -> bool:
    """Whether a name or an address is this very machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name
        return False


def too_long(most: float) -> MalformedStream:
    """What a stream of more than ``most`` bytes ends in."""
    return MalformedStream(f"the stream is longer than {most:.0f} bytes; it seems to have no end")


async def read(response: Response, most: int) -> bytes:
    """A whole body. Raises ``UnexpectedAnswer`` if it has more than ``most`` bytes."""
    parts: list[bytes] = []
    size = 0
    chunks = response.chunks()
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            await chunks.aclose()
            raise UnexpectedAnswer(f"the answer is longer than {most} bytes")
    return b"".join(parts)


async def read_out(chunks: AsyncGenerator[bytes]) -> None:
    """Read what follows the service's own end of the stream: the last chunk, with which the
    connection can be used again. For a moment only, and whatever else comes."""
    with suppress(PenstockError, TimeoutError):
        async with asyncio.timeout(_MOMENT):
            async for _ in chunks:
                pass
