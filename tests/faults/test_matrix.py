"""Every fault, in every protocol, streamed and whole: each row of the matrix is a test."""

from __future__ import annotations

import pytest

from faults.expected import EXPECTED
from faults.matrix import row
from penstock.faults import FAULTS

FAMILIES = {fault.name for fault in FAULTS.values()}


def test_every_fault_has_a_row() -> None:
    assert {name for name in FAMILIES if not any(_is_of(name, fault) for fault in EXPECTED)} <= {
        "status"
    } | {name for name in FAMILIES if name.startswith("fb-")}


def _is_of(family: str, fault: str) -> bool:
    return fault == family or fault.startswith(f"{family}-")


@pytest.mark.parametrize("fault", EXPECTED)
async def test_every_cell_is_right(fault: str) -> None:
    wrong = {cell: seen for cell, seen in (await row(fault)).items() if seen.wrong}
    assert not wrong
