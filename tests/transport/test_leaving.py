"""Leaving: the service sees it at once, in every phase."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from penstock.errors import Timeout
from penstock.providers.openai_compatible import OpenAICompatible
from programs import run_script
from raw import CHUNKED, SOON, STAY, Script, Upstream, soon, spoken
from transport.asking import (
    HELLO,
    PATIENT,
    PROVIDERS,
    Provider,
    ask,
    authority_and_context,
    end_of,
    latency,
    trusting,
)

Stream = AsyncIterator[str]
HELD: list[object] = []


async def leave_by_break(open_stream: Callable[[], Stream]) -> None:
    async for _ in open_stream():
        break


async def leave_a_held_stream_by_break(open_stream: Callable[[], Stream]) -> None:
    stream = open_stream()
    async for _ in stream:
        break
    HELD.append(stream)  # somebody still holds it


async def leave_by_aclose(open_stream: Callable[[], Any]) -> None:
    stream = open_stream()
    await anext(stream)
    await stream.aclose()


async def leave_by_aclose_in_the_loop(open_stream: Callable[[], Any]) -> None:
    stream = open_stream()
    async for _ in stream:
        await stream.aclose()


async def leave_by_async_with(open_stream: Callable[[], Any]) -> None:
    async with open_stream() as stream:
        await anext(stream)


async def leave_by_an_exception(open_stream: Callable[[], Stream]) -> None:
    with contextlib.suppress(KeyError):
        async for _ in open_stream():
            raise KeyError


async def leave_by_forgetting(open_stream: Callable[[], Stream]) -> None:
    stream = open_stream()
    await anext(stream)
    del stream


async def leave_by_cancelling_the_reader(open_stream: Callable[[], Stream]) -> None:
    spoke = asyncio.Event()

    async def read() -> None:
        async for _ in open_stream():
            spoke.set()

    task = asyncio.ensure_future(read())
    await spoke.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def leave_by_wait_for(open_stream: Callable[[], Stream]) -> None:
    stream = open_stream()
    await anext(stream)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.02)


WAYS: tuple[Callable[[Callable[[], Any]], Awaitable[None]], ...] = (
    leave_by_break,
    leave_a_held_stream_by_break,
    leave_by_aclose,
    leave_by_aclose_in_the_loop,
    leave_by_async_with,
    leave_by_an_exception,
    leave_by_forgetting,
    leave_by_cancelling_the_reader,
    leave_by_wait_for,
)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_whoever_leaves_a_silent_stream_closes_its_connection(
    way: Callable[[Callable[[], Any]], Awaitable[None]], tls: bool
) -> None:
    authority, context = authority_and_context("127.0.0.1")
    with Upstream([CHUNKED, HELLO, STAY], tls=context if tls else None) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, transport=trusting(authority))
        await way(lambda: provider.create_async_generator("m", "Hi"))
        await latency(upstream.connections[0], time.monotonic())


@pytest.mark.parametrize("script", [[STAY], [b"HTTP/1.1 200 OK\r\n", STAY], [CHUNKED, STAY]])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_whoever_leaves_before_the_first_word_closes_its_connection(
    provider: Provider, script: Script
) -> None:
    with Upstream(script) as upstream:
        asking = asyncio.ensure_future(ask(provider, upstream.url))
        connection = await soon(upstream.asked())
        await asyncio.sleep(0.02)
        asking.cancel()
        left = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await latency(connection, left)


async def test_whoever_leaves_while_the_connection_is_made_leaves_nothing_behind() -> None:
    with Upstream([STAY]) as upstream:  # it never answers the TLS handshake
        url = upstream.url.replace("http:", "https:")
        asking = asyncio.ensure_future(ask(OpenAICompatible, url))
        connection = await soon(upstream.opened())
        asking.cancel()
        left = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await latency(connection, left)


async def test_a_question_too_long_for_a_deaf_service_is_let_go_of() -> None:
    with Upstream([CHUNKED, HELLO, STAY], deaf=True) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, timeouts=PATIENT)
        stream = provider.create_async_generator("m", "x" * 2**24)
        assert await anext(stream) == "Hello"
        await stream.aclose()
        upstream.connections[0].listen()
        await latency(upstream.connections[0], time.monotonic())
        assert sum(map(len, upstream.connections[0].requests)) == 0


async def test_a_question_too_long_for_a_deaf_service_can_be_given_up() -> None:
    with Upstream([STAY], deaf=True) as upstream:
        limits = {"headers": 0.1}
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator(
            "m", "x" * 2**24, timeouts=limits
        )
        assert type(await end_of(stream, [])) is Timeout
        upstream.connections[0].listen()
        await latency(upstream.connections[0], time.monotonic())
        assert upstream.connections[0].requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
async def test_whoever_leaves_does_not_wait_for_a_deaf_service_to_say_goodbye() -> None:
    authority, context = authority_and_context("127.0.0.1")
    with Upstream([CHUNKED, HELLO, STAY], tls=context, deaf=True) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, transport=trusting(authority))
        await leave_by_break(lambda: provider.create_async_generator("m", "Hi"))
        async with asyncio.timeout(SOON):
            while upstream.connections[0].is_established():
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_under_uvloop_too_whoever_leaves_closes_the_connection(
    way: Callable[[Callable[[], Any]], Awaitable[None]],
) -> None:
    async def main(upstream: Upstream) -> None:
        provider = OpenAICompatible(base_url=upstream.url)
        await way(lambda: provider.create_async_generator("m", "Hi"))
        await latency(upstream.connections[0], time.monotonic())

    with (
        Upstream([CHUNKED, HELLO, STAY]) as upstream,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(main(upstream))


SCRIPT = """
import asyncio, sys
from penstock.providers.openai_compatible import OpenAICompatible

async def main(end):
    provider = OpenAICompatible(base_url=sys.argv[1])
    print(await provider.create_async("m", "Hi"))
    if end == "break":
        async for text in provider.create_async_generator("m", "Hi"):
            break
    elif end == "hold":
        stream = provider.create_async_generator("m", "Hi")
        await anext(stream)
        globals()["kept"] = stream
    elif end == "forget":
        task = asyncio.ensure_future(anext(provider.create_async_generator("m", "Hi")))
        await asyncio.sleep(0.01)
    print(end)

for end in ("read", "break", "hold", "forget"):
    RUN(main(end))
"""


@pytest.mark.parametrize("run", ["asyncio.run", "__import__('uvloop').run"])
def test_a_script_ends_without_a_warning_wherever_it_left_its_streams(run: str) -> None:
    whole = spoken("Hello")
    cut: Script = [CHUNKED, HELLO, STAY]
    with Upstream(whole, whole, cut, whole, cut, whole, cut, cut) as upstream:
        command = SCRIPT.replace("RUN", run).replace("sys.argv[1]", repr(upstream.url))
        said = run_script(command)
        for connection in upstream.connections:
            connection.closed.result(SOON)
    assert said.split() == ["Hello", "read", "Hello", "break", "Hello", "hold", "Hello", "forget"]
