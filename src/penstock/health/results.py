"""``Result``: what one try of one model came to, by a call of somebody's or by a probe of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, overload

from msgspec import Struct

from penstock import outcomes
from penstock.outcomes import Outcome

Thing: TypeAlias = Literal["chat", "stream", "embeddings", "tools", "json", "cancel"]
"""What is tried: a whole answer, one in pieces, vectors, a tool's call, an answer in JSON, and to
leave in the middle."""
Verdict: TypeAlias = Literal["worked", "failed", "limited", "unsupported", "unclear"]
"""``limited``: the service has enough of us, and may work for others; ``unsupported``: this model
cannot do it; ``unclear``: the try says nothing of it."""

ANSWERS: tuple[Thing, ...] = ("chat", "stream", "embeddings")
"""What a model is there for: whether it works is judged by these."""
KEPT = 32
"""How many results of one thing are kept."""

_OURS = frozenset(("Unauthorized", "ConfigError", "MissingExtra", "UnknownModel"))
"""Refusals that the next question meets too, whatever it is."""


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """``at``: when it ended, in seconds since the epoch. ``first`` and ``took``: seconds to the
    first word (``None``: there was none) and to the end. ``error``: the class of the error.
    ``probe``: nobody asked but us."""

    at: float
    what: Thing
    verdict: Verdict
    error: str = ""
    first: float | None = None
    took: float = 0.0
    probe: bool = False

    @property
    def is_conclusive(self) -> bool:
        """Whether it says that the model works, or that it does not."""
        return self.verdict in ("worked", "failed")


def of(outcome: Outcome) -> Result | None:
    """What an outcome says of its model; ``None`` where that is nothing: the caller left, or the
    question was wrong."""
    verdict = verdict_of(outcome.state, outcome.error)
    if outcome.kind == "models" or verdict == "unclear":
        return None
    answer: Thing = "stream" if outcome.stream else "chat"
    return Result(
        at=outcome.began + outcome.took,
        what="embeddings" if outcome.kind == "embeddings" else answer,
        verdict=verdict,
        error=outcome.error,
        first=rounded(outcome.first),
        took=rounded(outcome.took),
    )


def verdict_of(state: outcomes.State, error: str) -> Verdict:
    """What an end, and the class of its error, say of who was asked."""
    match state:
        case "complete" | "drained":
            return "worked"
        case "failed" if error == "RateLimited":
            return "limited"
        case "failed" | "timeout":
            return "failed"
        case "refused" if error in _OURS:
            return "failed"
        case _:
            return "unclear"


@overload
def rounded(seconds: float) -> float: ...
@overload
def rounded(seconds: float | None) -> float | None: ...
def rounded(seconds: float | None) -> float | None:
    """No more digits than mean anything."""
    return None if seconds is None else round(seconds, 4)


def newest(kept: tuple[Result, ...], more: Iterable[Result]) -> tuple[Result, ...]:
    """The last ``KEPT`` of both, each once, the newest last; ``more`` comes in any order."""
    more = tuple(more)
    if len(more) == 1 and (not kept or _order(kept[-1]) < _order(more[0])):  # as nearly always
        return (*kept, *more)[-KEPT:]
    return tuple(sorted({*kept, *more}, key=_order)[-KEPT:])


def in_order(results: Iterable[Result]) -> list[Result]:
    """The newest last."""
    return sorted(results, key=_order)


def _order(result: Result) -> tuple[float, str, str, str, float, float, bool]:
    """By time. Of two that ended at the same instant, a success is the last; all else only makes
    one order of them."""
    first = -1.0 if result.first is None else result.first
    return (
        result.at,
        result.verdict,
        result.what,
        result.error,
        result.took,
        first,
        result.probe,
    )
