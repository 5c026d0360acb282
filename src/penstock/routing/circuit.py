"""``Circuit``: whether a target that failed too often may be asked again; no I/O, no clock.

    closed      everybody may ask; failures are counted
    open        nobody may, for a while
    half-open   one may, and tells by that whether the others may

           too many failures                   the while is over
    closed ─────────────────> open ─────────────────────────────> half-open
       ^                       ^ ^──────────── it failed ───────────┘ │
       │                       └────── it left: the next one may ─────│
       └───────────── it worked, or it has been speaking for long ────┘

A probe that speaks for so long that the others had better not wait for its end lets them in on
probation: the next failure opens again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import random as chance
from typing import Literal, TypeAlias

State: TypeAlias = Literal["closed", "open", "half-open"]

_SLOTS = 6
"""Parts of the window; the oldest goes as a whole, so that it is a sixth shorter at times."""
_JITTER = 0.1
"""By how much of itself a pause may be longer, so that not all who pause ask at once."""


class Circuit:
    """Opens after ``in_a_row`` failures, or where ``ratio`` of at least ``enough`` calls within
    ``window`` seconds have failed; for ``pause`` seconds, and for twice as many each time that the
    probe fails, up to ``longest``.

    A service that says when it may be asked again is believed up to ``most_told`` seconds: one
    probe a minute is no burden, and a wrong or hostile number would shut a target out for ever.

    ``now`` is any clock's seconds that never go back. Each call gets an era from ``enter``, and
    brings it back with its news: what began before the circuit opened tells nothing of the
    service as it is now.
    """

    def __init__(
        self,
        *,
        in_a_row: int = 5,
        ratio: float = 0.5,
        enough: int = 10,
        window: float = 60.0,
        pause: float = 10.0,
        longest: float = 120.0,
        most_told: float = 60.0,
        random: Callable[[], float] = chance,
    ) -> None:
        self.in_a_row, self.ratio, self.enough, self.window = in_a_row, ratio, enough, window
        self.pause, self.longest, self.most_told = pause, longest, most_told
        self._random = random
        self._era = 0
        self._until: float | None = None
        self._is_probing = False
        self._spoke: float | None = None
        self._openings = 0
        self._row = 0
        self._slots: deque[list[int]] = deque(maxlen=_SLOTS)

    @property
    def state(self) -> State:
        if self._until is None:
            return "closed"
        return "half-open" if self._is_probing else "open"

    def is_refusing(self, now: float) -> bool:
        """Whether ``enter`` would let nobody in."""
        if self._until is None:
            return False
        if not self._is_probing:
            return now < self._until
        return self._spoke is None or now < self._spoke + self.pause

    def remaining(self, now: float) -> float:
        """Seconds until somebody may ask, as far as that is known; 0 while a probe is under way."""
        return 0.0 if self._until is None else max(self._until - now, 0.0)

    def enter(self, now: float) -> int | None:
        """The era of a call that begins now; ``None``: it may not. Where the circuit was open, the
        call is the probe, and has to end in ``worked``, ``failed`` or ``left``."""
        if self.is_refusing(now):
            return None
        if self._is_probing:
            self._close(self.in_a_row - 1)
        elif self._until is not None:
            self._is_probing, self._spoke = True, None
        return self._era

    def spoke(self, era: int, now: float) -> None:
        """A call got the first of its answer."""
        if era == self._era and self._is_probing:
            self._spoke = now

    def worked(self, era: int, now: float) -> None:
        """A call got all of its answer."""
        if era != self._era:
            return
        if self._is_probing:
            self._close(0)
        self._row = self._openings = 0
        self._slot(now)[1] += 1

    def failed(self, era: int, now: float, told: float | None = None) -> None:
        """A call failed, by the service's fault. ``told``: after how many seconds the service
        wants to be asked again, if it said so; that is heeded at once."""
        if era != self._era:
            return
        self._row += 1
        self._slot(now)[2] += 1
        if told is not None and told > 0:
            self._open(now + min(told, self.most_told))
        elif self._is_probing or self._is_too_much(now):
            pause = min(self.pause * 2 ** min(self._openings, 30), self.longest)
            self._openings += 1
            self._open(now + pause * (1 + _JITTER * self._random()))

    def left(self, era: int) -> None:
        """A call ended without telling anything of the service: its caller left, or the question
        was wrong. If it was the probe, the next one is."""
        if era == self._era:
            self._is_probing = False

    def _open(self, until: float) -> None:
        self._era += 1
        self._until, self._is_probing = until, False

    def _close(self, row: int) -> None:
        self._until, self._is_probing, self._row = None, False, row
        self._slots.clear()

    def _is_too_much(self, now: float) -> bool:
        if self._row >= self.in_a_row:
            return True
        oldest = self._number(now) - _SLOTS + 1
        recent = [slot for slot in self._slots if slot[0] >= oldest]
        bad = sum(slot[2] for slot in recent)
        calls = bad + sum(slot[1] for slot in recent)
        return calls >= self.enough and bad >= self.ratio * calls

    def _number(self, now: float) -> int:
        return int(now * _SLOTS // self.window)

    def _slot(self, now: float) -> list[int]:
        """The part of the window that is now: its number, what worked, what failed."""
        number = self._number(now)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append([number, 0, 0])
        return self._slots[-1]
