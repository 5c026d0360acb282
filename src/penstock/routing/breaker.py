"""``Breaker``: nobody asks a target, for a while, after it failed too often."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from penstock.errors import PenstockError, RateLimited, Unauthorized, Unavailable, UnknownModel
from penstock.events import Finish, Reply
from penstock.provider import Call, Provider, T
from penstock.routing.circuit import Circuit
from penstock.routing.routed import Routed

_PROBED = 1.0
"""Seconds after which to ask again where somebody is trying it out just now."""


class Breaker(Routed):
    """Asks ``target`` while its ``circuit`` lets calls in; else raises ``Unavailable`` at once,
    with ``retry_after``.

    A failure is what another service might have answered (``error.elsewhere``), in the middle of
    the answer as well as before it; a success is an answer that came to its end. Who leaves tells
    nothing, and neither does a question that was refused by its own fault: that may have been found
    out here, and it must not hide the failures of the others. A model that does not exist is the
    question's fault too; so are a wrong key and a spent quota where the question brought its own
    key. No caller shuts a target for the others.

    The circuit is the instance's, and that of the copies ``configured`` makes: who wants one
    circuit for two routes puts the same ``Breaker`` into both.
    """

    def __init__(
        self,
        target: Provider,
        circuit: Circuit | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__((target,))
        self.circuit = circuit or Circuit()
        self._clock = clock

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        circuit, clock = self.circuit, self._clock
        era = circuit.enter(clock())
        if era is None:
            raise self._resting()
        item: T | None = None
        try:
            async with aclosing(self.targets[0].through(call)) as answer:
                async for item in answer:
                    circuit.spoke(era, clock())
                    yield item
                    break
                async for item in answer:
                    yield item
        except PenstockError as error:
            self._failed(era, error, call)
            raise
        except BaseException:
            self._left(era, item)
            raise
        circuit.worked(era, clock())

    def is_failing(self, model: str) -> bool:
        return self.circuit.is_refusing(self._clock()) or super().is_failing(model)

    def _failed(self, era: int, error: PenstockError, call: Call[T]) -> None:
        if not _counts(error, call):
            self.circuit.left(era)
            return
        told = error.retry_after if isinstance(error, RateLimited) else None
        self.circuit.failed(era, self._clock(), told)

    def _left(self, era: int, last: object) -> None:
        """Who has the end of the answer may go without looking for more."""
        if isinstance(last, Finish | Reply):
            self.circuit.worked(era, self._clock())
        else:
            self.circuit.left(era)

    def _resting(self) -> Unavailable:
        name, left = self.targets[0].name, self.circuit.remaining(self._clock())
        when = f"asked again in {math.ceil(left)} s" if left > 0 else "being tried out now"
        return Unavailable(
            f"{name} has failed and is left in peace, {when}; ask then, or ask another",
            provider=name,
            retry_after=left or _PROBED,
        )


def _counts(error: PenstockError, call: Call[T]) -> bool:
    """Whether it tells something of the target, and not of the question."""
    if isinstance(error, UnknownModel) or not error.elsewhere:
        return False
    is_about_key = isinstance(error, Unauthorized | RateLimited)
    return not (is_about_key and call.request().api_key)
