"""``Retry``: the same target again, after a while, if nothing was said yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from random import random as chance

from penstock.errors import PenstockError
from penstock.provider import Call, Provider, T
from penstock.routing.backoff import backoff
from penstock.routing.budget import Budget
from penstock.routing.fallback import note
from penstock.routing.routed import Routed


class Retry(Routed):
    """Asks ``target`` up to ``times`` more, where the same question may work later
    (``error.retryable``) and nothing was said yet.

    Waits as long as the service said, and a little more so that not all come back at once; where it
    said nothing, by ``backoff``. The error is raised at once, so that a ``Fallback`` around goes
    on, where the service wants more than ``patience`` seconds, where the wait would not end before
    the call's deadline, and where the ``budget``, which all calls share, is spent. A call that ran
    out of its own ``total`` is over.

    ``sleep``, ``clock`` and ``random`` are for who wants another time or chance.
    """

    def __init__(
        self,
        target: Provider,
        times: int = 2,
        budget: Budget | None = None,
        *,
        patience: float = 60.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = chance,
    ) -> None:
        super().__init__((target,))
        self.times, self.patience = times, patience
        self.budget = budget or Budget()
        self._sleep, self._clock, self._random = sleep, clock, random

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        self.budget.deposit(self._clock())
        tries = 0
        while True:
            attempt = self.targets[0].through(call)
            try:
                first = await anext(attempt)
            except PenstockError as error:
                tries += 1
                wait = self._wait(error, tries, call.deadline)
                if wait is None:
                    raise
                note(call, error)
            else:
                async with aclosing(attempt):
                    yield first
                    async for item in attempt:
                        yield item
                return
            await self._sleep(wait)

    def _wait(self, error: PenstockError, tries: int, deadline: float | None) -> float | None:
        """Seconds before the next try; ``None``: there is none. Takes it out of the budget."""
        told = error.retry_after or 0.0
        told = told if told > 0 else 0.0  # neither the past nor NaN
        if tries > self.times or not error.retryable or told > self.patience or _is_over(error):
            return None
        wait = told + backoff(tries, self._random)
        if deadline is not None and asyncio.get_running_loop().time() + wait >= deadline:
            return None
        return wait if self.budget.withdraw(self._clock()) else None


def _is_over(error: PenstockError) -> bool:
    """Whether the limit of the whole call ran out."""
    return error.limit == "total"
