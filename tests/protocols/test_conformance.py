"""Every protocol reads recorded traffic as the vendor's own SDK does, wherever it is cut."""

from __future__ import annotations

import random

import pytest

from protocols import conformance, recorded

CHANCE = random.Random(20261121)
SPLITS = 2


@pytest.mark.parametrize("protocol", conformance.PROTOCOLS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_recorded_answers_read_as_the_sdk_read_them(protocol: str, stream: bool) -> None:
    wrong = {
        case["id"]: found
        for case in recorded.answers(protocol, stream=stream)
        if (found := list(conformance.disagreements(case, SPLITS, CHANCE)))
    }
    assert wrong.keys() <= conformance.ORACLE_IS_WRONG.keys(), wrong


@pytest.mark.parametrize("protocol", conformance.PROTOCOLS)
def test_malformed_answers_end_in_an_error_of_ours_or_are_read(protocol: str) -> None:
    for case in recorded.malformed(protocol):
        assert not list(conformance.malformed(case, SPLITS, CHANCE)), case["id"]


def test_the_list_of_wrong_oracles_is_short_and_says_why() -> None:
    assert len(conformance.ORACLE_IS_WRONG) < 10
    assert all(conformance.ORACLE_IS_WRONG.values())
    known = {case["id"] for name in conformance.PROTOCOLS for case in recorded.answers(name)}
    assert conformance.ORACLE_IS_WRONG.keys() <= known
