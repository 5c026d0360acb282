"""``ranked``: whom to ask first, of several that differ in what they cost and how busy they are.

    failing      come last
    good enough  come first: as cheap, or as quick, as the best (``within`` times its standing)
    full         come after the others: they have more than their share of what is under way

Among those that are alike in this, the conversation's own order holds, or the best standing comes
first. Being full never makes a question dearer or slower than need be: those that are good enough
are asked before the others, full or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class Candidate:
    """A target as it stands now. ``turn``: when it is its turn, by the conversation or by chance;
    ``standing``: what it costs, how slow or how busy it is; the least is the best of both."""

    turn: float
    weight: float = 1.0
    under_way: int = 0
    failing: bool = False
    standing: float = 0.0


def ranked(
    candidates: Sequence[Candidate], *, within: float | None, bound: float, settled: bool
) -> list[int]:
    """Their indices, first things first.

    ``within``: how many times the best standing is good enough; ``None``: any is. ``bound``: a
    target is full with more than so many times its fair share under way, and one. ``settled``: the
    turn decides among those that are good enough, else the standing does.
    """
    able = [c for c in candidates if not c.failing] or candidates
    limit = inf if within is None else within * min(c.standing for c in able)
    good = [c for c in able if c.standing <= limit]
    share = bound * (sum(c.under_way for c in good) + 1) / sum(c.weight for c in good)

    def place(index: int) -> tuple[bool, bool, bool, float, float]:
        c = candidates[index]
        is_good, is_full = c.standing <= limit, c.under_way > share * c.weight + 1
        return c.failing, not is_good, is_full, 0 if settled and is_good else c.standing, c.turn

    return sorted(range(len(candidates)), key=place)


def least_busy(candidates: Sequence[Candidate], *, bound: float, settled: bool) -> list[int]:
    """As ``ranked``, by how busy they are. ``settled``: whose turn it is comes before all of them,
    unless it is full."""
    for c in candidates:
        c.standing = c.under_way / c.weight
    if settled:
        min(candidates, key=lambda c: (c.failing, c.turn)).standing = -1
    return ranked(candidates, within=None, bound=bound, settled=False)
