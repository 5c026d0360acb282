"""One connection as the service sees it: requests in, scripts out, and how the peer left."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import Literal, Protocol, cast

from msgspec import Struct

from penstock.faults import http
from penstock.faults.reading import Request, RequestReader, Unreadable
from penstock.faults.script import FIN, Script, play

_WAITING = 60.0
"""Seconds for a whole request to come."""
_LONGEST = 3600.0
"""Seconds for an answer to end, whatever it does and however slowly it is read."""
_LINGER = 10.0
"""Seconds for the peer to leave, once we have."""
_AHEAD = 64 * 1024
"""Bytes that may wait behind the request that is being answered."""

_LARGE = 2**20
"""Bytes of a question that not everybody may bring at once."""


class Host(Protocol):
    """Whom connections belong to."""

    keep: bool
    """Whether requests are kept, for who wants to look at them."""

    async def answer(self, request: Request) -> Script:
        """What is played to a request."""
        ...

    def opened(self, connection: Connection) -> bool:
        """There is one more; whether there may be."""
        ...

    def closed(self, connection: Connection) -> None:
        """There is one less."""
        ...

    def has_room(self) -> bool:
        """Whether all the questions that are held together are not too much."""
        ...


class Left(Struct, frozen=True):
    """That the peer has left: ``how``, and when (``time.monotonic``)."""

    how: Literal["FIN", "RST"]
    at: float


class Connection(asyncio.Protocol):
    """One connection. What a test asks of it:

    ``requests``: all that were asked on it; ``sent``: bytes that the kernel took; ``left``: how and
    when the peer left, ``None`` as long as it has not; ``ended``: what we sent last, ``FIN``,
    ``RST`` or nothing of the kind.
    """

    def __init__(self, host: Host) -> None:
        self.requests: list[Request] = []
        self.sent = 0
        self.left: Left | None = None
        self.ended: Literal["", "FIN", "RST"] = ""
        self._host = host
        self._reader = RequestReader()
        self._came = asyncio.Event()
        self._gone = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._busy = False
        self.transport: asyncio.Transport

    async def gone(self, within: float = 5.0) -> Left | None:
        """How the peer left, once the connection is over; ``None`` where we ended it rudely, and
        nobody knows. Raises ``TimeoutError`` after so many seconds."""
        async with asyncio.timeout(within):
            await self._gone.wait()
        return self.left

    @property
    def waiting(self) -> int:
        """Bytes of questions that are held here."""
        return self._reader.waiting

    def abort(self) -> None:
        """End it at once, without a word."""
        if self._task is not None:
            self._task.cancel()
        self.transport.abort()

    # What scripts do.

    async def send(self, data: bytes) -> None:
        """Hand bytes to the kernel; waits while the peer does not read."""
        if not data:
            return
        self.transport.write(data)
        await self._writable.wait()
        self.sent += len(data)

    def finish(self) -> None:
        """Send FIN; over TLS with a farewell before it."""
        self.ended = "FIN"
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def reset(self) -> None:
        """Send RST."""
        self.ended = "RST"
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # What is done with requests.

    async def _attend(self) -> None:
        try:
            while not self.ended:
                request = await self._next()
                self._busy = True
                async with asyncio.timeout(_LONGEST):
                    await play(await self._host.answer(request), self)
                self._busy = False
                if not (request.keep_alive or self.ended):
                    self.finish()
        except TimeoutError:
            self.transport.abort()
        except Unreadable as error:
            await play(_refused(error), self)
        async with asyncio.timeout(_LINGER):
            await self._gone.wait()

    async def _next(self) -> Request:
        """The next whole request. Raises ``TimeoutError`` or ``Unreadable``."""
        self.transport.resume_reading()
        async with asyncio.timeout(_WAITING):
            while (request := self._reader.next()) is None:
                if self._reader.is_awaited():
                    await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                if self._reader.waiting > _LARGE and not self._host.has_room():
                    raise Unreadable(503, "too many large questions at once; come again")
                self._came.clear()
                await self._came.wait()
        if self._host.keep:
            self.requests.append(request)
        return request

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if not self._host.opened(self):
            self.transport.abort()
            return
        if transport.get_extra_info("sslcontext") is None:
            self.transport.set_write_buffer_limits(high=0)
        self._task = asyncio.get_running_loop().create_task(self._attend())
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """Nobody is left to ask, or the peer does not go."""
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.transport.abort()
            if not isinstance(error, TimeoutError):
                raise error

    def data_received(self, data: bytes) -> None:
        if self.ended:  # nobody reads that
            return
        self._reader.feed(data)
        if self._busy and self._reader.waiting > _AHEAD:
            self.transport.pause_reading()
        self._came.set()

    def eof_received(self) -> None:
        self._note("FIN")
        self.transport.abort()  # it might never read what waits to be written

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._note("RST")
        self._gone.set()
        if self._task is not None:
            self._task.cancel()
        self._host.closed(self)

    def _note(self, how: Literal["FIN", "RST"]) -> None:
        if self.left is None:
            self.left = Left(how, time.monotonic())

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


def _refused(error: Unreadable) -> Script:
    body = f'{{"error":{{"message":"{error}"}}}}\n'.encode()
    return [http.whole(error.status, "application/json", body, Connection="close"), FIN]
