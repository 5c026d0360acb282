"""``Window``: the last times that were measured, and what most of them are below; no clock.

Routes are shared by threads, each with a loop of its own, so that a lock guards what they measure.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable

_lock = threading.Lock()
"""Nobody's own, so that routes can be copied."""


class Window:
    """The last ``most`` numbers, none of them older than ``age`` seconds.

    ``now`` is any clock's seconds that never go back.
    """

    __slots__ = ("_age", "_came", "_most", "_sorted")

    def __init__(self, most: int = 512, age: float = math.inf) -> None:
        self._most, self._age = most, age
        self._came: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def count(self, now: float) -> int:
        """How many there are."""
        with _lock:
            self._forget(now)
            return len(self._sorted)

    def add(self, number: float, now: float) -> None:
        """Take one more; the oldest goes where there is no room."""
        with _lock:
            if len(self._came) == self._most:
                self._drop()
            self._came.append((now, number))
            insort(self._sorted, number)

    def quantile(self, share: float, now: float) -> float | None:
        """The least of them that is not below ``share`` of all; ``None``: there are none."""
        with _lock:
            self._forget(now)
            if not self._sorted:
                return None
            return self._sorted[max(math.ceil(share * len(self._sorted)) - 1, 0)]

    def at_least(self, number: float, share: float, now: float) -> None:
        """Take one that would have been greater, if it had not been cut short. That says something
        only where it is beyond the quantile that is asked for; all else would pull it down."""
        known = self.quantile(share, now)
        if known is not None and number >= known:
            self.add(number, now)

    def _forget(self, now: float) -> None:
        while self._came and now - self._came[0][0] > self._age:
            self._drop()

    def _drop(self) -> None:
        _, number = self._came.popleft()
        del self._sorted[bisect_left(self._sorted, number)]


class Windows:
    """A window for each thing that is measured apart; of more than ``things``, the one that was
    not looked at for the longest time is forgotten."""

    __slots__ = ("_age", "_most", "_things", "_windows")

    def __init__(self, most: int = 512, age: float = math.inf, things: int = 256) -> None:
        self._most, self._age, self._things = most, age, things
        self._windows: dict[Hashable, Window] = {}

    def __getitem__(self, thing: Hashable) -> Window:
        with _lock:
            window = self._windows.pop(thing, None) or Window(self._most, self._age)
            self._windows[thing] = window
            if len(self._windows) > self._things:
                del self._windows[next(iter(self._windows))]
            return window
