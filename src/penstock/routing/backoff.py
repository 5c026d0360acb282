"""How long to wait before asking again."""

from __future__ import annotations

from collections.abc import Callable

FIRST = 0.5
"""Seconds at most before the first retry; twice as many before each further one."""
LONGEST = 8.0
"""Seconds at most before any."""


def backoff(tries: int, random: Callable[[], float]) -> float:
    """Seconds before retry number ``tries``, which is 1 or more: anything between none and the
    most, so that those who failed together do not come back together ("full jitter",
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    ``random`` brings numbers from 0 up to 1.
    """
    most = FIRST * 2.0 ** min(tries - 1, 16)
    return random() * min(most, LONGEST)
