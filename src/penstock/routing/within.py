"""``Within``: the whole of an answer within a deadline, over all retries and fallbacks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from penstock.errors import ConfigError, PenstockError, StreamStalled, Timeout
from penstock.events import Finish, Reply
from penstock.provider import Call, Provider, T
from penstock.routing.routed import Routed


class Within(Routed):
    """Asks ``target``, which has ``seconds`` for all of it; less where the call's own deadline is
    sooner.

    Raises ``Timeout`` where nothing was said until then, and ``StreamStalled`` amid the answer, as
    a service's own limit ``total`` does. Time that a slow reader takes counts too.
    """

    def __init__(self, target: Provider, seconds: float) -> None:
        super().__init__((target,))
        if math.isnan(seconds):  # it would disorder all timers of the loop
            raise ConfigError("within: seconds is no number; give one")
        self.seconds = seconds

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = min(now + self.seconds, math.inf if call.deadline is None else call.deadline)
        alarm = _Alarm(loop, due)
        item: T | None = None
        try:
            alarm.wait()
            async with aclosing(self.targets[0].through(replace(call, deadline=due))) as answer:
                async for item in answer:
                    alarm.rest()
                    yield item
                    alarm.wait()
        except _Rang:
            pass
        except asyncio.CancelledError:
            if not alarm.rest():
                raise
        else:
            return
        finally:
            alarm.stop()
        if not isinstance(item, Finish | Reply):  # who has the end has all
            raise _late(self.targets[0].name, max(due - now, 0.0), item is not None)


def _late(name: str, limit: float, spoke: bool) -> PenstockError:
    """What a service's own limit ``total`` would have raised."""
    kind, what = (StreamStalled, "end its answer") if spoke else (Timeout, "answer")
    text = f"{name} did not {what} within {limit:g} s (total)"
    return kind(text, provider=name, limit="total")


class _Rang(Exception):
    """It is time, and nobody waits."""


class _Alarm:
    """Between ``wait`` and ``rest`` a task that waits when it is time is cancelled.

    ``asyncio.timeout`` would do the same with a timer for each item; here one is enough for all.
    """

    __slots__ = ("_cancelling", "_rang", "_task", "_timer", "_woke")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._rang, self._woke = when <= loop.time(), False
        self._timer = loop.call_at(when, self._ring)

    def wait(self) -> None:
        """This task waits from now on. Raises ``_Rang`` where it is too late for that."""
        if self._rang:
            raise _Rang
        self._task = task = asyncio.current_task()
        if task is not None:
            self._cancelling = task.cancelling()

    def rest(self) -> bool:
        """It has waited. Whether it was cancelled because it is time, and by nobody else."""
        task, self._task = self._task, None
        if not self._woke or task is None:
            return False
        return task.uncancel() <= self._cancelling

    def stop(self) -> None:
        """All is over."""
        self.rest()
        self._timer.cancel()

    def _ring(self) -> None:
        self._rang = True
        if self._task is not None:
            self._woke = True
            self._task.cancel()
