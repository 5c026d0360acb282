"""Results as tests tell them, and a clock that stands until it is moved."""

from __future__ import annotations

from hypothesis import strategies as st

from penstock.health.results import Result, Thing, Verdict
from penstock.health.store import Store

THINGS: list[Thing] = ["chat", "stream", "embeddings", "tools", "json", "cancel"]
VERDICTS: list[Verdict] = ["worked", "failed", "limited", "unsupported", "unclear"]
NOW = 1_800_000_000.0


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def store(clock: Clock | None = None) -> Store:
    return Store(clock=clock or Clock())


def result(
    age: float = 0.0,
    verdict: Verdict = "worked",
    what: Thing = "stream",
    *,
    probe: bool = False,
    error: str = "",
    first: float | None = None,
    took: float = 0.0,
) -> Result:
    """A result that ended ``age`` seconds before the clock's first second."""
    return Result(
        at=NOW - age,
        what=what,
        verdict=verdict,
        error=error or ("Unavailable" if verdict == "failed" else ""),
        first=first,
        took=took,
        probe=probe,
    )


def results(within: float = 5000.0) -> st.SearchStrategy[Result]:
    """Any results of the last ``within`` seconds; many of the same instant."""
    return st.builds(
        result,
        st.integers(0, int(within)).map(float) | st.sampled_from([0.0, 1.0, 899.0, 900.0]),
        st.sampled_from(VERDICTS),
        st.sampled_from(THINGS),
        probe=st.booleans(),
        first=st.none() | st.floats(0, 60),
        took=st.floats(0, 60),
    )


def content(store: Store) -> dict[tuple[str, str], dict[Thing, tuple[Result, ...]]]:
    """All that a store holds."""
    return {pair: dict(tried) for pair, tried in store.items()}
