"""Deadlines: each is kept, and counts only what it says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from penstock import errors
from penstock.errors import PenstockError, StreamStalled, Timeout
from penstock.events import Event, Finish
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request, Timeouts
from penstock.transport.http import HTTPTransport
from penstock.types import ChatRequest, Message, TextPart
from raw import (
    CHUNKED,
    DONE,
    LAST,
    STAY,
    Drip,
    Gate,
    Script,
    Upstream,
    assert_no_secret,
    chunk,
    say,
    soon,
    spoken,
)
from transport.asking import HELLO, PING, ask, failure


@contextlib.contextmanager
def deaf_listener(host: str, port: int) -> Iterator[int]:
    """A port whose queue is full: the kernel answers nobody."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_connection_that_is_never_accepted_ends_with_connect() -> None:
    with deaf_listener("127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        error = await failure(OpenAICompatible, url, timeouts={"connect": 0.1}, api_key="canary-k")
    assert type(error) is Timeout
    assert error.message == f"no connection to {url} within 0.1 s (connect)"
    assert_no_secret(error)


async def test_connect_counts_the_name_and_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def silent(*_: object, **__: object) -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(loop, "getaddrinfo", silent)
    error = await failure(OpenAICompatible, "http://silent.example", timeouts={"connect": 0.1})
    assert type(error) is Timeout
    assert error.message == "no connection to http://silent.example within 0.1 s (connect)"

    with contextlib.ExitStack() as sockets:
        port = sockets.enter_context(deaf_listener("127.0.0.1", 0))
        for host in ("127.0.0.2", "127.0.0.3"):
            sockets.enter_context(deaf_listener(host, port))
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"127.0.0.{n}", port)) for n in (1, 2, 3)
        ]

        async def three(*_: object, **__: object) -> object:
            return found

        monkeypatch.setattr(loop, "getaddrinfo", three)
        start = time.monotonic()
        error = await failure(OpenAICompatible, "http://three.example", timeouts={"connect": 0.2})
        assert time.monotonic() - start < 0.35
    assert "(connect)" in error.message


async def test_a_resolver_that_blocks_blocks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def slow(*_: object, **__: object) -> object:
        answered.wait(5)
        raise socket.gaierror(socket.EAI_NONAME, "canary")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    start = time.monotonic()
    error = await failure(OpenAICompatible, "http://slow.example", timeouts={"connect": 0.1})
    assert time.monotonic() - start < 0.35
    assert type(error) is Timeout
    asking = asyncio.ensure_future(failure(OpenAICompatible, "http://slower.example"))
    for _ in range(20):  # the loop goes on
        await asyncio.sleep(0.001)
    assert not asking.done()
    answered.set()
    error = await asking
    assert type(error) is errors.ConnectionFailed
    assert_no_secret(error)


async def test_idle_counts_only_while_we_wait() -> None:
    gate = Gate()
    with Upstream([CHUNKED, HELLO, gate, chunk(say("again", "stop") + DONE), LAST]) as upstream:
        limits = {"idle": 0.1, "first": 0.1}
        stream = OpenAICompatible(base_url=upstream.url, timeouts=limits).create_async_generator(
            "m", "Hi"
        )
        said = []
        async for text in stream:
            said.append(text)
            if not said[1:]:
                await asyncio.sleep(0.3)  # a slow reader
                gate.open()
    assert said == ["Hello", "again"]


async def test_first_does_not_blame_the_service_for_a_slow_reader() -> None:
    role = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    gate = Gate()
    with Upstream([CHUNKED, chunk(role), gate, *spoken("Hello")[1:]]) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, timeouts={"first": 0.1})
        question = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))
        events: list[Event] = []
        async for event in provider.stream(question):
            if not events:
                gate.open()
                await asyncio.sleep(0.3)
            events.append(event)
    assert isinstance(events[-1], Finish)


@pytest.mark.parametrize("limit", ["idle", "progress"])
async def test_no_limit_blames_the_service_for_a_blocked_loop(limit: str) -> None:
    gate, last_gate = Gate(), Gate()
    end = chunk(say("at last", "stop") + DONE)
    with Upstream([CHUNKED, HELLO, gate, chunk(say("again")), last_gate, end]) as upstream:
        stream = OpenAICompatible(
            base_url=upstream.url, timeouts={limit: 0.1}
        ).create_async_generator("m", "Hi")
        assert await anext(stream) == "Hello"
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        gate.open()
        time.sleep(0.3)  # the bytes come in time, the loop is late
        assert await waiting == "again"
        last_gate.open()
        assert [text async for text in stream] == ["at last"]


@pytest.mark.parametrize("other", [None, 5])
@pytest.mark.parametrize("limit", ["idle", "progress"])
async def test_a_limit_is_kept_even_if_what_came_before_it_took_longer(
    limit: str, other: float | None
) -> None:
    gate = Gate()
    late: dict[str, Script] = {
        "idle": [gate, CHUNKED, HELLO, STAY],
        "progress": [CHUNKED, gate, HELLO, Drip(PING, 0.02)],
    }
    limits = dict.fromkeys(("headers", "first", "idle", "progress", "total"), other)
    with Upstream(late[limit]) as upstream:
        settings = {"timeouts": {**limits, limit: 0.1}}
        asking = asyncio.ensure_future(failure(OpenAICompatible, upstream.url, **settings))
        await soon(upstream.asked())
        await asyncio.sleep(0.25)
        gate.open()
        error = await asyncio.wait_for(asking, 2)
    assert type(error) is StreamStalled
    assert f"({limit})" in error.message


async def test_progress_begins_anew_with_every_word() -> None:
    with Upstream([CHUNKED, Drip(HELLO + PING, 0.05)]) as upstream:
        limits = {"progress": 0.2, "total": 0.6}
        error = await failure(OpenAICompatible, upstream.url, timeouts=limits)
    assert "(total)" in error.message


async def test_progress_does_not_blame_the_service_for_a_slow_reader() -> None:
    """Neither for one who is slow with what was said, nor for one who is slow with a ping."""
    pings = [Gate(), Gate(), Gate()]
    script = [CHUNKED, HELLO, *(step for gate in pings for step in (gate, PING)), STAY]
    with Upstream(script) as upstream:
        limits = Timeouts(progress=0.2, idle=1)
        response = await HTTPTransport().send(Request("POST", upstream.url, timeouts=limits))
        chunks = response.chunks()
        await anext(chunks)
        response.spoken()
        for ping in pings:
            await asyncio.sleep(0.15)
            ping.open()
            await anext(chunks)
        start = time.monotonic()
        with pytest.raises(StreamStalled, match=r"within 0.2 s \(progress\)"):
            await anext(chunks)
        assert 0.15 < time.monotonic() - start < 0.35  # what we had waited already counts
        await response.close()


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ([STAY], "headers"),
        ([STAY], "first"),
        ([STAY], "total"),
        ([CHUNKED, STAY], "first"),
        ([CHUNKED, HELLO, STAY], "idle"),
        ([CHUNKED, HELLO, Drip(PING, 0.02)], "progress"),
        ([CHUNKED, Drip(HELLO, 0.02)], "total"),
    ],
)
async def test_a_deadline_is_kept_to_the_tenth_of_a_second(script: Script, limit: str) -> None:
    with Upstream(script) as upstream:
        start = time.monotonic()
        error = await failure(OpenAICompatible, upstream.url, timeouts={limit: 0.2})
        assert 0.2 <= time.monotonic() - start < 0.35
        assert f"0.2 s ({limit})" in error.message
        connection = await soon(upstream.opened())
        await soon(connection.closed)


async def test_a_deadline_is_told_even_in_a_task_that_has_outlived_a_cancellation() -> None:
    with Upstream([STAY]) as upstream:

        async def stubborn() -> PenstockError:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return await failure(OpenAICompatible, upstream.url, timeouts={"headers": 0.05})

        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(0)
        task.cancel()
        assert type(await task) is Timeout


async def test_a_cancellation_at_the_deadline_stays_a_cancellation() -> None:
    with Upstream([STAY]) as upstream:
        asking = asyncio.ensure_future(
            ask(OpenAICompatible, upstream.url, timeouts={"headers": 0.05})
        )
        await soon(upstream.asked())
        time.sleep(0.1)  # the deadline is due, but the loop has not looked yet
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_no_deadline_outlives_its_call() -> None:
    loop = asyncio.get_running_loop()

    def expire(scope: asyncio.Timeout, turns: int) -> None:
        if turns:
            loop.call_soon(expire, scope, turns - 1)
        else:
            scope.reschedule(loop.time())

    with Upstream([STAY]) as upstream:
        for turns in range(12):  # left at every step of the way, by one and the same task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None) as scope:
                    expire(scope, turns)
                    await ask(OpenAICompatible, upstream.url, timeouts={"headers": 0.1})
        await asyncio.sleep(0.2)  # a deadline left over would cancel us here
