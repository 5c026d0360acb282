"""What an answer spent that several services gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.types import Provenance, Usage

_NUMBERS = ("input", "output", "cached_input", "cache_write", "reasoning")


def together(spent: Sequence[Usage | None]) -> Usage | None:
    """The sum, in the sense of the last; ``None`` where nobody knows anything.

    Estimates are never added to what services say: where some said it, their part is the sum, which
    is ``partial`` then. The services' own details stay with each attempt.
    """
    known = [usage for usage in spent if usage is not None]
    told = [usage for usage in known if usage.provenance != "estimated"]
    counted = told or known
    if not counted:
        return None
    is_whole = len(told) == len(spent) and all(u.provenance == "reported" for u in told)
    provenance: Provenance = "estimated" if not told else "reported" if is_whole else "partial"
    last = counted[-1]
    same = [
        usage.in_sense(cached_apart=last.cached_apart, reasoning_apart=last.reasoning_apart)
        for usage in counted
    ]
    numbers: dict[str, Any] = {
        name: _sum([getattr(usage, name) for usage in same]) for name in _NUMBERS
    }
    totals = [usage.total for usage in same]
    return Usage(
        **numbers,
        total=None if None in totals else _sum(totals),
        cached_apart=last.cached_apart,
        reasoning_apart=last.reasoning_apart,
        provenance=provenance,
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    said = [number for number in numbers if number is not None]
    return sum(said) if said else None
