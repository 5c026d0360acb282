"""What is true of every route, whatever the providers below it do."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

import pytest

from penstock.errors import EmptyStream, StreamTruncated, Unavailable
from penstock.events import Attempt, Event, Finish, ReasoningDelta, Start, TextDelta, ToolCallStart
from penstock.provider import Provider
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.routing.balance import Balance
from penstock.routing.breaker import Breaker
from penstock.routing.drain import Drain
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.routing.retry import Retry
from penstock.routing.routed import Routed
from penstock.routing.target import Target
from penstock.routing.within import Within
from raw import Upstream, spoken
from routing.played import HI, Played, Script, read, said

HELLO = said("Hel", "lo")

ROUTES: dict[str, Callable[[Provider], Routed]] = {
    "target": Target,
    "retry": lambda one: Retry(one, times=0),
    "fallback": Fallback,
    "continues": lambda one: Fallback(one, continues=True),
    "balance": Balance,
    "hedge": Hedge,
    "breaker": Breaker,
    "within": lambda one: Within(one, 60.0),
    "drain": Drain,
}
each_route = pytest.mark.parametrize("build", ROUTES.values(), ids=ROUTES)


async def heard(route: Provider) -> tuple[list[Event], type[BaseException] | None]:
    """What comes, and what it ends with."""
    events: list[Event] = []
    try:
        async for event in route.stream(HI):
            events.append(event)  # noqa: PERF401 - what came before a failure counts
    except (Exception, asyncio.CancelledError) as error:
        return events, type(error)
    return events, None


async def cancelled() -> None:
    raise asyncio.CancelledError


@each_route
async def test_who_has_the_end_has_all(build: Callable[[Provider], Routed]) -> None:
    for late in ([TextDelta("more")], [StreamTruncated("cut")], [Finish("length"), Start()]):
        target = Played([*HELLO, *late])
        assert await heard(build(target)) == (HELLO, None)
        assert target.left == 0


@each_route
async def test_an_answer_that_just_stops_is_no_answer(build: Callable[[Provider], Routed]) -> None:
    assert await heard(build(Played([]))) == ([], EmptyStream)
    assert await heard(build(Played([Start()]))) == ([], EmptyStream)
    assert await heard(build(Played(HELLO[:2]))) == (HELLO[:2], StreamTruncated)


@each_route
@pytest.mark.parametrize(
    "step", [ValueError("odd"), StopAsyncIteration(), cancelled], ids=["odd", "stop", "cancelled"]
)
async def test_what_is_no_error_of_ours_comes_to_the_caller(
    build: Callable[[Provider], Routed], step: Exception | Callable[[], object]
) -> None:
    for before in ([], HELLO[:2]):
        async with asyncio.timeout(5):
            events, error = await heard(build(Played([*before, step])))  # type: ignore[list-item]
        assert events == before
        assert error in (ValueError, RuntimeError, asyncio.CancelledError)


@pytest.mark.parametrize("nothing", [TextDelta(""), ReasoningDelta("")])
async def test_where_nothing_was_said_in_a_word_another_is_asked(nothing: Event) -> None:
    script: Script = [Start(), nothing, Unavailable("no", provider="a")]
    end = Finish("stop", attempts=(Attempt("a", "Unavailable"),))
    assert await heard(Fallback(Played(script), Played(HELLO))) == ([*HELLO[:-1], end], None)


@pytest.mark.parametrize(
    "something",
    [
        TextDelta("", metadata={"p": {"block": {}}}),
        ReasoningDelta("", signature="s"),
        ToolCallStart(0, "1", "f"),
    ],
)
async def test_what_is_no_word_may_be_said_all_the_same(something: Event) -> None:
    script: Script = [Start(), something, Unavailable("no")]
    events, error = await heard(Fallback(Played(script), Played(HELLO)))
    assert (events, error) == ([Start(), something], Unavailable)


FAILING: dict[str, Callable[[], Routed]] = {
    "all": lambda: Fallback(Played([Unavailable], name="a"), Played([Unavailable], name="b")),
    "one": lambda: Fallback(Played([Unavailable], name="a"), Played(HELLO, name="b")),
    "cut": lambda: Fallback(
        Played([*HELLO[:2], StreamTruncated], name="a"),
        Played([Unavailable], name="b"),
        continues=True,
    ),
    "recovered": lambda: Fallback(
        Played([*HELLO[:2], StreamTruncated], name="a"), Played(HELLO, name="b"), continues=True
    ),
    "hedge": lambda: Hedge(Played([Unavailable], name="a"), Played([Unavailable], name="b")),
    "drain": lambda: Drain(Breaker(Played([Unavailable]))),
}


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("build", FAILING.values(), ids=FAILING)
async def test_a_call_that_failed_is_forgotten_at_once(build: Callable[[], Routed]) -> None:
    """Questions may be large: none waits for the collector of cycles."""
    route = build()
    await heard(route)
    with no_collector():
        before = len(gc.get_objects())
        for _ in range(100):
            await heard(route)
        assert len(gc.get_objects()) - before < 50


NESTS: dict[str, Callable[[Provider], Routed]] = {
    "deep": lambda one: Drain(Within(Retry(Hedge(Breaker(Target(one, "m")), after=0.001)), 60)),
    "wide": lambda one: Retry(
        Fallback(Balance(Target(one, "m"), Target(one, "n"), by="latency"), continues=True)
    ),
}


@pytest.mark.parametrize("build", NESTS.values(), ids=NESTS)
def test_threads_with_loops_of_their_own_share_a_route(
    build: Callable[[Provider], Routed],
) -> None:
    uvloop = pytest.importorskip("uvloop")
    errors: list[BaseException] = []

    async def main() -> None:
        for _ in range(10):
            assert await read(route) == "one two"

    def work(run: Callable[..., None]) -> None:
        try:
            run(main())
        except BaseException as error:
            errors.append(error)

    with Upstream(spoken("one ", "two")) as upstream:
        route = build(OpenAICompatible(base_url=upstream.url))
        runs = [asyncio.run, uvloop.run] * 2
        threads = [threading.Thread(target=work, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


@pytest.mark.parametrize("build", NESTS.values(), ids=NESTS)
def test_routes_can_be_copied_and_kept(build: Callable[[Provider], Routed]) -> None:
    route = build(OpenAICompatible(base_url="http://127.0.0.1"))
    kept = pickle.loads(pickle.dumps(route))  # noqa: S301 - our own
    for other in (copy.copy(route), copy.deepcopy(route), kept):
        assert other.name == route.name


async def test_closing_what_was_never_read_asks_nobody() -> None:
    target = Played(HELLO)
    for build in ROUTES.values():
        events: AsyncGenerator[Event] = build(target).stream(HI)
        await events.aclose()
    assert target.asked == 0
