"""The rules: from what the last tries came to, whether a model works.

working   the newest result that says anything is a success, and not older than an hour
failing   since the last success, a probe of the last quarter of an hour has failed, or three
          calls in a row have
unknown   all else: nothing was tried, too long ago, or one or two calls have failed
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from penstock.health.results import Result, in_order

State: TypeAlias = Literal["working", "failing", "unknown"]


class Rules(Struct, frozen=True, kw_only=True):
    """``success`` and ``failure``: seconds for which each counts. ``in_a_row``: so many calls that
    fail are no accident."""

    success: float = 3600.0
    failure: float = 900.0
    in_a_row: int = 3


RULES = Rules()


def state_of(results: Iterable[Result], now: float, rules: Rules = RULES) -> State:
    """How things stand at ``now``, in seconds since the epoch."""
    conclusive = in_order(result for result in results if result.is_conclusive)
    if not conclusive:
        return "unknown"
    last = conclusive[-1]
    if last.verdict == "worked":
        return "working" if now < last.at + rules.success else "unknown"
    return "failing" if now < _counts_from(conclusive, rules) + rules.failure else "unknown"


def failing_until(results: Iterable[Result], rules: Rules = RULES) -> float:
    """When it stops to count as failing, if nothing more is heard; long past where it does not
    fail."""
    conclusive = in_order(result for result in results if result.is_conclusive)
    return _counts_from(conclusive, rules) + rules.failure


def _counts_from(conclusive: list[Result], rules: Rules) -> float:
    """When the newest failure happened that there must be at least to call it failing."""
    failures = list(_since_last_success(conclusive))
    probes = (result.at for result in failures if result.probe)
    calls = [result.at for result in failures if not result.probe][: rules.in_a_row]
    enough = calls[-1] if len(calls) == rules.in_a_row else -math.inf
    return max(next(probes, -math.inf), enough)


def _since_last_success(conclusive: list[Result]) -> Iterator[Result]:
    """The failures, the newest first."""
    for result in reversed(conclusive):
        if result.verdict == "worked":
            return
        yield result
