"""``Fallback``: one target after the other, until one answers."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from penstock.errors import PenstockError, ServiceError
from penstock.events import Attempt
from penstock.provider import Call, Provider, T
from penstock.routing.continuation import Continued, continued
from penstock.routing.routed import Routed

_TOLD = 200
"""Characters of what is said of each target that failed before the last."""


class Fallback(Routed):
    """Asks ``targets`` in their order; those that are known not to work come last.

    Goes on to the next where nothing was said yet and another service may help
    (``error.elsewhere``). When all have failed, the last failure of a service is raised, with those
    of the others in ``others``.

    ``continues``: where an answer is cut amid its text, whoever is left goes on with it
    (continuation.py), so that the caller gets one answer of several services;
    ``Reply.recovered`` names those that were cut. Where nobody can, the cut is raised. A whole
    answer (``answer``) is one service's in any case: it is asked for anew.
    """

    def __init__(self, *targets: Provider, continues: bool = False) -> None:
        super().__init__(targets)
        self._continues = continues
        self._refusing: set[tuple[str, str]] = set()
        """Providers and models that refused an answer's beginning as their own."""

    @property
    def continues(self) -> bool:
        return self._continues or super().continues

    def order(self, call: Call[T]) -> Sequence[Provider]:
        """Whom to ask, first things first."""
        return sorted(self.targets, key=lambda target: target.is_failing(call.model))

    def through(self, call: Call[T]) -> AsyncGenerator[T]:
        return self._mended(call) if self._continues else self._answered(call)

    async def _answered(
        self, call: Call[T], left: deque[Provider] | None = None
    ) -> AsyncGenerator[T]:
        """The answer of the first that says anything; takes those it asks from ``left``."""
        left = deque(self.order(call)) if left is None else left
        failed: list[PenstockError] = []
        while left:
            attempt = left.popleft().through(call)
            try:
                first = await anext(attempt)
            except PenstockError as error:
                note(call, error)
                failed.append(error)
                if not error.elsewhere:
                    break
                continue
            async with aclosing(attempt):
                yield first
                async for item in attempt:
                    yield item
            return
        raise telling(failed)

    async def _mended(self, call: Call[T]) -> AsyncGenerator[T]:
        """The same, and where that answer is cut, the next that is left goes on with it."""
        going = call if isinstance(call, Continued) else continued(call, self._refusing)
        is_first_to_hear = going is not call  # of routes within routes
        left = deque(self.order(call))
        failed: list[PenstockError] = []
        cut: PenstockError | None = None
        while True:
            spoke = False
            try:
                async with aclosing(self._answered(going, left)) as answer:
                    async for item in answer:
                        spoke = True
                        if is_first_to_hear:
                            going.spoken.hear(item)
                        yield item
                return
            except PenstockError as error:
                failed.append(error)
                cut = error if spoke else cut
                # One service has answered this very question, so that no refusal of it is final.
                if not left or cut is None or (spoke and not going.can_go_on(error)):
                    raise _with_others(cut or error, failed, "asked too") from None
                if spoke:
                    note(call, error, spoke=True)


def note(call: Call[T], error: PenstockError, spoke: bool = False) -> None:
    """Remember who was asked in vain, if that was not remembered already, further down. ``spoke``:
    not all in vain, what it said is part of the answer."""
    if error.noted:
        return
    error.noted = True
    target = "/".join(filter(None, (error.provider, error.model)))
    call.attempts.append(Attempt(target, type(error).__name__, spoke, error.usage))


def telling(failed: list[PenstockError]) -> PenstockError:
    """The error to raise for all of them: the last that is not the question's or the
    configuration's fault, if there is one. It says what the others were. Empties the list."""
    services = [error for error in failed if isinstance(error, ServiceError)]
    return _with_others((services or failed)[-1], failed, "asked before")


def _with_others(chosen: PenstockError, failed: list[PenstockError], when: str) -> PenstockError:
    others = [error for error in failed if error is not chosen]
    failed.clear()
    if others:
        chosen.others = (*others, *chosen.others)
        told = "; ".join(f"{error.provider}: {error.message[:_TOLD]}" for error in others)
        chosen.message = f"{chosen.message} ({when}: {told})"
        chosen.args = (chosen.message,)
    return chosen
