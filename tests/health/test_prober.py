"""Asking in the background: what breaks is known within a period, what is mended too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from health.told import Clock
from penstock import OpenAICompatible
from penstock.health.prober import Prober
from penstock.health.probes import Target
from penstock.health.results import Result
from penstock.health.store import Store
from raw import CHUNKED, STAY, Upstream, chunk, head, say, soon, spoken

EVERY = 60.0
BROKEN = [head("500 Internal Server Error", content_length=0)]
WELL = spoken("OK.")
NAME = "openai-compatible"


class Time:
    """A clock that sleeping moves, and something to do at certain times."""

    def __init__(self, until: float) -> None:
        self.clock = Clock()
        self.began, self.until = self.clock.now, until
        self.over = asyncio.Event()
        self.plans: list[tuple[float, Callable[[], object]]] = []

    @property
    def passed(self) -> float:
        return self.clock.now - self.began

    def at(self, when: float, plan: Callable[[], object]) -> None:
        self.plans.append((when, plan))

    async def sleep(self, seconds: float) -> None:
        end = self.passed + seconds
        for when, plan in [plan for plan in self.plans if plan[0] <= end]:
            self.clock.now = self.began + when
            self.plans.remove((when, plan))
            plan()
        self.clock.now = self.began + end
        if end >= self.until:
            self.over.set()
            await asyncio.Event().wait()


def prober(targets: list[Target], time: Time, store: Store, chance: float = 0.0) -> Prober:
    return Prober(targets, EVERY, store, clock=time.clock, sleep=time.sleep, chance=lambda: chance)


def targets(upstream: Upstream, *models: str) -> list[Target]:
    provider = OpenAICompatible(base_url=upstream.url)
    return [Target(provider, model) for model in models]


async def over(time: Time) -> None:
    await asyncio.wait_for(time.over.wait(), 10)


def asked(upstream: Upstream) -> int:
    return sum(len(connection.requests) for connection in upstream.connections)


@pytest.mark.parametrize("chance", [0.0, 1.0])
async def test_what_breaks_is_known_within_a_period_and_what_is_mended_too(chance: float) -> None:
    time = Time(until=10 * EVERY)
    store = Store(clock=time.clock)
    states: list[str] = []

    def look() -> None:
        states.append(store.state(NAME, "m"))

    with Upstream(WELL) as upstream:
        time.at(1, look)
        time.at(3 * EVERY + 1, lambda: upstream.follow(BROKEN))
        time.at(3 * EVERY + 2, look)
        time.at(4 * EVERY + 2, look)
        time.at(6 * EVERY + 1, lambda: upstream.follow(WELL))
        time.at(6 * EVERY + 2, look)
        time.at(7 * EVERY + 2, look)
        async with prober(targets(upstream, "m"), time, store, chance):
            await over(time)
    assert states == ["working", "working", "failing", "failing", "working"]


async def test_each_is_asked_once_in_a_period_one_after_the_other() -> None:
    time = Time(until=3.5 * EVERY)
    with Upstream(WELL) as upstream:
        async with prober(targets(upstream, "a", "b"), time, Store(clock=time.clock)):
            await over(time)
        assert asked(upstream) == 2 * 4
        assert len(upstream.connections) == 1


async def test_who_answers_somebody_is_not_asked() -> None:
    time = Time(until=5.5 * EVERY)
    store = Store(clock=time.clock)

    def call() -> None:
        store.add(NAME, "m", Result(at=time.clock.now, what="stream", verdict="worked"))

    for half in range(11):
        time.at(half * EVERY / 2, call)
    call()
    with Upstream(WELL) as upstream:
        async with prober(targets(upstream, "m"), time, store):
            await over(time)
        assert asked(upstream) == 0


async def test_calls_that_fail_are_no_reason_not_to_ask() -> None:
    time = Time(until=1.5 * EVERY)
    store = Store(clock=time.clock)
    store.add(NAME, "m", Result(at=time.clock.now, what="stream", verdict="failed"))
    with Upstream(BROKEN) as upstream:
        async with prober(targets(upstream, "m"), time, store):
            await over(time)
        assert asked(upstream) == 2
    assert store.is_failing(NAME, "m")


async def test_a_clock_that_is_put_back_stops_nothing() -> None:
    time = Time(until=3.5 * EVERY)

    def put_back() -> None:
        time.clock.now -= 100 * EVERY
        time.began -= 100 * EVERY

    time.at(EVERY / 2, put_back)
    with Upstream(WELL) as upstream:
        async with prober(targets(upstream, "m"), time, Store(clock=time.clock)):
            await over(time)
        assert asked(upstream) >= 3


async def test_leaving_cuts_a_probe_that_is_under_way() -> None:
    with Upstream([CHUNKED, chunk(say("one")), STAY]) as upstream:
        before = asyncio.all_tasks()
        async with Prober(targets(upstream, "m"), EVERY, Store()):
            connection = await soon(upstream.asked())
        assert asyncio.all_tasks() == before
        await soon(connection.closed)


async def test_nobody_to_ask_is_no_error() -> None:
    async with Prober([], EVERY, Store()):
        await asyncio.sleep(0)
