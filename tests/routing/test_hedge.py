"""Whoever speaks first gives the answer, and of the others nothing is left."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import pytest

from penstock import outcomes
from penstock.errors import InvalidRequest, PenstockError, Unavailable
from penstock.events import Attempt, Event, Finish, Start, TextDelta
from penstock.outcomes import Outcome
from penstock.provider import Provider
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.types import ChatRequest
from raw import SOON, STAY, Script, Upstream, soon, spoken
from routing.leaping import leap
from routing.played import HI, Played, call_with, read, said, through

FOREVER = 1e9


def sleeping(seconds: float) -> Callable[[], Awaitable[object]]:
    return partial(asyncio.sleep, seconds)


def speaks(text: str, after: float, name: str) -> Played:
    start, *rest = said(text)
    return Played([start, sleeping(after), *rest], name=name)


def fails(error: type[PenstockError], after: float, name: str) -> Played:
    return Played([sleeping(after), error], name=name)


async def events(route: Provider, request: ChatRequest = HI) -> list[Event]:
    async with aclosing(route.stream(request)) as stream:
        return [event async for event in stream]


def finish(heard: list[Event]) -> Finish:
    assert sum(isinstance(event, Start) for event in heard) == 1
    last = heard[-1]
    assert isinstance(last, Finish)
    return last


def test_the_second_is_asked_where_the_first_is_slow_and_wins() -> None:
    slow, quick = speaks("slow", 5.0, "slow"), speaks("quick", 1.0, "quick")
    route = Hedge(slow, quick, share=1.0, after=2.0)

    async def main() -> None:
        heard = await events(route)
        assert heard[1] == TextDelta("quick")
        assert finish(heard).attempts == (Attempt("slow"),)
        assert asyncio.get_running_loop().time() == pytest.approx(3.0)
        assert (slow.asked, slow.left, quick.asked, quick.left) == (1, 1, 1, 0)

    leap(main())


def test_the_first_may_win_all_the_same() -> None:
    first, second = speaks("first", 3.0, "first"), speaks("second", 5.0, "second")
    route = Hedge(first, second, share=1.0, after=2.0)

    async def main() -> None:
        heard = await events(route)
        assert heard[1] == TextDelta("first")
        assert finish(heard).attempts == (Attempt("second"),)
        assert second.left == 1

    leap(main())


def test_nobody_else_is_asked_where_the_first_is_in_time() -> None:
    first, second = speaks("first", 1.0, "first"), speaks("second", 0.0, "second")
    assert leap(read(Hedge(first, second, share=1.0, after=2.0))) == "first"
    assert second.asked == 0


def test_nobody_is_hurried_before_enough_is_known() -> None:
    first, second = speaks("first", 100.0, "first"), speaks("second", 0.0, "second")
    assert leap(read(Hedge(first, second, share=1.0))) == "first"
    assert second.asked == 0


def test_one_alone_is_asked_twice() -> None:
    one = Played([sleeping(9.0), *said("late")], said("soon"), name="one")
    assert leap(read(Hedge(one, share=1.0, after=2.0))) == "soon"
    assert (one.asked, one.left) == (2, 1)


def test_one_alone_that_fails_is_not_asked_again() -> None:
    one = fails(Unavailable, 0.0, "one")
    with pytest.raises(Unavailable):
        leap(read(Hedge(one, share=0.5, after=2.0)))
    assert one.asked == 1


def test_of_two_who_speak_at_once_the_one_asked_first_wins_and_the_other_is_closed() -> None:
    first, second = speaks("first", 4.0, "first"), speaks("second", 2.0, "second")

    async def main() -> None:
        assert await read(Hedge(first, second, share=1.0, after=2.0)) in ("first", "second")
        assert first.left + second.left == 1

    leap(main())


def test_where_the_first_fails_the_next_is_asked_at_once() -> None:
    bad, good = fails(Unavailable, 0.5, "bad"), speaks("good", 0.5, "good")
    route = Hedge(bad, good, after=FOREVER)

    async def main() -> None:
        heard = await events(route)
        assert [a.error for a in finish(heard).attempts] == ["Unavailable"]
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)

    leap(main())


@pytest.mark.parametrize("slow_fails", [True, False])
def test_where_one_of_two_fails_the_other_goes_on(slow_fails: bool) -> None:
    bad, good = fails(Unavailable, 3.0, "bad"), speaks("good", 5.0, "good")
    targets = (bad, good) if slow_fails else (good, bad)
    assert leap(read(Hedge(*targets, share=1.0, after=2.0))) == "good"
    assert good.left == 0


def test_where_all_fail_the_error_tells_of_all() -> None:
    bad = [fails(Unavailable, 3.0 - n / 10, f"bad {n}") for n in range(3)]
    with pytest.raises(Unavailable) as raised:
        leap(read(Hedge(*bad, share=1.0, after=2.0)))
    assert [player.asked for player in bad] == [1, 1, 1]
    assert len(raised.value.others) == 2


def test_a_wrong_question_is_asked_nobody_else() -> None:
    wrong, other = fails(InvalidRequest, 0.0, "wrong"), speaks("other", 0.0, "other")
    with pytest.raises(InvalidRequest):
        leap(read(Hedge(wrong, other, after=2.0)))
    assert other.asked == 0


def test_who_is_known_not_to_work_is_not_asked_beside_the_first() -> None:
    class Bad(Played):
        def is_failing(self, model: str) -> bool:
            return True

    bad, slow = Bad(said("bad"), name="bad"), speaks("slow", 9.0, "slow")
    assert leap(read(Hedge(bad, slow, share=1.0, after=2.0))) == "slow"
    assert bad.asked == 0


def test_a_whole_answer_is_raced_for_too() -> None:
    slow, quick = speaks("slow", 50.0, "slow"), speaks("quick", 1.0, "quick")

    async def main() -> None:
        reply = await Hedge(slow, quick, share=1.0, after=2.0).answer(HI)
        assert reply.text == "quick"
        assert reply.attempts == (Attempt("slow"),)
        assert slow.left == 1

    leap(main())


def test_hedges_nest() -> None:
    slow = [speaks("slow", 50.0, f"slow {n}") for n in range(3)]
    route = Fallback(Hedge(Hedge(*slow[:2], share=1.0, after=1.0), slow[2], share=1.0, after=3.0))
    assert leap(read(route)) == "slow"
    assert sum(player.left for player in slow) == 2


@pytest.mark.parametrize("when", [0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0])
def test_who_leaves_leaves_nothing_running(when: float) -> None:
    """``leap`` looks for tasks that are left; what was asked was closed."""
    first = Played([sleeping(5.0), *said("slow")], name="first")
    second = Played([sleeping(1.0), said("a")[1], sleeping(2.0), *said("b")[1:]], name="second")
    route = Hedge(first, second, share=1.0, after=2.0)

    async def main() -> None:
        task = asyncio.create_task(read(route))
        await asyncio.sleep(when)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (first.asked, second.asked) == (first.left, second.left)

    leap(main())


@pytest.mark.parametrize("began", [0.0, 2.0, 3.0])
def test_who_leaves_at_any_step_leaves_nothing_running(began: float) -> None:
    """From when the first is asked, the second is, and the second speaks: one step later each."""

    async def main(steps: int) -> bool:
        first = Played([sleeping(5.0), *said("slow")], name="first")
        second = Played([sleeping(1.0), *said("a", "b", "c")], name="second")
        task = asyncio.create_task(read(Hedge(first, second, share=1.0, after=2.0)))
        await asyncio.sleep(began)
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert first.asked == first.left
        assert task.cancelled() or task.result() == "abc"
        return task.cancelled()

    ended = [leap(main(steps)) for steps in range(40)]
    assert ended[0]
    assert began < 3.0 or not ended[-1]


def test_who_closes_after_the_first_word_leaves_nothing_running() -> None:
    first, second = speaks("first", 9.0, "first"), speaks("second", 1.0, "second")
    route = Hedge(first, second, share=1.0, after=2.0)

    async def main() -> None:
        stream = route.stream(HI)
        await anext(stream)
        await stream.aclose()
        assert (first.left, second.left) == (1, 1)

    leap(main())


def test_what_takes_long_to_close_is_waited_for_though_the_caller_is_cancelled_again() -> None:
    class Tough(Provider):
        closed = False

        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
            try:
                await asyncio.sleep(FOREVER)
                yield Finish()
            finally:
                await asyncio.sleep(1.0)
                self.closed = True

    tough = Tough()

    async def main() -> None:
        task = asyncio.create_task(read(Hedge(tough)))
        for _ in range(3):
            await asyncio.sleep(0.1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert tough.closed

    leap(main())


def test_who_does_not_want_to_be_left_holds_up_the_end_and_nothing_else() -> None:
    class Stubborn(Provider):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
            try:
                await asyncio.sleep(FOREVER)
            except asyncio.CancelledError:
                await asyncio.sleep(10.0)
                raise
            yield Finish()

    async def main() -> None:
        now = asyncio.get_running_loop().time
        route = Hedge(Stubborn(), speaks("quick", 1.0, "quick"), share=1.0, after=2.0)
        times = [now() async for _ in route.stream(HI)]
        assert times == pytest.approx([3.0, 3.25, 3.25])
        assert now() == pytest.approx(13.0)

    leap(main())


def test_what_is_no_failure_of_a_service_is_raised_as_it_is() -> None:
    odd, slow = Played([sleeping(3.0), ZeroDivisionError()], name="odd"), speaks("a", 9.0, "slow")
    with pytest.raises(ZeroDivisionError):
        leap(read(Hedge(odd, slow, share=1.0, after=2.0)))
    assert slow.left == 1


def test_copies_share_what_was_measured() -> None:
    one = speaks("one", 1.0, "one")
    route = Hedge(one)

    async def main() -> None:
        for _ in range(20):
            await read(route.configured(proxy="http://127.0.0.1:1"))

    leap(main())
    late = Played([sleeping(9.0), *said("late")], said("soon"), name="late")
    route.targets = (late,)
    assert leap(read(route)) == "soon"


class Straggling(Provider):
    """Speaks after 20 ms, and after ten times as long in 5 % of the calls."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.calls = 0
        self._random = random.Random(seed)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        self.calls += 1
        usual = 0.02 * self._random.lognormvariate(0, 0.2)
        await asyncio.sleep(usual * (10 if self._random.random() < 0.05 else 1))
        for event in said("Hello"):
            yield event


async def firsts(route: Provider, calls: int) -> list[float]:
    """Seconds to the first of each answer."""
    took = []
    for _ in range(calls):
        began = asyncio.get_running_loop().time()
        await read(route)
        took.append(asyncio.get_running_loop().time() - began)
    return took


@pytest.mark.parametrize("seed", range(4))
def test_the_slowest_hundredth_is_less_than_half_as_slow_for_less_than_8_percent_more_calls(
    seed: int,
) -> None:
    alone, hedged, calls = Straggling(seed), Straggling(seed), 2000
    before, after = leap(firsts(alone, calls)), leap(firsts(Hedge(hedged), calls))
    p99 = [statistics.quantiles(took, n=100)[98] for took in (before, after)]
    print(f"p99 {1000 * p99[0]:.0f} -> {1000 * p99[1]:.0f} ms, {hedged.calls / calls - 1:.1%} more")
    assert p99[1] < p99[0] / 2
    assert hedged.calls < 1.08 * calls


def openai(upstream: Upstream) -> OpenAICompatible:
    return OpenAICompatible(base_url=upstream.url, api_key="k")


async def test_a_losers_socket_is_closed_at_once_and_what_it_spent_is_told() -> None:
    told: list[Outcome] = []
    stop = outcomes.observe(told.append)
    with Upstream([STAY]) as mute, Upstream(spoken("Hello", " there")) as quick:
        route = Hedge(openai(mute), openai(quick), share=1.0, after=0.05)
        async with aclosing(route.stream(HI)) as stream:
            await anext(stream)
            spoke = time.monotonic()
            loser = await soon(mute.asked())
            gone = await soon(loser.closed)  # the caller takes its time over the first word
            assert gone - spoke < SOON
            rest = [event async for event in stream]
        attempt = finish([Start(), *rest]).attempts[0]
    stop()
    assert (attempt.target, attempt.error, attempt.spoke) == ("openai-compatible", "", False)
    assert attempt.usage is not None
    assert attempt.usage.provenance == "estimated"
    assert sorted(outcome.state for outcome in told) == ["complete", "left"]


async def test_every_losers_socket_is_closed() -> None:
    """A fifth of the questions is never answered; the service sees each of those callers go."""
    asked = closed = 0

    def script(request: bytes) -> Script:
        nonlocal asked
        asked += 1
        return [STAY] if asked % 5 == 0 else spoken("Hello")

    with Upstream(script) as upstream:
        route = Hedge(openai(upstream), share=1.0, after=0.15)
        for _ in range(20):
            before = asked
            assert await read(route) == "Hello"
            ended = time.monotonic()
            for number in range(before, asked):
                if number % 5 == 4:
                    connection = await soon(upstream.asked(number))
                    assert await soon(connection.closed) - ended < SOON
                    closed += 1
    assert closed == asked // 5 >= 4


@pytest.mark.parametrize("when", [0.02, 0.1])
async def test_who_leaves_closes_all_sockets(when: float) -> None:
    with Upstream([STAY]) as mute, Upstream([STAY]) as other:
        route = Hedge(openai(mute), openai(other), share=1.0, after=0.05)
        task = asyncio.create_task(read(route))
        asked = [await soon(mute.asked())]
        if when > 0.05:
            asked.append(await soon(other.asked()))
        task.cancel()
        left = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        for connection in asked:
            assert await soon(connection.closed) - left < SOON
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_forgets_an_answer_leaves_nothing_running() -> None:
    first, second = speaks("first", 60.0, "first"), Played(said("second"), name="second")
    stream = Hedge(first, second, share=1.0, after=0.01).stream(HI)
    await anext(stream)
    del stream
    gc.collect()
    for _ in range(20):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert first.left == 1


def test_a_target_that_cannot_be_left_well_spoils_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Odd(Provider):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
            try:
                await asyncio.sleep(FOREVER)
                yield Finish()
            finally:
                raise ZeroDivisionError

    quick = speaks("quick", 1.0, "quick")
    assert leap(read(Hedge(Odd(), quick, share=1.0, after=2.0))) == "quick"
    assert not caplog.records


def test_a_question_that_cannot_be_read_is_asked_nobody() -> None:
    one = speaks("one", 1.0, "one")
    call = call_with()

    def unreadable() -> ChatRequest:
        raise InvalidRequest("what is that?")

    call.request = unreadable
    with pytest.raises(InvalidRequest):
        leap(through(Hedge(one), call))
    assert one.asked == 0
