"""``Hedge``: a second target where the first is slow to speak."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Hashable

from penstock.provider import Call, Provider, T
from penstock.routing.fallback import Fallback, telling
from penstock.routing.patience import Patience
from penstock.routing.race import Race, Runner

_PARTING = 0.25
"""Seconds that the answer waits for the others to be over, so that its end can tell of them."""


class Hedge(Fallback):
    """Asks the first of ``targets``, and the next as well where it does not speak in time; whoever
    speaks first gives the answer. One alone is asked a second time.

    In time is what the quantile ``at`` of its calls has done until now; see ``patience`` for where
    that is put right. Until twenty times are known it is ``after`` seconds, or for ever. Second
    questions are never more than ``share`` of the calls: they cost money, and a service that is
    slow because it is busy is not helped by more of them.

    The others are cancelled as soon as one has spoken; ``attempts`` tells of them, with what they
    spent as far as is known. The answer goes on when they are over, or after a quarter of a second,
    and its end is not before theirs. Where one fails, the other goes on, or the next is asked at
    once, as a ``Fallback`` does.
    """

    def __init__(
        self,
        *targets: Provider,
        at: float = 0.95,
        share: float = 0.08,
        after: float | None = None,
    ) -> None:
        super().__init__(*targets)
        self._patience = Patience(at, share, after)

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        race = Race(call)
        try:
            try:
                winner = await self._run(race, call)
            finally:
                self._learn(race, call)
            race.stop()
            if winner.first is not None:
                yield winner.first
            await race.stopped(_PARTING)
            async for item in winner.answer:
                yield item
        finally:
            try:
                await race.stopped()
            finally:
                if race.winner is not None:
                    await race.winner.answer.aclose()

    async def _run(self, race: Race[T], call: Call[T]) -> Runner[T]:
        """Whoever speaks first. Raises the error that tells of all where nobody does."""
        waiting = deque(self.order(call))
        first = waiting.popleft()
        within = self._patience.begins(self._timed(first, call), _now())
        race.ask(first)
        if not await race.news(within) and (second := self._second(waiting, call)) is not None:
            race.ask(second)
        while race.winner is None:
            if not race.runners:
                if not (waiting and race.failed[-1].elsewhere):
                    raise telling(race.failed)
                race.ask(waiting.popleft())
            await race.news()
        return race.winner

    def _second(self, waiting: deque[Provider], call: Call[T]) -> Provider | None:
        """Whom to ask beside the first, if anybody."""
        others = waiting if len(self.targets) > 1 else deque(self.targets)
        if not others or others[0].is_failing(call.model) or not self._patience.is_over(_now()):
            return None
        return others.popleft()

    def _learn(self, race: Race[T], call: Call[T]) -> None:
        """Remember how long each has taken."""
        for runner in race.asked:
            note = self._patience.silent if runner.first is None else self._patience.spoke
            note(self._timed(runner.target, call), runner.took, _now())

    def _timed(self, target: Provider, call: Call[T]) -> Hashable:
        """What has times of its own: models differ, and so do whole answers from streamed ones."""
        return self.targets.index(target), call.model, call.request().stream


def _now() -> float:
    return asyncio.get_running_loop().time()
