"""A circuit's laws, by a model that keeps its own book; then each arrow of its drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.routing.circuit import Circuit

PAUSE, LONGEST, TOLD = 10.0, 120.0, 60.0


def circuit(jitter: float = 0.0) -> Circuit:
    return Circuit(random=lambda: jitter)


@dataclass(eq=False)
class Under:
    """A call under way: what it was given, and how often the circuit had opened before it."""

    era: int
    opening: int


class Calls(RuleBasedStateMachine):
    """Calls that begin, speak, and end in any order, while time jumps."""

    @initialize(jitter=st.sampled_from([0.0, 0.5, 0.999]))
    def begin(self, jitter: float) -> None:
        self.circuit = circuit(jitter)
        self.now = 0.0
        self.running: list[Under] = []
        self.probe: Under | None = None
        self.spoke: float | None = None
        self.opening = 0
        self.shut_until = self.open_until = 0.0
        self.row = 0
        self.ended: list[tuple[float, bool]] = []

    @rule()
    def enter(self) -> None:
        before = self.circuit.state
        refusing = self.circuit.is_refusing(self.now)
        era = self.circuit.enter(self.now)
        assert refusing is (era is None)
        if before == "closed":
            assert era is not None
        elif before == "open":
            assert era is None or self.now >= self.shut_until, "let somebody in before its time"
            assert era is not None or self.now < self.open_until, "shut for too long"
        else:
            is_long = self.spoke is not None and self.now >= self.spoke + PAUSE
            assert (era is not None) is is_long, "a second probe, or none though the first speaks"
        if era is None:
            assert self.circuit.state == before
            return
        self.running.append(Under(era, self.opening))
        if before == "open":
            assert self.circuit.state == "half-open"
            self.probe, self.spoke = self.running[-1], None
        elif before == "half-open":  # on probation
            self._closed(row=4)

    def _closed(self, row: int) -> None:
        assert self.circuit.state == "closed"
        self.probe, self.row, self.ended = None, row, []

    def _take(self, which: int) -> tuple[Under, str]:
        """A call that ends, and what its news are worth: those of a ``probe``, of an ``old`` call
        from before the circuit opened, or of one ``among`` others."""
        call = self.running.pop(which % len(self.running))
        if call is self.probe:
            return call, "probe"
        return call, "among" if call.opening == self.opening else "old"

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99))
    def speak(self, which: int) -> None:
        call, before = self.running[which % len(self.running)], self.circuit.state
        self.circuit.spoke(call.era, self.now)
        assert self.circuit.state == before
        if call is self.probe:
            self.spoke = self.now

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99))
    def work(self, which: int) -> None:
        before = self.circuit.state
        call, worth = self._take(which)
        self.circuit.worked(call.era, self.now)
        if worth == "probe":
            self._closed(row=0)
        assert self.circuit.state == ("closed" if worth == "probe" else before)
        if worth != "old":
            self.row = 0
            self.ended.append((self.now, True))

    @precondition(lambda self: self.running)
    @rule(
        which=st.integers(0, 99), told=st.sampled_from([None, None, 0.0, -1.0, 5.0, 1e9, math.nan])
    )
    def fail(self, which: int, told: float | None) -> None:
        before = self.circuit.state
        call, worth = self._take(which)
        self.circuit.failed(call.era, self.now, told)
        if worth == "old":
            assert self.circuit.state == before
            return
        self.row += 1
        self.ended.append((self.now, False))
        is_told = told is not None and told > 0
        if is_told or worth == "probe" or self.row >= 5:
            assert self.circuit.state == "open"
        elif self.circuit.state == "open":
            assert self._is_half_bad()
        if self.circuit.state == "open":
            self._opened(told if is_told else None)

    def _is_half_bad(self) -> bool:
        """Whether there is a time, of a minute at most until now, in which ten calls ended and half
        of them badly."""
        recent = [well for at, well in self.ended if at > self.now - 60]
        tails = [recent[n:] for n in range(len(recent) - 9)]
        return any(sum(tail) <= len(tail) / 2 for tail in tails)

    def _opened(self, told: float | None) -> None:
        left = self.circuit.remaining(self.now)
        least, most = (PAUSE, LONGEST * 1.1) if told is None else (min(told, TOLD),) * 2
        assert least - 1e-6 <= left <= most + 1e-6
        self.probe, self.opening = None, self.opening + 1
        self.shut_until = self.now + least - 1e-6
        self.open_until = self.now + most + 1e-6

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99))
    def leave(self, which: int) -> None:
        before = self.circuit.state
        call, worth = self._take(which)
        self.circuit.left(call.era)
        assert self.circuit.state == ("open" if worth == "probe" else before)
        if worth == "probe":
            self.probe = None
            assert not self.circuit.is_refusing(self.now), "the place is free again"

    @rule(seconds=st.one_of(st.floats(0, 15), st.sampled_from([0.001, 60.0, 140.0, 1e6])))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.circuit.state == "open")
    @rule(moment=st.sampled_from([-3.0, -0.001, 0.001]))
    def wait_for_its_time(self, moment: float) -> None:
        self.now = max(self.now, self.shut_until + moment)
        self.enter()

    @precondition(lambda self: self.probe is not None)
    @rule(works=st.booleans())
    def let_the_oldest_end(self, works: bool) -> None:
        if works:
            self.work(0)
        else:
            self.fail(0, None)

    @precondition(lambda self: self.probe is not None)
    @rule()
    def speak_for_long(self) -> None:
        assert self.probe is not None
        self.speak(self.running.index(self.probe))
        self.now += PAUSE
        self.enter()
        self.ask([False])

    @rule(works=st.lists(st.booleans(), max_size=12))
    def ask(self, works: list[bool]) -> None:
        """Calls that begin and end now."""
        for well in works:
            before = len(self.running)
            self.enter()
            if len(self.running) > before:
                if well:
                    self.work(before)
                else:
                    self.fail(before, None)

    @rule(n=st.integers(1, 6))
    def break_down(self, n: int) -> None:
        self.ask([False] * n)

    @invariant()
    def at_most_one_probe_is_under_way(self) -> None:
        assert (self.probe is not None) is (self.circuit.state == "half-open")

    @invariant()
    def a_closed_circuit_refuses_nobody_and_nothing_is_left_of_its_pause(self) -> None:
        if self.circuit.state == "closed":
            assert not self.circuit.is_refusing(self.now)
            assert self.circuit.remaining(self.now) == 0


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=250, stateful_step_count=60, deadline=None)


def one(circuit: Circuit, now: float, *, works: bool, told: float | None = None) -> None:
    """A call that begins and ends now."""
    era = circuit.enter(now)
    assert era is not None
    if works:
        circuit.worked(era, now)
    else:
        circuit.failed(era, now, told)


def state(circuit: Circuit) -> str:
    """As mypy cannot know it."""
    return circuit.state


def opened(now: float = 0.0) -> Circuit:
    found = circuit()
    for _ in range(5):
        one(found, now, works=False)
    assert state(found) == "open"
    return found


def test_five_failures_in_a_row_open_it() -> None:
    found = circuit()
    for works in (False, False, False, False, True, False, False, False, False):
        one(found, 0.0, works=works)
    assert state(found) == "closed"
    assert opened().state == "open"


def test_half_of_ten_calls_open_it_though_never_five_fail_in_a_row() -> None:
    found = circuit()
    for n in range(9):
        one(found, float(n), works=n % 2 == 0)
    assert state(found) == "closed"
    one(found, 9.0, works=False)
    assert state(found) == "open"


def test_what_failed_a_minute_ago_is_forgotten() -> None:
    found = circuit()
    for n in range(9):
        one(found, 0.0, works=n % 2 == 0)
    one(found, 60.0, works=False)
    assert state(found) == "closed"


def test_it_stays_open_for_ten_seconds_and_says_how_long_still() -> None:
    found = opened()
    assert found.remaining(4.0) == 6.0
    assert found.enter(9.999) is None
    assert found.enter(10.0) is not None


def test_a_second_probe_is_refused_until_the_first_has_told() -> None:
    found = opened()
    probe = found.enter(10.0)
    assert probe is not None
    assert state(found) == "half-open"
    assert found.enter(1000.0) is None
    found.worked(probe, 1000.0)
    assert state(found) == "closed"
    assert found.enter(1000.0) is not None


def test_each_probe_that_fails_doubles_the_pause_up_to_two_minutes() -> None:
    found, now = opened(), 0.0
    pauses = []
    for _ in range(7):
        pauses.append(found.remaining(now))
        now += pauses[-1]
        one(found, now, works=False)
    assert pauses == [10, 20, 40, 80, 120, 120, 120]


def test_after_a_probe_that_worked_all_begins_anew() -> None:
    found = opened()
    one(found, 10.0, works=False)
    one(found, 30.0, works=True)
    for _ in range(4):
        one(found, 30.0, works=False)
    assert state(found) == "closed"
    one(found, 30.0, works=False)
    assert found.remaining(30.0) == 10


def test_a_probe_that_left_frees_its_place() -> None:
    found = opened()
    probe = found.enter(10.0)
    assert probe is not None
    found.left(probe)
    assert state(found) == "open"
    assert found.enter(10.0) is not None


def test_a_little_jitter_makes_the_pause_longer_never_shorter() -> None:
    found = circuit(jitter=0.5)
    for _ in range(5):
        one(found, 0.0, works=False)
    assert found.remaining(0.0) == 10.5


def test_a_service_that_says_when_is_believed_up_to_a_minute() -> None:
    for told, left in [(7.0, 7.0), (60.0, 60.0), (315_360_000.0, 60.0)]:
        found = circuit(jitter=0.5)
        one(found, 0.0, works=False, told=told)
        assert found.remaining(0.0) == left


def test_a_service_that_says_nothing_useful_is_not_believed() -> None:
    for told in (0.0, -5.0, float("nan")):
        found = circuit()
        one(found, 0.0, works=False, told=told)
        assert state(found) == "closed"


def test_news_from_before_it_opened_is_no_news() -> None:
    found = circuit()
    old = found.enter(0.0)
    assert old is not None
    for _ in range(5):
        one(found, 0.0, works=False)
    probe = found.enter(10.0)
    for tell in (found.worked, found.failed):
        tell(old, 11.0)
        assert state(found) == "half-open"
    found.left(old)
    assert state(found) == "half-open"
    assert probe is not None
    found.worked(probe, 12.0)
    assert state(found) == "closed"


def test_a_probe_that_speaks_for_long_lets_the_others_in_on_probation() -> None:
    found = opened()
    probe = found.enter(10.0)
    assert probe is not None
    found.spoke(probe, 12.0)
    assert found.enter(21.9) is None
    assert found.enter(22.0) is not None
    assert state(found) == "closed"
    found.failed(probe, 23.0)
    assert state(found) == "open"
    assert found.remaining(23.0) == 20


def test_that_the_last_probe_spoke_says_nothing_of_the_next() -> None:
    found = opened()
    probe = found.enter(10.0)
    assert probe is not None
    found.spoke(probe, 10.0)
    found.failed(probe, 11.0)
    assert found.enter(31.0) is not None
    assert found.enter(50.0) is None


def test_on_probation_a_whole_answer_makes_all_well() -> None:
    found = opened()
    probe = found.enter(10.0)
    assert probe is not None
    found.spoke(probe, 10.0)
    one(found, 20.0, works=True)
    found.failed(probe, 21.0)
    assert state(found) == "closed"


def test_thousands_of_calls_keep_no_more_than_six_numbers_of_slots() -> None:
    found = circuit()
    for n in range(100_000):
        one(found, n / 100, works=n % 3 > 0)
    assert len(found._slots) == 6
