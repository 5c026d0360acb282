"""Within: all of it within a deadline, whatever happens on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest

from penstock.errors import ConfigError, RateLimited, StreamStalled, Timeout, Unavailable
from penstock.events import Start, TextDelta
from penstock.routing.fallback import Fallback
from penstock.routing.retry import Retry
from penstock.routing.within import Within
from routing.played import HI, Played, call_with, read, said, through

HELLO = said("Hel", "lo")
SOON = 0.05


def for_ever() -> Awaitable[object]:
    return asyncio.Event().wait()


async def test_what_ends_in_time_is_as_it_was() -> None:
    assert [event async for event in Within(Played(HELLO), 5).stream(HI)] == HELLO


async def test_before_anything_was_said_it_is_a_timeout() -> None:
    target = Played([Start(), for_ever], name="groq")
    with pytest.raises(Timeout) as caught:
        await read(Within(target, SOON))
    assert str(caught.value) == "groq did not answer within 0.05 s (total)"
    assert caught.value.provider == "groq"
    assert target.left == 1


async def test_amid_the_answer_it_is_a_stream_that_stood_still() -> None:
    target = Played([*HELLO[:2], for_ever])
    stream = Within(target, SOON).stream(HI)
    assert [await anext(stream), await anext(stream)] == HELLO[:2]
    with pytest.raises(StreamStalled, match=r"did not end its answer within 0\.05 s \(total\)"):
        await anext(stream)
    assert target.left == 1


async def test_the_time_of_a_slow_reader_counts_and_its_own_waits_are_not_touched() -> None:
    target = Played([*HELLO[:2], TextDelta("more")])
    stream = Within(target, SOON).stream(HI)
    await anext(stream)
    late = asyncio.get_running_loop().time() + 2 * SOON
    await asyncio.sleep(2 * SOON)  # would be cancelled, if the alarm were not bound to the wait
    assert asyncio.get_running_loop().time() >= late - 0.01
    with pytest.raises(StreamStalled):
        await anext(stream)
    assert target.left == 1


async def test_who_has_the_end_is_not_told_that_it_is_late() -> None:
    for after in ([], [for_ever]):
        stream = Within(Played([*HELLO, *after]), SOON).stream(HI)
        heard = [await anext(stream) for _ in HELLO]
        await asyncio.sleep(2 * SOON)
        assert [*heard, *[event async for event in stream]] == HELLO


def test_what_is_no_number_of_seconds_is_refused() -> None:
    with pytest.raises(ConfigError, match="seconds is no number"):
        Within(Played(HELLO), float("nan"))


async def test_retries_and_fallbacks_are_within_it_too() -> None:
    slow = Played([Unavailable], [for_ever], name="slow")
    other = Played(HELLO)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    route = Within(Fallback(Retry(slow, sleep=sleep, random=lambda: 0.0), other), SOON)
    with pytest.raises(Timeout):
        await read(route)
    assert (slow.asked, slow.left, other.asked, len(waits)) == (2, 1, 0, 1)


async def test_the_sooner_deadline_holds_and_those_below_are_told() -> None:
    told: list[float | None] = []

    class Telling(Within):
        def through(self, call: Any) -> AsyncGenerator[Any]:
            told.append(call.deadline)
            return super().through(call)

    now = asyncio.get_running_loop().time()
    inner = Telling(Played(HELLO), 1000)
    await through(Within(inner, 50), call_with(now + 20))
    await through(Within(inner, 50), call_with())
    assert told[0] == now + 20
    assert told[1] == pytest.approx(now + 50, abs=5)


async def test_a_wait_that_does_not_fit_is_not_begun() -> None:
    target = Played([RateLimited("slow", retry_after=30)], HELLO)
    with pytest.raises(RateLimited):
        await read(Within(Retry(target), 20))


async def test_where_no_time_is_left_nobody_is_asked() -> None:
    target = Played(HELLO)
    with pytest.raises(Timeout):
        await read(Within(target, 0))
    with pytest.raises(Timeout):
        await through(Within(target, 5), call_with(asyncio.get_running_loop().time() - 1))
    assert target.asked == 0


async def test_the_inner_of_two_is_no_reason_to_go_on_after_the_outer() -> None:
    target = Played([for_ever])
    with pytest.raises(Timeout, match=r"within 0\.05 s"):
        await read(Within(Within(target, 5), SOON))
    with pytest.raises(Timeout, match=r"within 0\.05 s"):
        await read(Within(Within(target, SOON), 5))


async def test_whoever_cancels_the_caller_cancels_it() -> None:
    target = Played([*HELLO[:2], for_ever])
    task = asyncio.create_task(read(Within(target, 5)))
    while not target.asked:
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done
    assert task.cancelled()
    assert target.left == 1


async def test_a_cancel_at_the_very_moment_of_the_deadline_is_not_swallowed() -> None:
    loop = asyncio.get_running_loop()
    target = Played([for_ever])
    task = asyncio.create_task(read(Within(target, SOON)))
    await asyncio.sleep(0)
    # Both happen in one turn of the loop, in either order.
    loop.call_at(loop.time() + SOON, task.cancel)
    time.sleep(2 * SOON)
    done, _ = await asyncio.wait([task], timeout=1)
    assert done
    assert task.cancelled()


async def test_an_outer_timeout_of_asyncio_still_works() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await read(Within(Played([for_ever]), 5))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_after_it_the_task_is_as_if_nobody_had_cancelled_it() -> None:
    with pytest.raises(Timeout):
        await read(Within(Played([for_ever]), SOON))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_an_answer_that_was_cancelled_and_came_all_the_same_is_whole() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    stream = Within(Played([*HELLO[:2], stubborn, *HELLO[2:]]), SOON).stream(HI)
    assert [await anext(stream) for _ in HELLO[:3]] == HELLO[:3]
    with pytest.raises(StreamStalled):
        await anext(stream)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.parametrize("leave", ["end", "close", "error"])
async def test_no_timer_is_left(leave: str) -> None:
    loop: Any = asyncio.get_running_loop()
    before = [timer for timer in loop._scheduled if not timer.cancelled()]
    script: Any = [Unavailable] if leave == "error" else HELLO
    stream = Within(Played(script), 500).stream(HI)
    if leave == "end":
        assert [event async for event in stream] == HELLO
    elif leave == "close":
        await anext(stream)
        await stream.aclose()
    else:
        with pytest.raises(Unavailable):
            await anext(stream)
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == before
