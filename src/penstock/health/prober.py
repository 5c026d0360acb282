"""``Prober``: asks those nobody asks, so that what is broken, and what is mended, is known."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from penstock.health import here
from penstock.health.probes import Target, probe
from penstock.health.store import Store

_SOONER = 0.2
"""The share of a period by which a probe may come sooner: programs that started together do not
ask together."""


class Prober:
    """Asks each of ``targets`` one short question where nothing was heard of it for ``every``
    seconds, one after the other.

        async with Prober(targets, every=60):
            ...

    A call of somebody's that worked counts as heard, so that who is asked anyway costs nothing
    more. Who breaks is known to within a period and the time of a probe, and so is who comes back.
    Leaving the block ends it, and cuts a probe that is under way. ``clock``, ``sleep`` and
    ``chance`` (a number from 0 to 1) are for tests.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        every: float = 60.0,
        store: Store = here,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.targets = tuple(targets)
        self.every = every
        self.store = store
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._asked: dict[Target, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> None:
        """Ask until it is cancelled."""
        while self.targets:
            target = min(self.targets, key=self._due)
            wait = self._due(target) - self._clock()
            if wait > 0:
                await self._sleep(wait)
                continue  # it may have answered somebody meanwhile
            self._asked[target] = self._clock() - self.every * _SOONER * self._chance()
            await probe(target, store=self.store)

    def _due(self, target: Target) -> float:
        """When it has to be asked, in seconds since the epoch. What was heard in the future was not
        heard: the clock was put back."""
        heard = (self._asked.get(target, 0.0), self._worked(target))
        return max((at for at in heard if at <= self._clock()), default=0.0) + self.every

    def _worked(self, target: Target) -> float:
        """When a call of somebody's worked last."""
        tried = self.store.tried(target.provider.name, target.model)
        last = (kept[-1] for kept in tried.values())
        calls = (one.at for one in last if one.verdict == "worked" and not one.probe)
        return max(calls, default=0.0)
