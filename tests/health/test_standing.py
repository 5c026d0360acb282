"""When a model counts as working, as failing, and as neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.told import NOW, result, results
from penstock.health.results import Result, Verdict, of
from penstock.health.standing import RULES, Rules, State, failing_until, state_of
from penstock.outcomes import Outcome

WORKED, FAILED = result(), result(verdict="failed")


def failures(*ages: float, probe: bool = False) -> list[Result]:
    return [result(age, "failed", probe=probe) for age in ages]


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([], "unknown"),
        ([result(3599)], "working"),
        ([result(3600)], "unknown"),
        (failures(0), "unknown"),
        (failures(0, 1), "unknown"),
        (failures(0, 1, 2), "failing"),
        (failures(0, 1, 899), "failing"),
        (failures(0, 1, 900), "unknown"),
        ([*failures(0, 1, 3), result(2)], "unknown"),
        ([*failures(1, 2, 3), result(0)], "working"),
        (failures(0, probe=True), "failing"),
        (failures(899, probe=True), "failing"),
        (failures(900, probe=True), "unknown"),
        ([*failures(1, probe=True), *failures(0)], "failing"),
        ([*failures(1, probe=True), result(0)], "working"),
        ([*failures(0, probe=True), result(1)], "failing"),
        ([result(0, "limited"), result(1)], "working"),
        ([result(0, "unclear"), result(1, "unsupported")], "unknown"),
    ],
)
def test_a_success_counts_for_an_hour_and_three_failures_or_one_of_a_probe_for_a_quarter(
    told: list[Result], state: State
) -> None:
    assert state_of(told, NOW) == state


def test_an_old_success_does_not_count_where_a_failure_came_after_it() -> None:
    assert state_of([result(1800), *failures(1000)], NOW) == "unknown"


def test_a_whole_answer_and_a_stream_count_alike() -> None:
    mixed = [result(0, "failed", "chat"), result(1, "failed"), result(2, "failed", "chat")]
    assert state_of(mixed, NOW) == "failing"


@given(st.lists(results()), st.floats(0, 10000))
def test_when_it_stops_to_fail_is_known_beforehand(told: list[Result], later: float) -> None:
    now = NOW + later
    assert (state_of(told, now) == "failing") is (now < failing_until(told))


@given(st.lists(results()), st.floats(0, 10000))
def test_the_order_in_which_results_come_in_does_not_matter(
    told: list[Result], later: float
) -> None:
    assert state_of(told, NOW + later) == state_of(reversed(told), NOW + later)


@given(st.lists(results()))
def test_what_is_too_old_says_nothing(told: list[Result]) -> None:
    assert state_of(told, NOW + RULES.success + 60) == "unknown"


@given(st.lists(results().filter(lambda one: one.at < NOW)))
def test_a_success_after_all_else_means_that_it_works(told: list[Result]) -> None:
    assert state_of([*told, WORKED], NOW) == "working"


def test_the_limits_are_a_matter_of_the_rules() -> None:
    strict = Rules(success=10, failure=5, in_a_row=1)
    assert state_of([result(9)], NOW, strict) == "working"
    assert state_of([result(10)], NOW, strict) == "unknown"
    assert state_of(failures(4), NOW, strict) == "failing"
    assert state_of(failures(5), NOW, strict) == "unknown"


@pytest.mark.parametrize(
    ("state", "error", "verdict"),
    [
        ("complete", "", "worked"),
        ("drained", "", "worked"),
        ("failed", "StreamTruncated", "failed"),
        ("failed", "RateLimited", "limited"),
        ("timeout", "Timeout", "failed"),
        ("refused", "Unauthorized", "failed"),
        ("refused", "ConfigError", "failed"),
        ("refused", "MissingExtra", "failed"),
        ("refused", "UnknownModel", "failed"),
        ("refused", "InvalidRequest", None),
        ("refused", "ContentFiltered", None),
        ("left", "", None),
    ],
)
def test_what_an_outcome_says_of_its_model(state: str, error: str, verdict: Verdict | None) -> None:
    outcome = Outcome(provider="p", state=state, error=error, began=NOW, first=0.12345, took=2.0)  # type: ignore[arg-type]
    said = of(outcome)
    assert (said and said.verdict) == verdict
    if said is not None:
        assert (said.at, said.error, said.first, said.took) == (NOW + 2.0, error, 0.1235, 2.0)


def test_a_list_of_models_says_nothing_of_a_model_and_vectors_are_a_thing_of_their_own() -> None:
    assert of(Outcome(provider="p", kind="models")) is None
    told = [
        of(Outcome(provider="p", kind="embeddings")),
        of(Outcome(provider="p", stream=True)),
        of(Outcome(provider="p")),
    ]
    assert [one and one.what for one in told] == ["embeddings", "stream", "chat"]
