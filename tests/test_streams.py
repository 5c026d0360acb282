"""``AsyncStream``: one pass, begun by reading, ended by leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.streams import AsyncStream

LEFT = "was left or read already; make a new call"


class Source:
    """Counts from 0 to ``stop``, and knows how often it was opened and closed."""

    def __init__(self, stop: int = 3) -> None:
        self.opened = self.closed = 0
        self._stop = stop

    def __call__(self) -> AsyncGenerator[int]:
        self.opened += 1
        return self._count()

    async def _count(self) -> AsyncGenerator[int]:
        try:
            for n in range(self._stop):
                await asyncio.sleep(0)
                yield n
        finally:
            await asyncio.sleep(0)
            self.closed += 1

    async def settle(self) -> None:
        """Let the loop close what was dropped."""
        for _ in range(5):
            await asyncio.sleep(0)


@given(size=st.integers(0, 9), ahead=st.integers(0, 9))
def test_anext_and_async_for_together_read_everything_once(size: int, ahead: int) -> None:
    async def main() -> None:
        source = Source(size)
        stream = AsyncStream(source)
        said = [await anext(stream) for _ in range(min(ahead, size))]
        said += [n async for n in stream]
        assert said == list(range(size))
        assert (source.opened, source.closed) == (1, 1)

    asyncio.run(main())


async def test_a_stream_starts_when_it_is_first_read() -> None:
    source = Source()
    stream = AsyncStream(source)
    assert source.opened == 0
    assert await anext(stream) == 0
    assert source.opened == 1
    await stream.aclose()


@pytest.mark.parametrize("held", [True, False])
async def test_break_closes_it_whether_or_not_somebody_holds_it(held: bool) -> None:
    source = Source()
    if held:
        stream = AsyncStream(source)
        async for _ in stream:
            break
    else:
        async for _ in AsyncStream(source):
            break
    await source.settle()
    assert source.closed == 1


async def test_an_exception_in_the_loop_closes_it() -> None:
    source = Source()
    stream = AsyncStream(source)
    with suppress(KeyError):
        async for n in stream:
            raise KeyError(n)
    await source.settle()
    assert source.closed == 1


async def test_aclose_closes_it_from_outside_and_inside_the_loop() -> None:
    for read in ("anext", "for"):
        source = Source()
        stream = AsyncStream(source)
        if read == "anext":
            await anext(stream)
            await stream.aclose()
        else:
            assert [n async for n in closing(stream)] == [0]
        assert source.closed == 1


async def closing(stream: AsyncStream[int]) -> AsyncGenerator[int]:
    async for n in stream:
        yield n
        await stream.aclose()


async def test_async_with_closes_it() -> None:
    source = Source()
    async with AsyncStream(source) as stream:
        assert await anext(stream) == 0
    assert source.closed == 1


async def test_await_gives_the_stream_itself() -> None:
    stream = AsyncStream(Source())
    assert await stream is stream
    assert [n async for n in await stream] == [0, 1, 2]


async def test_a_stream_is_read_once() -> None:
    stream = AsyncStream(Source())
    assert [n async for n in stream] == [0, 1, 2]
    with pytest.raises(RuntimeError, match=LEFT):
        await anext(stream)
    with pytest.raises(RuntimeError, match=LEFT):
        aiter(stream)


async def test_a_stream_that_was_closed_unread_never_starts() -> None:
    source = Source()
    stream = AsyncStream(source)
    await stream.aclose()
    await stream.aclose()
    with pytest.raises(RuntimeError, match=LEFT):
        await anext(stream)
    assert source.opened == 0


async def test_closing_twice_or_after_the_end_does_nothing() -> None:
    source = Source()
    stream = AsyncStream(source)
    assert [n async for n in stream] == [0, 1, 2]
    await stream.aclose()
    await stream.aclose()
    assert source.closed == 1
