"""A service made of raw bytes: one script per answer, on a real socket, in a thread of its own.

    with Upstream([CHUNKED, say("Hello"), STAY]) as upstream:
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator(...)
        ...
        connection = await soon(upstream.asked())     # the first request has arrived
        await soon(connection.closed)                 # the client has closed its socket

A script is a sequence of steps: bytes are sent as they are, ``FIN``, ``RST`` and ``STAY`` do what
they say, a ``Gate`` waits until the test opens it, ``Drip`` and ``Flood`` go on until the client
leaves. Each request takes the next script; the last one serves all that follow.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Self, TypeAlias, TypeVar

T = TypeVar("T")


class Connection:
    """One connection as the service sees it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._loop = asyncio.get_running_loop()
        self.requests: list[bytes] = []
        """Every request's raw bytes, head and body."""
        self.sent = 0
        """Bytes that the kernel has taken from us."""
        self.closed: Future[float] = Future()
        """When (``time.monotonic``) the client's FIN or RST was seen."""
        self.stalled: Future[int] = Future()
        """``sent``, once the client has taken nothing for a while."""

    def listen(self) -> None:
        """Begin to read, after all."""
        self._loop.call_soon_threadsafe(self.writer.transport.resume_reading)  # type: ignore[attr-defined]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        try:
            async with asyncio.timeout(0.2):
                await self.writer.drain()
        except TimeoutError:
            if not self.stalled.done():
                self.stalled.set_result(self.sent)
            await self.writer.drain()
        self.sent += len(data)


class Step:
    """What a script does beside sending bytes."""

    async def play(self, connection: Connection) -> None:
        raise NotImplementedError


Script: TypeAlias = Sequence[bytes | Step]


class _Stay(Step):
    """Silence, until the client leaves."""

    async def play(self, connection: Connection) -> None:
        await asyncio.Event().wait()


class _Fin(Step):
    """The ordinary end of a connection."""

    async def play(self, connection: Connection) -> None:
        if connection.writer.can_write_eof():
            connection.writer.write_eof()
        else:  # TLS
            connection.writer.close()


class _Rst(Step):
    """The rude end of a connection."""

    async def play(self, connection: Connection) -> None:
        sock: socket.socket = connection.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.writer.transport.abort()


STAY, FIN, RST = _Stay(), _Fin(), _Rst()


class Gate(Step):
    """Waits until the test, in whatever thread it runs, calls ``open``."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        self._opened.set_result(None)

    async def play(self, connection: Connection) -> None:
        await asyncio.wrap_future(self._opened)


class Drip(Step):
    """The same bytes again and again, ``every`` so many seconds."""

    def __init__(self, data: bytes, every: float) -> None:
        self._data, self._every = data, every

    async def play(self, connection: Connection) -> None:
        while True:
            await connection.send(self._data)
            await asyncio.sleep(self._every)


class Flood(Step):
    """The same bytes again and again, as fast as the client takes them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def play(self, connection: Connection) -> None:
        while True:
            await connection.send(self._data)
            await asyncio.sleep(0)


class Upstream:
    """The service. ``answer``, a function from request to script, may stand in the scripts'
    place. ``deaf``: it plays its first script without reading what it is asked."""

    def __init__(
        self,
        *scripts: Script,
        answer: Callable[[bytes], Script] | None = None,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        deaf: bool = False,
    ) -> None:
        self.connections: list[Connection] = []
        self._scripts = list(scripts)
        self._answer = answer
        self._tls = tls
        self._deaf = deaf
        self._asked: defaultdict[int, Future[Connection]] = defaultdict(Future)
        self._opened: defaultdict[int, Future[Connection]] = defaultdict(Future)
        self._listener = socket.create_server((host, 0))
        # Small buffers, so that a slow client is felt soon.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self._count = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="upstream")

    def asked(self, n: int = 0) -> Future[Connection]:
        """The connection of request number ``n``, once that has arrived."""
        return self._asked[n]

    def opened(self, n: int = 0) -> Future[Connection]:
        """Connection number ``n``, once it stands."""
        return self._opened[n]

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
        server = await asyncio.start_server(self._accept, sock=self._listener, ssl=self._tls)
        await self._stop.wait()
        server.close()
        for connection in self.connections:
            connection.writer.transport.abort()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stop.is_set():
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tls is None:
            writer.transport.set_write_buffer_limits(high=0)
        connection = Connection(writer)
        self.connections.append(connection)
        self._opened[len(self.connections) - 1].set_result(connection)
        answers: list[asyncio.Task[None]] = []
        if self._deaf:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            answers.append(asyncio.ensure_future(_play(self._scripts[0], connection)))
        received = b""
        try:
            while data := await reader.read(2**16):
                received += data
                while size := _request_size(received):
                    connection.requests.append(received[:size])
                    script = self._next_script(received[:size])
                    received = received[size:]
                    answers.append(asyncio.ensure_future(_play(script, connection)))
                    self._asked[self._count].set_result(connection)
                    self._count += 1
        except OSError:
            pass
        finally:
            connection.closed.set_result(time.monotonic())
            for answer in answers:
                answer.cancel()
            await asyncio.gather(*answers, return_exceptions=True)
            writer.close()

    def _next_script(self, request: bytes) -> Script:
        if self._answer is not None:
            return self._answer(request)
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]


async def _play(script: Script, connection: Connection) -> None:
    for step in script:
        if isinstance(step, bytes):
            await connection.send(step)
        else:
            await step.play(connection)


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


async def soon(future: Future[T], within: float = 5.0) -> T:
    """What a future of the service's thread brings; far less than ``within`` is the rule."""
    return await asyncio.wait_for(asyncio.wrap_future(future), within)
