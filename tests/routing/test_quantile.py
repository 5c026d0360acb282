"""A window is the list of the last numbers, sorted; windows are as many as were asked for last."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.routing.quantile import Window, Windows

NUMBERS = st.lists(st.floats(0, 1e6), max_size=60)


@settings(deadline=None)
@given(NUMBERS, st.integers(1, 20), st.floats(0, 1))
def test_a_window_is_the_last_numbers_sorted(numbers: list[float], most: int, share: float) -> None:
    window = Window(most)
    for number in numbers:
        window.add(number, 0.0)
    last = sorted(numbers[-most:])
    assert window.count(0.0) == len(last)
    found = window.quantile(share, 0.0)
    if not last:
        assert found is None
        return
    assert found in last
    assert sum(number <= found for number in last) >= share * len(last)
    assert sum(number < found for number in last) <= max(share * len(last), 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)), max_size=60), st.floats(0, 50))
def test_what_is_too_old_is_forgotten(came: list[tuple[float, float]], age: float) -> None:
    window, now, kept = Window(most=1000, age=age), 0.0, list[tuple[float, float]]()
    for number, later in came:
        now += later
        window.add(number, now)
        kept.append((now, number))
    left = sorted(number for when, number in kept if now - when <= age)
    assert window.count(now) == len(left)
    assert window.quantile(1.0, now) == (left[-1] if left else None)
    assert window.count(now + age + 1) == 0


def test_what_was_cut_short_counts_only_beyond_the_quantile() -> None:
    window = Window()
    window.at_least(5.0, 0.5, 0.0)
    assert window.count(0.0) == 0
    for number in (1.0, 2.0, 3.0):
        window.add(number, 0.0)
    window.at_least(1.5, 0.5, 0.0)
    assert window.count(0.0) == 3
    window.at_least(2.5, 0.5, 0.0)
    assert window.quantile(1.0, 0.0) == 3.0
    assert window.count(0.0) == 4


def test_the_window_that_was_not_looked_at_for_the_longest_time_goes() -> None:
    windows = Windows(things=2)
    windows["a"].add(1.0, 0.0)
    windows["b"].add(2.0, 0.0)
    assert windows["a"].count(0.0) == 1
    windows["c"].add(3.0, 0.0)
    assert windows["a"].quantile(0.5, 0.0) == 1.0
    assert windows["b"].count(0.0) == 0


def test_nothing_is_the_quantile_of_nothing() -> None:
    assert Window().quantile(0.5, math.inf) is None


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hurried")
def test_threads_may_measure_together() -> None:
    windows, one, errors = Windows(8, things=2), Window(8), list[Exception]()

    def measure(number: float) -> None:
        try:
            for n in range(5000):
                one.add(number, 0.0)
                windows[n % 3].add(number, 0.0)
                one.quantile(0.5, 0.0)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=measure, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert one.count(0.0) == 8
