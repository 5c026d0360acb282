"""``Balance``: several targets as one, and the question says which."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Literal, TypeAlias, get_args

from penstock.errors import ConfigError
from penstock.provider import Call, Provider, T
from penstock.routing import affinity
from penstock.routing.choice import Candidate, least_busy, ranked
from penstock.routing.expected_cost import expected_costs
from penstock.routing.fallback import Fallback
from penstock.routing.measured import Measured

By: TypeAlias = Literal["weight", "busy", "latency", "cost"]

_WITHIN = {"latency": 1.5, "cost": 1.01}
"""How many times the best is good enough."""
_EXPLORED = 0.05
"""Share of the questions that go by chance where the quickest is asked: it may be so no more."""


class Balance(Fallback):
    """A ``Fallback`` whose order is chosen for each question.

    ``by``: ``weight``, in proportion to ``weights`` (one for each target; all alike where there are
    none); ``busy``, where the least is under way for its weight; ``latency``, where answers begin
    soonest of late; ``cost``, where this question is cheapest by the public prices.

    ``affinity``: the questions of one conversation go to one target, so that its prompt cache is
    hit, as long as it is good enough: the conversation chooses among all (``weight``, ``busy``),
    those within 1.5 times the quickest, or within 1 % of the cheapest. A target that has more than
    ``bound`` times its fair share under way, and one, is passed over: the next in the
    conversation's order is asked, or the least busy.

    Targets that are known not to work come last. What is under way and how long it takes is
    measured here, and is shared by the copies that ``configured`` makes. ``continues``: see
    ``Fallback``. Raises ``ConfigError`` for a word or weights that are none.
    """

    targets: tuple[Measured, ...]

    def __init__(
        self,
        *targets: Provider,
        by: By = "weight",
        weights: Sequence[float] | None = None,
        affinity: bool = True,
        bound: float = 1.25,
        continues: bool = False,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if by not in get_args(By):
            raise ConfigError(f"by is {by!r}: use one of {', '.join(get_args(By))}")
        shares = _checked(weights, len(targets))
        timed = by == "latency"
        super().__init__(
            *(
                Measured(target, label, weight, timed, clock)
                for target, label, weight in zip(targets, _labels(targets), shares, strict=True)
            ),
            continues=continues,
        )
        self.by, self.affinity, self.bound = by, affinity, bound
        self._random = rng or random.Random()  # noqa: S311 - chance, not secrets

    def order(self, call: Call[T]) -> Sequence[Provider]:
        candidates = self._candidates(call)
        if self.by == "busy":
            best = least_busy(candidates, bound=self.bound, settled=self.affinity)
        else:
            within = _WITHIN.get(self.by)
            best = ranked(candidates, within=within, bound=self.bound, settled=self.affinity)
        return [self.targets[index] for index in best]

    def _candidates(self, call: Call[T]) -> list[Candidate]:
        return [
            Candidate(turn, target.weight, target.load.under_way, failing, standing)
            for target, turn, failing, standing in zip(
                self.targets,
                self._turns(call),
                (target.is_failing(call.model) for target in self.targets),
                self._standings(call),
                strict=True,
            )
        ]

    def _turns(self, call: Call[T]) -> list[float]:
        """By the conversation, or by chance; in proportion to the weights both ways."""
        request = call.request() if self.affinity else None
        if request is None or not request.messages:  # texts to embed are no conversation
            return [self._random.expovariate(target.weight) for target in self.targets]
        key = affinity.conversation(request)
        return [affinity.turn(key, target.label, target.weight) for target in self.targets]

    def _standings(self, call: Call[T]) -> list[float]:
        match self.by:
            case "latency" if self.affinity or self._random.random() >= _EXPLORED:
                return _known([target.usual(call) for target in self.targets])
            case "cost":
                return expected_costs(self.targets, call.model, call.request())
        return [0.0] * len(self.targets)


def _known(times: Sequence[float | None]) -> list[float]:
    """Where nothing is known of a target, it may be as good as the best."""
    best = min((seconds for seconds in times if seconds is not None), default=0.0)
    return [best if seconds is None else seconds for seconds in times]


def _labels(targets: Sequence[Provider]) -> list[str]:
    """A name for each; where several have the same, the second and later ones are numbered, by a
    sign that no name has."""
    names = [target.name for target in targets]
    seen = [names[:index].count(name) for index, name in enumerate(names)]
    return [f"{name}\0{n}" if n else name for name, n in zip(names, seen, strict=True)]


def _checked(weights: Sequence[float] | None, count: int) -> Sequence[float]:
    shares = [1.0] * count if weights is None else weights
    if len(shares) != count or not all(isfinite(share) and share > 0 for share in shares):
        raise ConfigError("weights: give one number above 0 for each target")
    return shares
