"""Breaker: what shuts a target, who is turned away, and who gets in again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from msgspec.structs import replace

from penstock import errors
from penstock.errors import InvalidRequest, PenstockError, RateLimited, Unauthorized, Unavailable
from penstock.events import Event, Finish, Reply, Start, TextDelta
from penstock.routing.breaker import Breaker
from penstock.routing.circuit import Circuit
from penstock.routing.fallback import Fallback
from penstock.routing.retry import Retry
from penstock.types import Secret
from routing.played import HI, Clock, Played, Script, read, said

HELLO = said("Hel", "lo")
CUT: Script = [*said("Hel", "lo")[:2], errors.StreamTruncated("cut", provider="played")]


def breaker(target: Played, clock: Clock | None = None) -> Breaker:
    return Breaker(target, Circuit(random=lambda: 0.0), clock=clock or Clock())


async def fail(route: Breaker, times: int = 5, request: Any = HI) -> None:
    for _ in range(times):
        with pytest.raises(PenstockError):
            await read(route, request)


def tree(root: type[PenstockError]) -> list[type[PenstockError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in tree(child))]


@pytest.mark.parametrize("kind", tree(PenstockError))
async def test_what_another_service_might_have_answered_counts(kind: type[PenstockError]) -> None:
    route = breaker(Played([kind]))
    await fail(route)
    counts = kind.elsewhere and kind is not errors.UnknownModel
    assert route.is_failing("") is counts
    assert route.circuit.state == ("open" if counts else "closed")


async def test_five_streams_that_were_cut_under_200_open_it() -> None:
    target = Played(CUT)
    route = breaker(target)
    await fail(route)
    with pytest.raises(Unavailable) as caught:
        await read(route)
    assert target.asked == 5
    assert caught.value.retry_after == 10


async def test_the_message_names_the_target_why_it_rests_and_until_when() -> None:
    clock = Clock()
    route = breaker(Played([Unavailable], name="groq"), clock)
    await fail(route)
    clock.now += 3
    with pytest.raises(Unavailable) as caught:
        await read(route)
    error = caught.value
    assert str(error) == (
        "groq has failed and is left in peace, asked again in 7 s; ask then, or ask another"
    )
    assert (error.provider, error.retry_after) == ("groq", 7)
    assert error.elsewhere
    assert error.retryable


async def test_one_probe_gets_in_and_lets_the_others_in_by_working() -> None:
    clock, going_on = Clock(), asyncio.Event()
    target = Played(*[[Unavailable]] * 5, [Start(), going_on.wait, *HELLO[1:]], HELLO)
    route = breaker(target, clock)
    await fail(route)
    clock.now += 10
    assert not route.is_failing("")
    probe = asyncio.create_task(read(route))
    await asyncio.sleep(0)
    assert route.is_failing("")
    with pytest.raises(Unavailable, match="being tried out now") as caught:
        await read(route)
    assert caught.value.retry_after == 1
    going_on.set()
    assert await probe == "Hello"
    assert await read(route) == "Hello"
    assert target.asked == 7


async def test_a_probe_that_speaks_for_long_does_not_keep_the_others_waiting() -> None:
    clock = Clock()
    endless: Script = [*HELLO[:2], lambda: asyncio.Event().wait()]
    route = breaker(Played(*[[Unavailable]] * 5, endless, HELLO), clock)
    await fail(route)
    clock.now += 10
    probe = route.stream(HI)
    assert [await anext(probe), await anext(probe)] == HELLO[:2]
    assert route.is_failing("")
    clock.now += 10
    assert not route.is_failing("")
    assert await read(route) == "Hello"
    await probe.aclose()


async def test_a_probe_that_is_cut_amid_its_answer_shuts_it_for_longer() -> None:
    clock = Clock()
    route = breaker(Played(CUT), clock)
    await fail(route)
    clock.now += 10
    await fail(route, 1)
    assert route.circuit.remaining(clock.now) == 20


@pytest.mark.parametrize("how", ["cancelled", "closed", "refused", "crashed"])
async def test_a_probe_that_tells_nothing_frees_its_place(how: str) -> None:
    clock = Clock()
    ends: dict[str, Script] = {
        "cancelled": [lambda: asyncio.Event().wait()],
        "closed": HELLO,
        "refused": [InvalidRequest("no such field")],
        "crashed": [ZeroDivisionError()],
    }
    target = Played(*[[Unavailable]] * 5, ends[how], HELLO)
    route = breaker(target, clock)
    await fail(route)
    clock.now += 10
    if how == "cancelled":
        task = asyncio.create_task(read(route))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    elif how == "closed":
        stream = route.stream(HI)
        await anext(stream)
        await stream.aclose()
    else:
        with pytest.raises((InvalidRequest, ZeroDivisionError)):
            await read(route)
    assert route.circuit.state == "open"
    assert await read(route) == "Hello"


async def test_who_has_the_end_of_the_answer_may_leave_and_it_worked() -> None:
    clock = Clock()
    route = breaker(Played(*[[Unavailable]] * 5, HELLO), clock)
    await fail(route)
    clock.now += 10
    stream = route.stream(HI)
    while not isinstance(await anext(stream), Finish):
        pass
    await stream.aclose()
    assert route.circuit.state == "closed"


async def test_whole_answers_work_too() -> None:
    clock = Clock()
    target = Played(*[[Unavailable]] * 5, HELLO)
    route = breaker(target, clock)
    await fail(route)
    clock.now += 10
    reply = await Fallback(route).answer(HI)
    assert isinstance(reply, Reply)
    assert route.circuit.state == "closed"


async def test_no_caller_shuts_it_for_the_others_with_a_key_of_their_own() -> None:
    own = replace(HI, api_key=Secret("mine"))
    for error in (Unauthorized("no"), RateLimited("slow", retry_after=30)):
        route = breaker(Played([error]))
        await fail(route, 20, own)
        assert not route.is_failing("")
        await fail(route, 5)
        assert route.is_failing("")


async def test_a_quota_that_is_spent_opens_it_at_once_for_as_long_as_the_service_said() -> None:
    for told, left in [(7.0, 7.0), (3600.0, 60.0)]:
        clock = Clock()
        route = breaker(Played([RateLimited("slow", retry_after=told)]), clock)
        await fail(route, 1)
        assert route.circuit.remaining(clock.now) == left


async def test_a_retry_around_comes_back_when_the_service_said() -> None:
    clock = Clock()
    target = Played([RateLimited("slow", retry_after=7)], HELLO)
    route = Retry(breaker(target, clock), sleep=clock.sleep, clock=clock, random=lambda: 0.0)
    assert await read(route) == "Hello"
    assert (clock.slept, target.asked) == ([7], 2)


async def test_two_routes_share_the_breaker_that_both_hold_and_copies_share_theirs() -> None:
    shared = breaker(Played([Unavailable], name="a"))
    one, two = Fallback(shared), Fallback(shared, Played(HELLO, name="b"))
    for _ in range(5):
        with pytest.raises(Unavailable):
            await read(one)
    assert shared.configured(timeouts={"first": 1}).is_failing("")
    events = [event async for event in two.stream(HI)]
    assert "".join(map(str, events)) == "Hello"
    assert isinstance(events[-1], Finish)
    assert events[-1].attempts == ()  # it was not even tried


async def test_a_fallback_asks_a_resting_target_last_and_tries_it_out_when_its_time_comes() -> None:
    clock = Clock()
    target = Played(*[[Unavailable]] * 5, HELLO)
    route, other = breaker(target, clock), Played(said("other"))
    await fail(route)
    both = Fallback(route, other)
    assert await read(both) == "other"
    clock.now += 10
    assert await read(both) == "Hello"


async def test_an_open_circuit_costs_no_question() -> None:
    target = Played([Unavailable])
    route = breaker(target)
    await fail(route, 50)
    assert target.asked == 5


async def test_leaving_it_closes_what_is_below() -> None:
    target = Played([*HELLO[:2], lambda: asyncio.Event().wait()])
    stream: AsyncGenerator[Event] = breaker(target).stream(HI)
    assert [await anext(stream), await anext(stream)] == [Start("1", "m"), TextDelta("Hel")]
    await stream.aclose()
    assert target.left == 1
