"""A budget's law: never more retries than a share of the calls, and the reserve."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock.routing.budget import Budget

NEARLY = 1e-6


class Spending(RuleBasedStateMachine):
    """Calls and retries in any order, and time that jumps."""

    @initialize(
        ratio=st.sampled_from([0.0, 0.1, 0.2, 1.0]),
        reserve=st.sampled_from([0.0, 1.0, 10.0]),
        most=st.sampled_from([0.0, 10.0, 100.0]),
        every=st.sampled_from([1.0, 6.0, float("inf")]),
    )
    def begin(self, ratio: float, reserve: float, most: float, every: float) -> None:
        self.budget = Budget(ratio, reserve, most, every)
        self.ratio, self.reserve, self.every = ratio, reserve, every
        self.most = max(most, reserve)
        self.now = 50.0
        self.history: list[tuple[float, str]] = []

    @rule(n=st.integers(1, 40))
    def call(self, n: int) -> None:
        for _ in range(n):
            self.budget.deposit(self.now)
            self.history.append((self.now, "call"))

    @rule(n=st.integers(1, 40))
    def fail(self, n: int) -> None:
        for _ in range(n):
            if self.budget.withdraw(self.now):
                self.history.append((self.now, "retry"))

    @rule(seconds=st.one_of(st.floats(0, 10), st.sampled_from([60.0, 3600.0, 1e9])))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def _count(self, what: str, since: float) -> int:
        return sum(kind == what and at >= since for at, kind in self.history)

    @invariant()
    def never_more_retries_than_a_share_of_the_calls_and_the_reserve(self) -> None:
        earned = self.reserve + self.ratio * self._count("call", 0)
        back = (self.now - 50.0) / self.every
        assert self._count("retry", 0) <= earned + back + NEARLY

    @invariant()
    def nor_since_any_moment(self) -> None:
        for since in {at for at, _ in self.history[:: len(self.history) // 5 + 1]}:
            earned = self.most + self.ratio * self._count("call", since)
            back = (self.now - since) / self.every
            assert self._count("retry", since) <= earned + back + NEARLY

    @invariant()
    def what_is_left_has_its_bounds(self) -> None:
        assert -NEARLY <= self.budget._tokens <= self.most


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


def test_a_quiet_client_may_retry_too() -> None:
    budget = Budget()
    budget.deposit(0.0)
    assert budget.withdraw(0.0)


def test_the_reserve_is_ten_and_comes_back_slowly() -> None:
    budget = Budget()
    assert [budget.withdraw(0.0) for _ in range(11)] == [True] * 10 + [False]
    assert not budget.withdraw(5.9)
    assert budget.withdraw(6.1)
    assert not budget.withdraw(6.2)
    assert [budget.withdraw(1e6) for _ in range(11)] == [True] * 10 + [False]


def test_where_all_calls_fail_a_fifth_is_asked_again() -> None:
    budget = Budget(every=float("inf"))
    retries = 0
    for now in range(1000):
        budget.deposit(float(now))
        retries += budget.withdraw(float(now))
    assert retries == 10 + 200


def test_good_days_are_not_saved_up_for_ever() -> None:
    budget = Budget()
    for _ in range(100_000):
        budget.deposit(0.0)
    assert sum(budget.withdraw(0.0) for _ in range(1000)) == 100
