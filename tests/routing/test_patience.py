"""How long one waits, and how often another is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock.routing.patience import Patience


def after(times: list[float], **options: float) -> float | None:
    patience = Patience(**options)
    for seconds in times:
        patience.spoke("a", seconds, 0.0)
    return patience.begins("a", 0.0)


def test_until_enough_is_known_one_waits_as_long_as_one_was_told() -> None:
    assert after([1.0] * 19) is None
    assert after([1.0] * 19, after=0.5) == 0.5
    assert after([1.0] * 20, after=0.5) == 1.0


def test_one_waits_for_the_quantile() -> None:
    times = [1 + n / 100 for n in range(100)]
    assert after(times) == pytest.approx(1.94)
    assert after(times, at=0.99) == pytest.approx(1.98)


def test_one_waits_no_longer_than_three_medians_where_many_are_slow() -> None:
    assert after([1.0] * 94 + [10.0] * 6) == 3.0


def test_one_never_waits_less_than_the_share_pays_for() -> None:
    assert after([1.0] * 80 + [10.0] * 20) == 10.0
    assert after([1.0] * 80 + [10.0] * 20, share=0.3) == 3.0


def test_each_has_times_of_its_own() -> None:
    patience = Patience()
    for _ in range(20):
        patience.spoke("a", 1.0, 0.0)
        patience.spoke("b", 2.0, 0.0)
    assert [patience.begins(asked, 0.0) for asked in "abc"] == [1.0, 2.0, None]


def test_who_was_cut_short_was_slow_at_least() -> None:
    patience = Patience()
    for seconds in [1.0] * 90 + [5.0] * 10:
        patience.spoke("a", seconds, 0.0)
    for _ in range(100):
        patience.silent("a", 0.1, 0.0)
    assert patience.begins("a", 0.0) == 5.0
    for _ in range(100):
        patience.silent("a", 6.0, 0.0)
    assert patience.begins("a", 0.0) == 6.0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["call", "slow"]), max_size=400),
    st.sampled_from([0.0, 0.05, 0.08, 0.5, 1.0]),
)
def test_second_questions_are_never_more_than_the_share(events: list[str], share: float) -> None:
    patience, second = Patience(share=share), 0
    for calls, event in enumerate(events, 1):
        patience.begins("a", float(calls))
        second += event == "slow" and patience.is_over(float(calls))
        assert second <= share * calls + 1e-6


@pytest.mark.parametrize("wrong", [{"at": 1.0}, {"at": 0.0}, {"share": 1.1}, {"share": -0.1}])
def test_what_is_no_share_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Patience(**wrong)
