"""``Patience``: how long to wait for a first word before another is asked as well; no clock.

The times until targets spoke are kept, and a share of the calls may be asked twice. One waits for
the quantile ``at`` of those times. Where nearly as many calls are slow as the quantile leaves out,
it lies among the slow ones now and then, and would help nobody: so one waits no longer than three
medians, though never less than the share pays for.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from penstock.errors import ConfigError
from penstock.routing.budget import Budget
from penstock.routing.quantile import Windows

_ENOUGH = 20
"""Times from which on they tell anything."""
_MEDIANS = 3
_SAVED = 10.0
"""Second questions that may come in a row after calls that needed none."""


class Patience:
    """``at``: the quantile; ``share``: second questions are never more than this share of the
    calls; ``after``: seconds to wait where too few times are known (``None``: for ever).

    ``now`` is any clock's seconds that never go back. What is ``asked`` is anything that has times
    of its own.
    """

    __slots__ = ("_after", "_at", "_budget", "_share", "_times")

    def __init__(self, at: float = 0.95, share: float = 0.08, after: float | None = None) -> None:
        if not (0 < at < 1 and 0 <= share <= 1):
            raise ConfigError("hedge: at and share are numbers between 0 and 1")
        self._at, self._share, self._after = at, share, after
        self._budget = Budget(share, reserve=0.0, most=_SAVED, every=math.inf)
        self._times = Windows()

    def begins(self, asked: Hashable, now: float) -> float | None:
        """There is a call: seconds to wait for its first word; ``None``: as long as it takes."""
        self._budget.deposit(now)
        window = self._times[asked]
        known = [window.quantile(share, now) for share in (self._at, 0.5, 1 - self._share)]
        if window.count(now) < _ENOUGH:
            return self._after
        late, median, paid = (seconds or 0.0 for seconds in known)
        return max(min(late, _MEDIANS * median), paid)

    def is_over(self, now: float) -> bool:
        """Whether another may be asked now; if so, it is taken to be."""
        return self._budget.withdraw(now)

    def spoke(self, asked: Hashable, seconds: float, now: float) -> None:
        """It spoke after so long."""
        self._times[asked].add(seconds, now)

    def silent(self, asked: Hashable, seconds: float, now: float) -> None:
        """It had not spoken after so long, and nobody waited on."""
        self._times[asked].at_least(seconds, 1 - self._share, now)
