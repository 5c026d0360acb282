"""``Store``: the last results of every model, and what they amount to."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from penstock.health import results
from penstock.health.results import ANSWERS, KEPT, Result, Thing, Verdict
from penstock.health.standing import RULES, Rules, State, failing_until, state_of
from penstock.outcomes import Kind, Outcome

Pair: TypeAlias = tuple[str, str]
"""The names of a provider and of a model of its."""
Tried: TypeAlias = Mapping[Thing, tuple[Result, ...]]

PAIRS = 2000
"""Models that are remembered; past that, the tenth that was silent longest is forgotten."""
_SPARED = PAIRS - PAIRS // 10
_NAME = 256
"""Characters of the longest name that is remembered: callers may ask for any."""
_AT_ONCE = 64
"""Models, each with the way it was asked, whose successes wait to be taken."""
_AHEAD = 60.0
"""Seconds by which another process's clock may be ahead of ours."""


class Store:
    """Takes outcomes, and the verdicts of probes; says how each model stands.

    A pure state machine but for ``clock``, in seconds since the epoch. What it holds depends on
    what it was told and not on the order, until there is too much. Values are replaced and never
    changed, so that threads need no lock: of two results told in the same instant one may be lost,
    at worst.
    """

    def __init__(self, rules: Rules = RULES, clock: Callable[[], float] = time.time) -> None:
        self.rules = rules
        self.clock = clock
        self._tried: dict[Pair, Tried] = {}
        self._failing: dict[Pair, float] = {}
        self._waiting: dict[tuple[str, str, Kind, bool], deque[Outcome]] = {}

    def observe(self, outcome: Outcome) -> None:
        """Take the outcome of a call. Those of probes are left to ``add``: who probes knows better
        what it means."""
        if outcome.probe or (outcome.own_key and outcome.state == "refused"):
            return
        if outcome.state == "complete" and (outcome.provider, outcome.model) not in self._failing:
            self._keep(outcome)
            return
        self._catch_up()
        self._take((outcome,))
        self._forget()

    def _keep(self, outcome: Outcome) -> None:
        """A success makes nobody fail, and most calls are one: it waits as it is until somebody
        looks, and is pushed out by then if so many others have ended after it."""
        asked = outcome.provider, outcome.model, outcome.kind, outcome.stream
        try:
            self._waiting[asked].append(outcome)
        except KeyError:
            self._waiting[asked] = deque((outcome,), KEPT)
            if len(self._waiting) > _AT_ONCE:
                self._catch_up()

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes of one model."""
        provider, model = outcomes[0].provider, outcomes[0].model
        if max(len(provider), len(model)) <= _NAME:
            found = map(results.of, outcomes)
            self._add((provider, model), [result for result in found if result is not None])

    def _catch_up(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            for outcomes in list(waiting.values()):  # another thread may be about to add to them
                self._take(tuple(outcomes))
            self._forget()

    def probed(
        self,
        provider: str,
        model: str,
        what: Thing,
        verdict: Verdict,
        *,
        error: str = "",
        first: float | None = None,
        took: float = 0.0,
    ) -> Result:
        """Take what a probe came to, just now."""
        result = Result(
            at=self.clock(),
            what=what,
            verdict=verdict,
            error=error,
            first=results.rounded(first),
            took=results.rounded(took),
            probe=True,
        )
        self.add(provider, model, result)
        return result

    def add(self, provider: str, model: str, *more: Result) -> None:
        """Take results of one model."""
        self._catch_up()
        if max(len(provider), len(model)) <= _NAME:
            self._add((provider, model), more)
            self._forget()

    def _add(self, pair: Pair, more: Sequence[Result]) -> None:
        known, end = self._tried.get(pair, {}), self.clock() + _AHEAD
        added = _by_what(one for one in more if one.at <= end)
        if not added:
            return
        tried = {
            what: results.newest(_until(end, known.get(what, ())), added[what]) for what in added
        }
        self._tried[pair] = tried = {**known, **tried}
        if pair in self._failing or any(one.verdict != "worked" for one in more):
            self._judge(pair, tried)  # a success alone makes nobody fail

    def _judge(self, pair: Pair, tried: Tried) -> None:
        until = failing_until(self._answers(tried), self.rules)
        if until > 0:
            self._failing[pair] = until
        else:
            self._failing.pop(pair, None)

    def _answers(self, tried: Tried) -> list[Result]:
        end = self.clock() + _AHEAD
        return [one for what in ANSWERS for one in _until(end, tried.get(what, ()))]

    def _forget(self) -> None:
        if len(self._tried) <= PAIRS:
            return
        heard = {pair: _last(tried) for pair, tried in list(self._tried.items())}
        for pair in sorted(heard, key=lambda pair: (heard[pair], pair))[:-_SPARED]:
            self._tried.pop(pair, None)
            self._failing.pop(pair, None)

    def merge(self, other: Store, oldest: float = 0.0) -> None:
        """Take all that another store holds, but for what ended before ``oldest``."""
        self._catch_up()
        for (provider, model), tried in other.items():
            fresh = [one for kept in tried.values() for one in kept if one.at >= oldest]
            if fresh:
                self._add((provider, model), fresh)
        self._forget()

    def items(self) -> Iterator[tuple[Pair, Tried]]:
        """Every model, with its last results by what was tried."""
        self._catch_up()
        yield from list(self._tried.items())

    def tried(self, provider: str, model: str) -> Tried:
        """The last results of one model by what was tried, the newest last."""
        self._catch_up()
        return self._tried.get((provider, model), {})

    def models(self, provider: str) -> list[str]:
        """The models of a provider that anything is known of."""
        self._catch_up()
        return sorted(model for name, model in list(self._tried) if name == provider)

    def state(self, provider: str, model: str) -> State:
        """How one model stands by now."""
        return state_of(self._answers(self.tried(provider, model)), self.clock(), self.rules)

    def is_failing(self, provider: str, model: str) -> bool:
        """Whether that model is known not to work; asked with every question that has a choice, so
        that it is a look into a dict, and no more."""
        until = self._failing.get((provider, model))
        return until is not None and until > self.clock()


def _by_what(more: Iterable[Result]) -> dict[Thing, list[Result]]:
    found: dict[Thing, list[Result]] = {}
    for result in more:
        found.setdefault(result.what, []).append(result)
    return found


def _until(end: float, kept: tuple[Result, ...]) -> tuple[Result, ...]:
    """None of the future: where a clock was put back, they would stand before what happens now."""
    if not kept or kept[-1].at <= end:
        return kept
    return tuple(one for one in kept if one.at <= end)


def _last(tried: Tried) -> float:
    return max(kept[-1].at for kept in tried.values())
