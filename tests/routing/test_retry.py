"""Retry: what is asked again, after how long, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import errors
from penstock.errors import PenstockError, RateLimited, Unavailable
from penstock.events import Event, Finish, Start, TextDelta
from penstock.provider import Call, Provider
from penstock.routing.backoff import backoff
from penstock.routing.breaker import Breaker
from penstock.routing.budget import Budget
from penstock.routing.fallback import Fallback
from penstock.routing.retry import Retry
from routing.played import HI, Clock, Played, call_with, read, said, through

HELLO = said("Hel", "lo")


def retry(target: Provider, clock: Clock | None = None, **given: Any) -> Retry:
    """One whose waits take no time, and are the longest there may be."""
    clock = clock or Clock()
    return Retry(target, **{"sleep": clock.sleep, "clock": clock, "random": lambda: 1.0, **given})


def tree(root: type[PenstockError]) -> list[type[PenstockError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in tree(child))]


# Laws


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_eight_seconds_and_never_negative(
    n: int, chance: float
) -> None:
    assert 0 <= backoff(n, lambda: chance) <= min(0.5 * 2 ** min(n - 1, 10), 8)


@pytest.mark.parametrize("kind", tree(PenstockError))
async def test_exactly_the_errors_that_may_pass_are_asked_again(kind: type[PenstockError]) -> None:
    target = Played([kind], HELLO)
    if kind.retryable:
        assert await read(retry(target)) == "Hello"
    else:
        with pytest.raises(kind):
            await read(retry(target))
    assert target.asked == 1 + kind.retryable


@given(st.integers(0, 5), st.integers(0, 8))
def test_a_target_is_asked_once_and_as_often_more_as_was_said(times: int, failures: int) -> None:
    target = Played(*[[Unavailable]] * failures, HELLO)
    route = retry(target, times=times)

    async def main() -> None:
        if failures <= times:
            assert await read(route) == "Hello"
        else:
            with pytest.raises(Unavailable):
                await read(route)

    asyncio.run(main())
    assert target.asked == min(failures, times) + 1


@pytest.mark.parametrize("spoken", range(1, 4))
async def test_after_the_first_word_nothing_is_asked_again(spoken: int) -> None:
    cut: list[Any] = [*said("a", "b", "c")[: 1 + spoken], errors.StreamTruncated]
    target = Played(cut, HELLO)
    stream = retry(target).stream(HI)
    assert [await anext(stream) for _ in cut[:-1]] == cut[:-1]
    with pytest.raises(errors.StreamTruncated):
        await anext(stream)
    assert target.asked == 1


# Waiting


async def test_waits_double_from_half_a_second_up_to_eight() -> None:
    clock = Clock()
    target = Played(*[[Unavailable]] * 7, HELLO)
    await read(retry(target, clock, times=7))
    assert clock.slept == [0.5, 1, 2, 4, 8, 8, 8]


async def test_jitter_is_full() -> None:
    clock, chances = Clock(), iter([0.0, 0.25, 0.5])
    target = Played(*[[Unavailable]] * 3, HELLO)
    await read(retry(target, clock, times=3, random=lambda: next(chances)))
    assert clock.slept == [0, 0.25, 1]


@pytest.mark.parametrize("told", [0.5, 7.0, 60.0])
async def test_what_the_service_said_is_waited_for_and_a_little_more(told: float) -> None:
    clock = Clock()
    await read(retry(Played([RateLimited("slow", retry_after=told)], HELLO), clock))
    assert clock.slept == [told + 0.5]


@pytest.mark.parametrize("told", [0.0, -3.0, float("nan"), None])
async def test_a_useless_word_of_the_service_is_none(told: float | None) -> None:
    clock = Clock()
    await read(retry(Played([RateLimited("slow", retry_after=told)], HELLO), clock))
    assert clock.slept == [0.5]


@pytest.mark.parametrize("told", [60.1, 3600.0, float("inf")])
async def test_who_wants_more_than_a_minute_is_not_waited_for(told: float) -> None:
    clock = Clock()
    target = Played([RateLimited("slow", retry_after=told)], HELLO)
    with pytest.raises(RateLimited) as caught:
        await read(retry(target, clock))
    assert caught.value.retry_after == told
    assert (clock.slept, target.asked) == ([], 1)


async def test_a_fallback_around_goes_on_where_the_wait_is_too_long() -> None:
    busy = Played([RateLimited("slow", retry_after=3600, provider="busy")])
    route = Fallback(retry(busy), Played(HELLO))
    events = [event async for event in route.stream(HI)]
    assert "".join(map(str, events)) == "Hello"
    assert isinstance(events[-1], Finish)
    assert [(tried.target, tried.error) for tried in events[-1].attempts] == [
        ("busy", "RateLimited")
    ]


async def test_a_wait_that_does_not_fit_the_deadline_is_not_begun() -> None:
    now = asyncio.get_running_loop().time()
    for told, fits in [(5.0, True), (30.0, False)]:
        clock, target = Clock(), Played([RateLimited("slow", retry_after=told)], HELLO)
        route, call = retry(target, clock), call_with(now + 20)
        if fits:
            assert await through(route, call) == [
                *HELLO[:-1],
                Finish("stop", attempts=tuple(call.attempts)),
            ]
        else:
            with pytest.raises(RateLimited):
                await through(route, call)
        assert clock.slept == [told + 0.5] * fits


async def test_a_call_that_is_cancelled_in_its_sleep_leaves_at_once() -> None:
    sleeping: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def sleep(seconds: float) -> None:
        sleeping.set_result(None)
        await asyncio.Event().wait()

    target = Played([Unavailable], HELLO)
    task = asyncio.create_task(read(retry(target, sleep=sleep)))
    await sleeping
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done
    assert task.cancelled()
    assert target.asked == 1


# What is over


@pytest.mark.parametrize("kind", [errors.Timeout, errors.StreamStalled])
async def test_a_call_whose_total_ran_out_is_over(kind: type[PenstockError]) -> None:
    target = Played([kind("no answer within 5 s", limit="total")], HELLO)
    with pytest.raises(kind):
        await read(retry(target))
    target = Played([kind("no answer within 5 s", limit="first")], HELLO)
    assert await read(retry(target)) == "Hello"


async def test_an_empty_budget_raises_the_error_as_it_is() -> None:
    wrong = Unavailable("it is down", provider="played")
    clock = Clock()
    with pytest.raises(Unavailable) as caught:
        await read(retry(Played([wrong]), clock, budget=Budget(reserve=0)))
    assert caught.value is wrong
    assert clock.slept == []


async def test_all_calls_share_the_budget_and_so_do_configured_copies() -> None:
    clock, target = Clock(), Played([Unavailable])
    route = Retry(
        target, times=1, budget=Budget(ratio=0, every=float("inf")), sleep=clock.sleep, clock=clock
    )
    for n in range(30):
        with pytest.raises(Unavailable):
            await read(route if n % 2 else route.configured(timeouts={"first": 1}))
    assert len(clock.slept) == 10


async def test_a_broken_service_is_asked_a_fifth_more_and_no_oftener() -> None:
    clock, target = Clock(), Played([Unavailable])
    route = retry(target, clock, budget=Budget(every=float("inf")), random=lambda: 0.0)
    for _ in range(500):
        with pytest.raises(Unavailable):
            await read(route)
    assert target.asked == 500 + 10 + 100


# What is told


async def test_who_was_asked_in_vain_is_told_with_what_it_spent() -> None:
    target = Played([Unavailable], [errors.EmptyStream], HELLO, name="a")
    *_, finish = [event async for event in retry(target).stream(HI)]
    assert isinstance(finish, Finish)
    assert [(one.target, one.error, one.spoke) for one in finish.attempts] == [
        ("a", "Unavailable", False),
        ("a", "EmptyStream", False),
    ]


async def test_a_whole_answer_that_was_cut_is_asked_for_again() -> None:
    target = Played([Start(), TextDelta("Hel"), errors.StreamTruncated], HELLO, name="a")
    reply = await retry(target).answer(HI)
    assert reply.text == "Hello"
    assert [one.error for one in reply.attempts] == ["StreamTruncated"]


async def test_what_says_nothing_and_does_not_end_well_is_an_empty_stream() -> None:
    target = Played([Start()], [], HELLO, name="a")
    reply = [event async for event in retry(target).stream(HI)]
    assert isinstance(reply[-1], Finish)
    assert [one.error for one in reply[-1].attempts] == ["EmptyStream"] * 2


async def test_a_resting_target_is_waited_for_where_there_is_no_other() -> None:
    clock = Clock()
    target = Played(*[[Unavailable]] * 5, HELLO)
    breaker = Breaker(target, clock=clock)
    route = retry(breaker, clock, times=6)
    assert await read(route) == "Hello"
    # Four waits of backoff, then the rest of the circuit's ten seconds and a little.
    assert clock.slept[:4] == [0.5, 1, 2, 4]
    assert clock.slept[4] == 8
    assert target.asked == 6


async def test_leaving_amid_the_answer_closes_it() -> None:
    target = Played([*said("a")[:2], lambda: asyncio.Event().wait()])
    stream = retry(target).stream(HI)
    assert await anext(stream) == Start("1", "m")
    await stream.aclose()
    assert target.left == 1


async def test_each_try_is_a_question_of_its_own() -> None:
    """The same generator is never read twice, and none is left open."""
    numbers, closed = count(), []

    class Numbered(Provider):
        def through(self, call: Call[Any]) -> AsyncGenerator[Any]:
            return self._answer(next(numbers))

        def stream(self, request: Any) -> AsyncGenerator[Event]:
            raise NotImplementedError

        async def _answer(self, number: int) -> AsyncGenerator[Event]:
            try:
                if number < 2:
                    raise Unavailable("down")
                yield TextDelta(str(number))
            finally:
                closed.append(number)

    found = await through(retry(Numbered()), call_with())
    assert found == [TextDelta("2")]
    assert closed == [0, 1, 2]
