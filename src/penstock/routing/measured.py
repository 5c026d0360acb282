"""``Measured``: one target of several, with what is under way there and how soon it speaks."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from penstock.provider import Call, Provider, T
from penstock.routing.quantile import Window, Windows
from penstock.routing.routed import Routed

_KEPT = 64
_AGE = 300.0
"""Seconds for which a time counts; after that, a target that was slow is tried out anew."""
_ENOUGH = 5
"""Times from which on they tell anything: one slow answer is no slow service."""
_MEDIAN = 0.5


class Load:
    """What is under way at a target, and the times to the first of its answers."""

    __slots__ = ("times", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.times = Windows(_KEPT, _AGE)


class Measured(Routed):
    """Asks ``target``. ``label``: what it is called among the others; ``weight``: its share;
    ``timed``: whether its times are wanted."""

    def __init__(
        self,
        target: Provider,
        label: str,
        weight: float = 1.0,
        timed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__((target,))
        self.name = target.name
        self.label, self.weight, self.timed = label, weight, timed
        self.load = Load()
        self._clock = clock

    def usual(self, call: Call[T]) -> float | None:
        """Seconds to the first of an answer, in the median; ``None``: it was not asked often enough
        of late."""
        window, now = self._times(call), self._clock()
        return window.quantile(_MEDIAN, now) if window.count(now) >= _ENOUGH else None

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        began: float | None = self._clock()
        self.load.under_way += 1
        try:
            async with aclosing(self.targets[0].through(call)) as answer:
                async for item in answer:
                    if began is not None:
                        self._note(call, began, spoke=True)
                        began = None
                    yield item
        finally:
            self.load.under_way -= 1
            if began is not None:
                self._note(call, began, spoke=False)

    def _note(self, call: Call[T], began: float, *, spoke: bool) -> None:
        if not self.timed:
            return
        now = self._clock()
        if spoke:
            self._times(call).add(now - began, now)
        else:
            self._times(call).at_least(now - began, _MEDIAN, now)

    def _times(self, call: Call[T]) -> Window:
        """Models differ, and so do whole answers from streamed ones."""
        return self.load.times[call.model, call.request().stream]
