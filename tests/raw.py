"""A service made of raw bytes: one script per answer, on a real socket, in a thread of its own.

    with Upstream([CHUNKED, say("Hello"), STAY]) as upstream:
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator(...)
        ...
        connection = await soon(upstream.asked())     # the first request has arrived
        await soon(connection.closed)                 # the client has closed its socket

A script is a sequence of steps, those of ``penstock.faults`` and one more: a ``Gate`` waits until
the test opens it. Each request takes the next script; the last one serves all that follow. A
function from the request's bytes to a script may stand in a script's place.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Self, TypeVar

from penstock.faults.script import FIN as FIN
from penstock.faults.script import RST as RST
from penstock.faults.script import STAY as STAY
from penstock.faults.script import Drip as Drip
from penstock.faults.script import Flood as Flood
from penstock.faults.script import Script as Script
from penstock.faults.script import Step as Step
from penstock.faults.script import play

T = TypeVar("T")


class Connection(asyncio.Protocol):
    """One connection as the service sees it."""

    def __init__(self, upstream: Upstream) -> None:
        self.requests: list[bytes] = []
        """Every request's raw bytes, head and body."""
        self.sent = 0
        """Bytes that the kernel has taken from us."""
        self.closed: Future[float] = Future()
        """When (``time.monotonic``) the client's FIN or RST was seen."""
        self.stalled: Future[int] = Future()
        """``sent``, once the client has taken nothing for a while."""
        self.ended: Future[None] = Future()
        """Our own FIN was sent."""
        self.transport: asyncio.Transport
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._writable = asyncio.Event()
        self._writable.set()
        self._playing: list[asyncio.Task[None]] = []

    def listen(self) -> None:
        """Begin to read, after all."""
        self._loop.call_soon_threadsafe(self.transport.resume_reading)

    def is_established(self) -> bool:
        """Whether the kernel has seen neither FIN nor RST of the client (Linux)."""
        sock: socket.socket = self.transport.get_extra_info("socket")
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x01"

    def play(self, script: Script) -> None:
        self._playing.append(asyncio.ensure_future(play(script, self)))

    async def send(self, data: bytes) -> None:
        self.transport.write(data)
        try:
            async with asyncio.timeout(0.2):
                await self._writable.wait()
        except TimeoutError:
            if not self.stalled.done():
                self.stalled.set_result(self.sent)
            await self._writable.wait()
        self.sent += len(data)

    def finish(self) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:  # TLS
            self.transport.close()
        self.ended.set_result(None)

    def reset(self) -> None:
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._upstream.welcome(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while size := _request_size(self._received):
            request, self._received = self._received[:size], self._received[size:]
            self.requests.append(request)
            self._upstream.answer(self, request)

    def eof_received(self) -> None:
        self._note_end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._note_end()
        self._upstream.lost(self)

    def _note_end(self) -> None:
        if not self.closed.done():
            self.closed.set_result(time.monotonic())
        for task in self._playing:
            task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


class Gate(Step):
    """Waits until the test, in whatever thread it runs, calls ``open``."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    async def play(self, connection: Connection) -> None:
        await asyncio.wrap_future(self._opened)


class Upstream:
    """The service. ``deaf``: it plays its first script without reading what it is asked."""

    def __init__(
        self,
        *scripts: Script | Callable[[bytes], Script],
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        deaf: bool = False,
    ) -> None:
        self.connections: list[Connection] = []
        self._scripts = list(scripts)
        self._tls = tls
        self._deaf = deaf
        self._asked: defaultdict[int, Future[Connection]] = defaultdict(Future)
        self._opened: defaultdict[int, Future[Connection]] = defaultdict(Future)
        self._answered = 0
        self._open: set[Connection] = set()
        self._listener = socket.create_server((host, 0))
        # Small buffers, so that a slow client is felt soon.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="upstream")

    def asked(self, n: int = 0) -> Future[Connection]:
        """The connection of request number ``n``, once that has arrived."""
        return self._asked[n]

    def opened(self, n: int = 0) -> Future[Connection]:
        """Connection number ``n``, once it stands."""
        return self._opened[n]

    def follow(self, *scripts: Script) -> None:
        """Go on with these scripts."""
        self._scripts[:] = scripts

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        server = await self._loop.create_server(
            lambda: Connection(self), sock=self._listener, ssl=self._tls
        )
        await self._stop.wait()
        for _ in range(10):  # whoever was just being let in
            await asyncio.sleep(0)
        server.close()
        while self._open:
            for connection in self._open:
                connection.transport.abort()
            await asyncio.sleep(0)

    # What connections call.

    def welcome(self, connection: Connection) -> None:
        self._open.add(connection)
        self.connections.append(connection)
        self._opened[len(self.connections) - 1].set_result(connection)
        accepted: socket.socket = connection.transport.get_extra_info("socket")
        # A listener made by hand has no protocol number, by which asyncio would know to do this.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            connection.transport.set_write_buffer_limits(high=0)
        if self._deaf:
            connection.transport.pause_reading()
            self.answer(connection, b"")

    def answer(self, connection: Connection, request: bytes) -> None:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        connection.play(script(request) if callable(script) else script)
        self._asked[self._answered].set_result(connection)
        self._answered += 1

    def lost(self, connection: Connection) -> None:
        self._open.discard(connection)


def _request_size(received: bytes) -> int:
    """How many bytes the first request has; 0 while it is not whole."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return 0
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return len(head) + 4 + length if len(body) >= length else 0


# What services say, byte for byte.

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def head(
    status: str = "200 OK", content_type: str = "text/event-stream", **headers: str | int
) -> bytes:
    """An answer's head; ``content_length=5`` is ``Content-Length: 5``."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def say(text: str, finish_reason: str | None = None) -> bytes:
    """One OpenAI event that says ``text``."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"id": "1", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def spoken(*texts: str) -> Script:
    """A whole OpenAI answer, as a service sends it when all is well."""
    said = [chunk(say(text)) for text in texts]
    return [CHUNKED, *said, chunk(say("", "stop")), chunk(DONE), LAST]


def refused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


SOON = 0.25
"""Seconds within which a service must see that its caller has left."""


async def soon(future: Future[T], within: float = 5.0) -> T:
    """What a future of the service's thread brings; far less than ``within`` is the rule."""
    return await asyncio.wait_for(asyncio.wrap_future(future), within)


def assert_no_secret(error: BaseException) -> None:
    """Neither what is shown of an error nor what hangs behind it holds a secret (``CANARY``) or
    an error of somebody else's."""
    chain: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        found = pending.pop()
        if found is not None and found not in chain:
            chain.append(found)
            pending += [found.__cause__, found.__context__]
    for found in chain:
        assert CANARY not in f"{found} {found!r} {found.args} {vars(found)}"
        assert type(found).__module__.partition(".")[0] not in FOREIGN
    shown = "".join(traceback.format_exception(error)).splitlines()
    # The source lines of a traceback are indented; those of this test speak of canaries.
    said = "\n".join(line for line in shown if not line.startswith("    "))
    assert CANARY not in said
    assert "aiohttp." not in "\n".join(line for line in shown if not line.startswith("  "))


CANARY = "canary"
FOREIGN = ("aiohttp", "aiohttp_socks", "python_socks", "yarl", "ssl", "socket")
