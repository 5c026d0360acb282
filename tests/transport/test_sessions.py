"""Pooling: connections are used again, by the loop that opened them."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Callable

import pytest
import uvloop

from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request
from penstock.transport.http import HTTPTransport
from raw import (
    CHUNKED,
    DONE,
    FIN,
    LAST,
    RST,
    SOON,
    STAY,
    Gate,
    Upstream,
    chunk,
    head,
    say,
    soon,
    spoken,
)
from transport.asking import HELLO, ask, failure


async def test_who_says_close_does_not_ask_again_on_the_same_connection() -> None:
    """The service may go, whatever it says of the connection itself; aiohttp would keep it."""
    answer = head(content_length=0, connection="keep-alive")
    with Upstream([answer]) as upstream:
        for _ in range(3):
            request = Request("GET", upstream.url, {"Connection": "close"})
            response = await HTTPTransport().send(request)
            assert [data async for data in response.chunks()] == []
            await response.close()
        assert len(upstream.connections) == 3


async def test_a_second_call_uses_the_same_connection() -> None:
    with Upstream(spoken("Hello")) as upstream:
        for _ in range(3):
            assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        assert [len(connection.requests) for connection in upstream.connections] == [3]


async def test_the_last_chunk_may_come_a_moment_after_the_end_of_the_stream() -> None:
    gate = Gate()
    with Upstream([CHUNKED, chunk(say("Hello", "stop") + DONE), gate, LAST]) as upstream:
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator("m", "Hi")
        async for _ in stream:
            asyncio.get_running_loop().call_later(0.02, gate.open)
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        assert len(upstream.connections) == 1


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_was_closed_while_the_loop_was_blocked_is_not_used(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    gate = Gate()

    async def main() -> None:
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        gate.open()
        upstream.connections[0].ended.result(5)  # as input() blocks: nothing else can run
        assert await ask(OpenAICompatible, upstream.url) == ["again"]

    with (
        Upstream([*spoken("Hello"), gate, FIN], spoken("again")) as upstream,
        asyncio.Runner(loop_factory=factory) as runner,
    ):
        runner.run(main())


async def test_a_refused_call_leaves_its_connection_usable() -> None:
    refusal = [head("429 Too Many Requests", "application/json", content_length=2), b"{}"]
    with Upstream(refusal, spoken("Hello")) as upstream:
        await failure(OpenAICompatible, upstream.url)
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        assert len(upstream.connections) == 1


async def test_a_stream_that_was_left_is_never_used_again() -> None:
    with Upstream([CHUNKED, HELLO, STAY], spoken("three")) as upstream:
        async for _ in OpenAICompatible(base_url=upstream.url).create_async_generator("m", "Hi"):
            break
        assert await ask(OpenAICompatible, upstream.url) == ["three"]
        assert len(upstream.connections) == 2


async def test_a_pooled_connection_may_be_lost_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, reset = Gate(), Gate()
    end = chunk(say("", "stop") + DONE) + LAST
    caplog.set_level(logging.DEBUG)
    with Upstream([CHUNKED, HELLO, gate, end, reset, RST], spoken("again")) as upstream:
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator("m", "Hi")
        async for _ in stream:
            gate.open()
        reset.open()
        await soon(upstream.connections[0].closed)
        await asyncio.sleep(0.01)
        assert await ask(OpenAICompatible, upstream.url) == ["again"]
    gc.collect()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_no_cookie_is_kept() -> None:
    events = say("Hello", "stop") + DONE
    answer = [head(set_cookie="session=canary; Path=/", content_length=len(events)), events]
    with Upstream(answer) as upstream:
        url = upstream.url.replace("127.0.0.1", "localhost")
        await ask(OpenAICompatible, url)
        await ask(OpenAICompatible, url)
        assert b"cookie" not in upstream.connections[0].requests[1].lower()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_every_event_loop_has_connections_of_its_own(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main(url: str) -> list[str]:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await ask(OpenAICompatible, url)
        return await ask(OpenAICompatible, url)

    with Upstream(spoken("Hello")) as upstream:
        for n in range(3):
            with asyncio.Runner(loop_factory=factory) as runner:
                assert runner.run(main(upstream.url)) == ["Hello"]
            upstream.connections[n].closed.result(SOON)  # closed with its loop
        assert [len(connection.requests) for connection in upstream.connections] == [2, 2, 2]
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]  # and forgotten with it


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_was_closed_in_the_old_way_is_forgotten_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Upstream(spoken("Hello")) as upstream:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask(OpenAICompatible, upstream.url))
        loop.close()
        gone = weakref.ref(loop)
        del loop
        asyncio.run(ask(OpenAICompatible, upstream.url))
        gc.collect()
        assert gone() is None
    assert caplog.records == []
