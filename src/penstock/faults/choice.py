"""What a model's name asks for: a fault, its numbers, a pace, and whether only once.

cut-40            the fault ``cut`` after 40 tokens
cut               the same after its usual number of tokens
cut-40@20         with 20 ms between two tokens
once-cut-40       for the first question only; from the second on all is well
openai/cut-40     whatever stands before the last slash is a gateway's
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from penstock.faults.failoverbench import NAMES
from penstock.faults.table import FAULTS, Fault

PACE = 0.005
"""Seconds between two tokens, where the name says nothing else."""

_LONGEST = 200
"""Characters of a name that are looked at, from its end."""
_ONCE = "once-"
_NAME = re.compile(r"(?P<name>.+?)(?:@(?P<pace>[0-9]{1,5}))?(?::latest)?", re.DOTALL)
_NUMBERS = re.compile(r"(?:-[0-9]{1,7})*")


class Choice(Struct, frozen=True):
    """A fault with its numbers; ``pace`` in seconds, ``None`` where it is not said."""

    fault: Fault
    numbers: tuple[int, ...] = ()
    pace: float | None = None
    once: bool = False


def choose(model: str) -> Choice | None:
    """The choice that a model's name is; ``None`` where it is none."""
    name = model[-_LONGEST:].rpartition("/")[2]
    found = _NAME.fullmatch(NAMES.get(name, name))
    if found is None:
        return None
    once = found["name"].startswith(_ONCE)
    said = _numbered(found["name"].removeprefix(_ONCE) if once else found["name"])
    if said is None:
        return None
    pace = int(found["pace"]) / 1000 if found["pace"] else None
    return Choice(*said, pace, once)


def excess(model: str) -> str:
    """What is too large in a name that is no choice, as ``K is at most 60``; empty where that is
    not what is wrong."""
    found = _NAME.fullmatch(model[-_LONGEST:].rpartition("/")[2])
    name = found["name"].removeprefix(_ONCE) if found else ""
    for fault, said in _readings(name):
        for number, value in zip(fault.numbers, said, strict=False):
            if value > number.most:
                return f"{number.of} is at most {number.most}"
    return ""


def _numbered(name: str) -> tuple[Fault, tuple[int, ...]] | None:
    """The fault that this names, and its numbers, none of them too large."""
    for fault, said in _readings(name):
        if all(n <= number.most for n, number in zip(said, fault.numbers, strict=False)):
            return fault, said + tuple(number.usual for number in fault.numbers[len(said) :])
    return None


def _readings(name: str) -> Iterator[tuple[Fault, tuple[int, ...]]]:
    """The faults whose names this begins with, the longest first, all that follows being numbers,
    and no more of them than the fault has."""
    for end in range(len(name), 0, -1):
        fault, rest = FAULTS.get(name[:end]), name[end:]
        if fault and _NUMBERS.fullmatch(rest) and rest.count("-") <= len(fault.numbers):
            yield fault, tuple(map(int, rest.split("-")[1:]))
