"""``status``: what is known of a provider or of one of its models, to be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

from msgspec import Struct

from penstock.health import file, here
from penstock.health.results import ANSWERS, Result, Thing, Verdict, in_order
from penstock.health.standing import State
from penstock.health.store import Store, Tried

_THINGS: tuple[Thing, ...] = (*ANSWERS, "tools", "json", "cancel")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Named(Protocol):
    """What is asked of a provider here."""

    name: str
    working: ClassVar[bool]


class Times(Struct, frozen=True, kw_only=True):
    """Seconds: half of the tries took no longer than ``p50``, nineteen of twenty no longer than
    ``p95``."""

    p50: float
    p95: float

    def __str__(self) -> str:
        return f"{self.p50:.2f}/{self.p95:.2f} s"


class Trial(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one thing that was tried: the newest ``verdict``, its ``age`` in seconds and the
    class of its ``error``; of all the ``tries`` that worked, the times to the ``first`` word and to
    the end (``took``). ``probe``: the newest was ours."""

    what: Thing
    verdict: Verdict
    age: float
    tries: int
    error: str = ""
    first: Times | None = None
    took: Times | None = None
    probe: bool = False

    def __str__(self) -> str:
        why = f" ({self.error})" if self.error else ""
        times = "" if self.first is None else f", first word after {self.first}"
        whole = "" if self.took is None else f", whole after {self.took}"
        return f"{self.what}: {self.verdict}{why} {ago(self.age)}{times}{whole}"


class Status(Struct, frozen=True, kw_only=True):
    """How a model stands, or a provider, which works where one of its models does.

    ``state``: ``working``, ``failing`` or ``unknown``, as measured. ``declared``: what the author
    of its class wrote as ``working``; ``None`` where only a name was asked for. ``tried``: what it
    rests on, by the thing that was tried.
    """

    provider: str
    model: str = ""
    state: State = "unknown"
    declared: bool | None = None
    tried: tuple[Trial, ...] = ()

    @property
    def age(self) -> float | None:
        """Seconds since anything was tried; ``None``: nothing was."""
        return min((trial.age for trial in self.tried), default=None)

    @property
    def error(self) -> str:
        """The class of the last error of what it is there for; empty where the newest try had
        none."""
        answers = [trial for trial in self.tried if trial.what in ANSWERS]
        return min(answers, key=lambda trial: trial.age).error if answers else ""

    @property
    def name(self) -> str:
        """``provider/model``, or the provider's name alone."""
        return f"{self.provider}/{self.model}" if self.model else self.provider

    def __str__(self) -> str:
        """In words, a line for each thing that was tried."""
        declared = ", declared as not working" if self.declared is False else ""
        head = f"{self.name}: {self.state}{declared}"
        if not self.tried:
            return f"{head}; nothing was tried lately"
        return "\n".join([head, *(f"  {trial}" for trial in self.tried)])


def status(provider: Named | type[Named] | str, model: str = "") -> Status:
    """What is known of a provider, its class or its name, and of one ``model`` of it or of all.

    ``provider/model`` is a name too. Asks nobody: it is what came of the calls of this process, and
    what programs have noted in their file (see ``penstock status``). Raises nothing for a name that
    nobody knows: its state is ``unknown``.
    """
    file.load()
    if not isinstance(provider, str):
        return of(here, provider.name, model, provider.working)
    name, _, rest = provider.partition("/")
    return of(here, name, model or rest)


def of(store: Store, provider: str, model: str = "", declared: bool | None = None) -> Status:
    """What a store knows of a provider, or of one model of it."""
    models = [model] if model else store.models(provider)
    tried = [store.tried(provider, one) for one in models]
    now = store.clock()
    trials = (_trial(what, _all(tried, what), now) for what in _THINGS)
    return Status(
        provider=provider,
        model=model,
        state=_best([store.state(provider, one) for one in models]),
        declared=declared,
        tried=tuple(trial for trial in trials if trial),
    )


def _best(states: Sequence[State]) -> State:
    """A provider works where one of its models does, and fails where no other is known to work."""
    order: tuple[State, ...] = ("working", "failing")
    return next((state for state in order if state in states), "unknown")


def _all(tried: Iterable[Tried], what: Thing) -> list[Result]:
    return in_order(result for results in tried for result in results.get(what, ()))


def _trial(what: Thing, results: list[Result], now: float) -> Trial | None:
    if not results:
        return None
    last, worked = results[-1], [result for result in results if result.verdict == "worked"]
    return Trial(
        what=what,
        verdict=last.verdict,
        age=max(now - last.at, 0.0),
        tries=len(results),
        error=last.error,
        first=_times([result.first for result in worked if result.first is not None]),
        took=_times([result.took for result in worked]),
        probe=last.probe,
    )


def _times(seconds: list[float]) -> Times | None:
    return Times(p50=_rank(seconds, 0.5), p95=_rank(seconds, 0.95)) if seconds else None


def _rank(values: list[float], share: float) -> float:
    """The smallest value that is not below that share of them (the nearest rank)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def ago(seconds: float) -> str:
    """An age in the largest unit that it fills.

    >>> ago(90)
    '1 min ago'
    """
    for unit, size in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
