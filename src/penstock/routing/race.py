"""``Race``: several targets asked the same, until the first of them speaks.

Each is asked in a task of its own, up to its first word. The winner's answer is read on by who
wants it; the others are over: cancelled, their connections closed, and waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from typing import Any, Generic

from penstock import outcomes
from penstock.errors import PenstockError
from penstock.events import Attempt
from penstock.outcomes import Outcome
from penstock.provider import Call, Provider, T
from penstock.routing.fallback import note

logger = logging.getLogger("penstock.routing")


class Runner(Generic[T]):
    """One of those who are asked. ``task`` ends with its first word, which is ``first`` then."""

    def __init__(self, target: Provider, call: Call[T]) -> None:
        self.target = target
        self.answer: AsyncGenerator[T] = target.through(call)
        self.first: T | None = None
        self.error: PenstockError | None = None
        self.outcome: Outcome | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._ended: float | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def took(self) -> float:
        """Seconds until it spoke or failed, or until now."""
        return (self._loop.time() if self._ended is None else self._ended) - self._began

    async def _run(self) -> None:
        _running.set(self)
        try:
            self.first = await anext(self.answer, None)
        except PenstockError as error:
            self.error = error
        finally:
            self._ended = self._loop.time()
            _running.set(None)  # the task's own context holds it, and it the task

    async def stop(self) -> None:
        """Be over: nothing runs any more and nothing is open, once it is awaited."""
        self.task.cancel()
        await asyncio.wait((self.task,))
        if not self.task.cancelled():
            self.task.exception()  # nobody wants to know any more
        await self.answer.aclose()

    def tell(self, call: Call[T]) -> None:
        """Note what became of it where another was quicker."""
        if self.error is not None:
            note(call, self.error)
        else:
            call.attempts.append(self._beaten())

    def _beaten(self) -> Attempt:
        if (told := self.outcome) is None:
            return Attempt(self.target.name)
        return Attempt("/".join(filter(None, (told.provider, told.model))), usage=told.usage)


_running: ContextVar[Runner[Any] | None] = ContextVar("running", default=None)


def _heard(outcome: Outcome) -> None:
    """Who is cancelled cannot say what it has spent; its outcome does."""
    if (runner := _running.get()) is not None:
        runner.outcome = outcome


outcomes.observe(_heard)


class Race(Generic[T]):
    """Of those who were ``asked``, ``runners`` still run, and ``winner`` spoke first; ``failed`` is
    what others failed with."""

    def __init__(self, call: Call[T]) -> None:
        self.asked: list[Runner[T]] = []
        self.runners: list[Runner[T]] = []
        self.failed: list[PenstockError] = []
        self.winner: Runner[T] | None = None
        self._call = call
        self._stopping: asyncio.Task[None] | None = None

    def ask(self, target: Provider) -> None:
        """Let one more run."""
        runner = Runner(target, self._call)
        self.asked.append(runner)
        self.runners.append(runner)

    async def news(self, within: float | None = None) -> list[Runner[T]]:
        """Those who have spoken or failed; nobody, where ``within`` so many seconds there was none.
        Of two who spoke at once, who was asked first is the winner. Raises what is no failure of a
        service."""
        tasks = [runner.task for runner in self.runners]
        await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        done = [runner for runner in self.runners if runner.task.done()]
        for runner in done:
            self._settle(runner)
        return done

    def _settle(self, runner: Runner[T]) -> None:
        runner.task.result()
        error, runner.error = runner.error, None  # which holds the runner
        if error is not None:
            self.runners.remove(runner)
            note(self._call, error)
            self.failed.append(error)
        elif self.winner is None:
            self.runners.remove(runner)
            self.winner = runner

    def stop(self) -> None:
        """The others are over, from now on."""
        if self.runners and self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(self.runners))

    async def _stop(self, runners: Sequence[Runner[T]]) -> None:
        stops = (runner.stop() for runner in runners)
        for failure in await asyncio.gather(*stops, return_exceptions=True):
            if failure is not None:
                logger.error("a target could not be left", exc_info=failure)
        for runner in runners:
            runner.tell(self._call)

    async def stopped(self, within: float | None = None) -> None:
        """Nothing of the others is left, however often who waits for it is cancelled meanwhile.
        ``within``: seconds to wait for that at most, but for the time until a cancellation."""
        self.stop()
        cancelled: list[asyncio.CancelledError] = []
        while self._stopping is not None and not self._stopping.done():
            try:
                await asyncio.wait((self._stopping,), timeout=within)
            except asyncio.CancelledError as error:
                cancelled.append(error)
            else:
                break
        if cancelled:
            raise cancelled.pop()
