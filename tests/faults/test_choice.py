"""What a model's name asks for."""

from __future__ import annotations

import pytest

from penstock.faults.answers import make
from penstock.faults.choice import choose, excess
from penstock.faults.failoverbench import NAMES
from penstock.faults.script import FIN, Wait
from penstock.faults.table import FAULTS
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest


@pytest.mark.parametrize(
    ("model", "name", "numbers", "pace", "once"),
    [
        ("cut-40", "cut", (40,), None, False),
        ("cut", "cut", (40,), None, False),
        ("cut-0", "cut", (0,), None, False),
        ("stall-7", "stall", (7, 0), None, False),
        ("stall-7-30", "stall", (7, 30), None, False),
        ("cut-40@20", "cut", (40,), 0.02, False),
        ("ok@0", "ok", (), 0.0, False),
        ("once-cut-40@20", "cut", (40,), 0.02, True),
        ("429", "429", (), None, False),
        ("429-seconds-2", "429-seconds", (2,), None, False),
        ("status-418", "status", (418,), None, False),
        ("openai/gpt/cut-3", "cut", (3,), None, False),
        ("cut-3:latest", "cut", (3,), None, False),
        ("fb-s08-stream-cut", "cut", (40,), 0.015, False),
        ("fb/fb-s09-stream-stall", "stall", (20, 30), 0.015, False),
        ("fb-s10-malformed-chunk", "malformed", (10,), 0.015, False),
        ("fb-s01-429-retry-after", "429-seconds", (2,), 0.015, True),
    ],
)
def test_a_name_is_a_fault_with_its_numbers(
    model: str, name: str, numbers: tuple[int, ...], pace: float | None, once: bool
) -> None:
    choice = choose(model)
    assert choice is not None
    assert (choice.fault.name, choice.numbers) == (name, numbers)
    assert (choice.pace, choice.once) == (pace, once)


@pytest.mark.parametrize(
    "model",
    [
        "",
        "gpt-5",
        "cut-61",
        "cut-4-4",
        "cut-x",
        "cut--4",
        "cut4",
        "ok-1",
        "once-",
        "@5",
        "a" * 10**5,
        "line-9999",
        "stall-1-2-3",
        "fb-s99",
        "cut-40@",
        "cut-٤",
    ],
)
def test_any_other_name_is_none(model: str) -> None:
    assert choose(model) is None


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("cut-61", "K is at most 60"),
        ("once-cut-99@5", "K is at most 60"),
        ("openai/stall-7-9999999", "S is at most 3600"),
        ("stall-61", "K is at most 60"),
        ("cut-60", ""),
        ("cut-4-4", ""),
        ("gpt-5", ""),
        ("", ""),
        ("a" * 10**5, ""),
    ],
)
def test_a_number_that_is_too_large_is_told_of(model: str, why: str) -> None:
    assert excess(model) == why


def test_every_fault_is_chosen_by_its_example_and_by_its_bare_name() -> None:
    for name, fault in FAULTS.items():
        for said in (name, fault.example):
            choice = choose(said)
            assert choice is not None
            assert choice.fault is fault
            assert choice.numbers == tuple(number.usual for number in fault.numbers)


def test_every_name_of_failoverbench_is_one_of_ours() -> None:
    scenarios = {name[3:6] for name in NAMES if name[3] == "s"}
    assert scenarios == {f"s{n:02}" for n in range(1, 17)}
    assert {"fb-ok", "fb-ok-noprefill"} <= {*NAMES}
    assert all(choose(name) for name in NAMES)


def test_a_stall_that_ends_does_so_with_fin() -> None:
    answer, choice = make(OpenAIChat(), ChatRequest()), choose("fb-s09-stream-stall")
    assert choice is not None
    script = choice.fault.script(answer, *choice.numbers)
    assert script is not None
    assert list(script[-2:]) == [Wait(30.0), FIN]
