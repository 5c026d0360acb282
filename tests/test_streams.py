"""A stream one can leave: it starts when it is read and closes when it is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from penstock.streams import AsyncStream


class Source:
    """Counts to three, and knows whether it was begun and closed."""

    def __init__(self) -> None:
        self.begun = False
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        async with asyncio.timeout(1):
            await self._closed.wait()

    async def count(self) -> AsyncGenerator[int]:
        self.begun = True
        try:
            for number in (1, 2, 3):
                yield number
        finally:
            self._closed.set()


@pytest.fixture
def source() -> Source:
    return Source()


async def test_it_starts_when_it_is_read(source: Source) -> None:
    stream = AsyncStream(source.count)
    assert not source.begun
    assert [number async for number in stream] == [1, 2, 3]
    assert source.closed


async def test_awaiting_it_gives_the_stream_itself(source: Source) -> None:
    stream = AsyncStream(source.count)
    assert await stream is stream
    assert [number async for number in await stream] == [1, 2, 3]


async def test_a_first_item_may_be_taken_before_the_loop(source: Source) -> None:
    stream = AsyncStream(source.count)
    assert await anext(stream) == 1
    assert [number async for number in stream] == [2, 3]


async def test_break_closes_it_though_it_is_held(source: Source) -> None:
    stream = AsyncStream(source.count)
    async for _ in stream:
        break
    await source.wait_closed()
    await stream.aclose()


async def test_reading_on_after_leaving_says_what_to_do(source: Source) -> None:
    stream = AsyncStream(source.count)
    async for _ in stream:
        break
    with pytest.raises(RuntimeError, match="make a new call"):
        await anext(stream)


async def test_aclose_and_the_end_of_a_with_block_close_it(source: Source) -> None:
    async with AsyncStream(source.count) as stream:
        assert await anext(stream) == 1
    assert source.closed


async def test_closing_it_before_it_began_begins_nothing(source: Source) -> None:
    stream = AsyncStream(source.count)
    await stream.aclose()
    assert not source.begun
    with pytest.raises(RuntimeError):
        await anext(stream)
