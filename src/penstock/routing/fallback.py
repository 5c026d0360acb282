"""``Fallback``: one target after the other, until one answers."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from penstock.errors import PenstockError, ServiceError, Unavailable
from penstock.events import Attempt
from penstock.provider import Call, Provider, T
from penstock.routing.continuation import continued
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
            failed.clear()  # each holds this frame
            async with aclosing(attempt):
                yield first
                async for item in attempt:
                    yield item
            return
        raise telling(failed)

    async def _mended(self, call: Call[T]) -> AsyncGenerator[T]:
        """The same, and where that answer is cut, the next that is left goes on with it."""
        going = continued(call, self._refusing)
        left = deque(self.order(call))
        failed: list[PenstockError] = []
        cuts: list[PenstockError] = []
        while True:
            spoke = False
            try:
                async with aclosing(self._answered(going, left)) as answer:
                    async for item in answer:
                        spoke = True
                        going.spoken.hear(item)
                        yield item
                failed.clear()
                cuts.clear()
                return
            except PenstockError as error:
                failed.append(error)
                if spoke:
                    cuts.append(error)
                # One service has answered this very question, so that no refusal of it is final.
                if not left or not cuts or (spoke and not going.can_go_on(error)):
                    raise _cut(cuts, failed, error.noted or not spoke) from None
                if spoke:
                    note(call, error, spoke=True)


def note(call: Call[T], error: PenstockError, spoke: bool = False) -> None:
    """Remember who was asked in vain, if that was not remembered already, further down. ``spoke``:
    not all in vain, what it said is part of the answer."""
    if not error.noted:
        call.attempts.append(Attempt(_who(error), type(error).__name__, spoke, error.usage))


def _who(error: PenstockError) -> str:
    return "/".join(filter(None, (error.provider, error.model)))


def _rests(error: PenstockError) -> bool:
    """Whether a breaker said it, and no service."""
    return isinstance(error, Unavailable) and error.status is None


def telling(failed: list[PenstockError]) -> PenstockError:
    """The error to raise for all of them, who are noted: the last that is not the question's or the
    configuration's fault, if there is one, and rather of who was asked than of who rests. It says
    what the others were. Empties the list."""
    services = [error for error in failed if isinstance(error, ServiceError)]
    answered = [error for error in services if not _rests(error)]
    return _with_others((answered or services or failed)[-1], failed, "asked before", noted=True)


def _cut(cuts: list[PenstockError], failed: list[PenstockError], noted: bool) -> PenstockError:
    """The same, where the last cut goes before all that failed to mend it."""
    chosen = (cuts or failed)[-1]
    cuts.clear()
    return _with_others(chosen, failed, "asked too", noted=noted)


def _with_others(
    chosen: PenstockError, failed: list[PenstockError], when: str, *, noted: bool
) -> PenstockError:
    others = [error for error in failed if error is not chosen]
    failed.clear()  # each holds the frame that holds them
    error = _copy(chosen)
    error.noted = noted
    if others:
        error.others = (*others, *chosen.others)
        told = "; ".join(f"{_who(other)}: {other.message[:_TOLD]}" for other in others)
        error.message = f"{chosen.message} ({when}: {told})"
        error.args = (error.message,)
    return error


def _copy(error: PenstockError) -> PenstockError:
    """Another object of the same failure: whoever raised this one may keep it and raise it again,
    in calls that have nothing to do with this one."""
    other = type(error).__new__(type(error), *error.args)
    vars(other).update(vars(error))
    other.__cause__ = error.__cause__
    return other.with_traceback(error.__traceback__)
