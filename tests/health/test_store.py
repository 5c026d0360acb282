"""What a store remembers, and what it makes of it, whatever it is told and in whatever order."""

from __future__ import annotations

import math
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from health.told import NOW, THINGS, VERDICTS, Clock, content, result, results, store
from penstock import outcomes
from penstock.health import here
from penstock.health.results import ANSWERS, KEPT, Result, Thing, Verdict
from penstock.health.store import PAIRS, Store
from penstock.outcomes import Outcome

PAIRS_TOLD = [("p", "a"), ("p", "b"), ("q", "a")]
STEPS = 10_000


class Machine(RuleBasedStateMachine):
    """A store beside a plain list of all that it was told."""

    steps = 0

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.store = store(self.clock)
        self.told: dict[tuple[str, str], set[Result]] = defaultdict(set)
        self.heard_of: set[tuple[str, str]] = set()

    def tell(self, target: Store, pair: tuple[str, str], result: Result) -> None:
        target.add(*pair, result)
        self.told[pair].add(result)
        self.heard_of.add(pair)

    @rule(
        pair=st.sampled_from(PAIRS_TOLD),
        what=st.sampled_from(THINGS),
        verdict=st.sampled_from(VERDICTS),
        probe=st.booleans(),
        late=st.just(0.0) | st.floats(0, 2000),
        seconds=st.floats(0, 300),
    )
    def ends(
        self,
        pair: tuple[str, str],
        what: Thing,
        verdict: Verdict,
        probe: bool,
        late: float,
        seconds: float,
    ) -> None:
        self.clock.now += seconds
        at = self.clock.now - late
        self.tell(self.store, pair, Result(at=at, what=what, verdict=verdict, probe=probe))

    @rule(pair=st.sampled_from(PAIRS_TOLD), what=st.sampled_from(ANSWERS))
    def works(self, pair: tuple[str, str], what: Thing) -> None:
        self.clock.now += 1.0
        self.tell(self.store, pair, Result(at=self.clock.now, what=what, verdict="worked"))
        assert self.store.state(*pair) == "working"

    @rule(pair=st.sampled_from(PAIRS_TOLD), what=st.sampled_from(ANSWERS))
    def fails_when_probed(self, pair: tuple[str, str], what: Thing) -> None:
        self.clock.now += 1.0
        one = self.store.probed(*pair, what, "failed", error="Timeout")
        self.told[pair].add(one)
        self.heard_of.add(pair)
        assert self.store.is_failing(*pair)

    @rule(pair=st.sampled_from(PAIRS_TOLD), verdict=st.sampled_from(VERDICTS))
    def happens_many_times(self, pair: tuple[str, str], verdict: Verdict) -> None:
        for _ in range(KEPT // 2):
            self.clock.now += 1.0
            self.tell(self.store, pair, Result(at=self.clock.now, what="stream", verdict=verdict))

    @rule(seconds=st.floats(0, 1000))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def nothing_happens_for_an_hour(self) -> None:
        self.clock.now += self.store.rules.success + 1
        assert {self.store.state(*pair) for pair in PAIRS_TOLD} == {"unknown"}

    @rule(more=st.lists(st.tuples(st.sampled_from(PAIRS_TOLD), results()), max_size=5))
    def another_process_is_heard(self, more: list[tuple[tuple[str, str], Result]]) -> None:
        other = store(self.clock)
        for pair, one in more:
            self.tell(other, pair, one)
        self.store.merge(other)

    @rule()
    def it_hears_itself(self) -> None:
        before = content(self.store)
        self.store.merge(self.store)
        assert content(self.store) == before

    @invariant()
    def what_is_known_is_the_newest_of_all_that_was_told(self) -> None:
        Machine.steps += 1
        if not hasattr(self, "store"):
            return
        while self.heard_of:
            pair = self.heard_of.pop()
            kept = self.store.tried(*pair)
            assert all(len(some) <= KEPT for some in kept.values())
            for what in THINGS:
                told = sorted(one.at for one in self.told[pair] if one.what == what)
                assert [one.at for one in kept.get(what, ())] == told[-KEPT:]

    @invariant()
    def its_standing_is_what_the_rules_say(self) -> None:
        if not hasattr(self, "store"):
            return
        for pair in PAIRS_TOLD:
            kept = [one for what in ANSWERS for one in self.store.tried(*pair).get(what, ())]
            state = self.store.state(*pair)
            assert self.store.is_failing(*pair) is (state == "failing")
            assert state == _standing(kept, self.clock.now)


def _by_time(one: Result) -> float:
    return one.at


def _standing(kept: list[Result], now: float) -> str:
    """The rules once more, said another way."""
    last_success = max((one.at for one in kept if one.verdict == "worked"), default=-math.inf)
    failed = [one for one in kept if one.verdict == "failed"]
    since = sorted((one for one in failed if one.at > last_success), key=_by_time)
    if not since:
        return "working" if now - last_success < 3600 else "unknown"
    fresh = [one for one in since if now - one.at < 900]
    calls = [one for one in fresh if not one.probe]
    return "failing" if len(calls) >= 3 or any(one.probe for one in fresh) else "unknown"


@pytest.mark.slow
def test_ten_thousand_steps_of_anything_keep_the_rules() -> None:
    Machine.steps = 0
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=220, stateful_step_count=60, deadline=None),
    )
    assert Machine.steps >= STEPS, Machine.steps


Told: TypeAlias = list[tuple[tuple[str, str], Result]]
some = st.lists(st.tuples(st.sampled_from(PAIRS_TOLD), results()), max_size=50)


def told(*lists: Told) -> Store:
    made = store()
    for pair, one in [item for some in lists for item in some]:
        made.add(*pair, one)
    return made


def merged(*stores: Store) -> Store:
    made = store()
    for one in stores:
        made.merge(one)
    return made


@given(some, some)
def test_merging_is_hearing_both(a: Told, b: Told) -> None:
    assert content(merged(told(a), told(b))) == content(told(a, b))


@given(some, some, some)
def test_merging_heeds_no_order_and_twice_is_once(a: Told, b: Told, c: Told) -> None:
    one, two, three = told(a), told(b), told(c)
    assert content(merged(one, two)) == content(merged(two, one))
    assert content(merged(one, one, two, two)) == content(merged(one, two))
    assert content(merged(merged(one, two), three)) == content(merged(one, merged(two, three)))


@given(some, some)
def test_two_that_know_the_same_judge_the_same(a: Told, b: Told) -> None:
    one, two = merged(told(a), told(b)), merged(told(b), told(a))
    for pair in PAIRS_TOLD:
        assert one.is_failing(*pair) is two.is_failing(*pair)
        assert one.state(*pair) == two.state(*pair)


def test_what_is_too_old_is_left_out_of_a_merge() -> None:
    other = told([(("p", "a"), result(100)), (("p", "b"), result(10))])
    made = store()
    made.merge(other, oldest=NOW - 50)
    assert made.models("p") == ["b"]


def test_so_many_models_are_remembered_and_who_was_silent_longest_is_forgotten_first() -> None:
    clock = Clock()
    made = store(clock)
    for number in range(PAIRS + 500):
        clock.now += 0.1
        made.probed("p", str(number), "stream", "failed")
        assert len(list(made.items())) <= PAIRS
    assert made.is_failing("p", str(PAIRS + 499))
    assert not made.is_failing("p", "0")
    assert made.state("p", "0") == "unknown"


def test_a_name_that_nobody_can_have_meant_is_not_remembered() -> None:
    made = store()
    made.add("p", "x" * 257, result())
    assert not list(made.items())


def test_a_clock_that_was_put_back_makes_nobody_fail_for_ever() -> None:
    clock = Clock()
    made = store(clock)
    for _ in range(KEPT):
        clock.now += 1
        made.probed("p", "a", "stream", "failed")
    assert made.is_failing("p", "a")
    clock.now -= 100_000
    assert made.state("p", "a") == "unknown"
    made.probed("p", "a", "stream", "worked")
    assert made.state("p", "a") == "working"
    assert not made.is_failing("p", "a")
    assert [one.verdict for one in made.tried("p", "a")["stream"]] == ["worked"]


def test_what_another_clock_calls_the_future_is_not_heard() -> None:
    made = store()
    made.add("p", "a", result(-59), result(-61))
    assert [one.at for one in made.tried("p", "a")["stream"]] == [NOW + 59]


def outcome(state: outcomes.State = "complete", probe: str = "") -> Outcome:
    return Outcome(provider="p", model="m", stream=True, state=state, began=NOW - 1, probe=probe)


@pytest.mark.parametrize("state", ["failed", "timeout"])
def test_three_calls_that_fail_make_it_failing_and_one_that_works_ends_that(
    state: outcomes.State,
) -> None:
    made = store()
    for _ in range(2):
        made.observe(Outcome(provider="p", model="m", state=state, began=NOW - 1))
    assert not made.is_failing("p", "m")  # the very same result, told twice, is one
    for age in (3, 2):
        made.observe(Outcome(provider="p", model="m", state=state, began=NOW - age))
    assert made.is_failing("p", "m")
    assert not made.is_failing("p", "other")
    made.observe(outcome())
    assert not made.is_failing("p", "m")


def test_who_probes_tells_what_came_of_it_the_outcome_does_not() -> None:
    made = store()
    made.observe(outcome("failed", probe="stream"))
    made.observe(outcome("left"))
    assert not list(made.items())


def test_the_store_of_this_process_hears_every_outcome() -> None:
    name = "a-provider-of-this-test"
    outcomes.tell(Outcome(provider=name, model="m", began=here.clock()))
    assert here.state(name, "m") == "working"


def test_threads_that_tell_and_ask_at_once_disturb_nobody() -> None:
    made = store()

    def work(number: int) -> None:
        for step in range(100):
            made.add("p", str(step), result(step, "failed" if number % 2 else "worked"))
            made.is_failing("p", str(step))
            made.models("p")
            made.merge(made)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, number) for number in range(4)]:
            done.result()
    assert len(made.models("p")) == 100
