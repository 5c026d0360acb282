"""What several services spent on one answer, added up without a number that nobody said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.spent import together
from penstock.types import Usage
from protocols.strategies import usages

ANTHROPIC = Usage(input=10, cached_input=90, output=5, cached_apart=True, total=105)
OPENAI = Usage(input=200, cached_input=150, output=20, total=220)


def test_what_all_say_is_the_sum_in_the_last_ones_sense() -> None:
    assert together([ANTHROPIC, OPENAI]) == Usage(input=300, cached_input=240, output=25, total=325)
    assert together([OPENAI, ANTHROPIC]) == Usage(
        input=60, cached_input=240, output=25, total=325, cached_apart=True
    )


def test_estimates_are_not_added_to_what_was_said() -> None:
    guess = Usage(input=7, output=7, total=14, provenance="estimated")
    for others in ([guess, OPENAI], [OPENAI, guess], [None, OPENAI]):
        assert together(others) == Usage(
            input=200, cached_input=150, output=20, total=220, provenance="partial"
        )
    assert together([guess, guess]) == Usage(input=14, output=14, total=28, provenance="estimated")


def test_where_nobody_knows_nothing_is_said() -> None:
    assert together([None, None]) is None
    assert together([]) is None


@given(st.lists(st.none() | usages, max_size=4))
def test_the_sum_is_reported_where_all_of_it_is(spent: list[Usage | None]) -> None:
    total = together(spent)
    assert (total is None) == (not any(spent))
    reported = bool(spent) and all(u is not None and u.provenance == "reported" for u in spent)
    assert (total is not None and total.provenance == "reported") == reported
