"""``Budget``: how many retries there may be, so that asking again does not bury a service."""

from __future__ import annotations

_ROUNDING = 1e-9
"""What ten tenths lack of one."""


class Budget:
    """Retries are at most a ``ratio`` of the calls, and a small reserve for who asks seldom.

    A bucket of tokens: each call puts ``ratio`` of one in, up to ``most``; each retry takes one
    out. It begins with ``reserve`` tokens, and below that number one comes back every ``every``
    seconds. So in any time, however it is cut out: retries <= ``most`` + ``ratio`` x calls +
    seconds / ``every``; and from the beginning on, ``reserve`` stands in the place of ``most``.

    The model is Finagle's: a fifth of the requests on top of a reserve, and old credit that goes
    by and by (https://finagle.github.io/blog/2016/02/08/retry-budgets, read 2026-11-21). Its ten
    retries a second are too many for questions that take seconds and cost money.
    """

    __slots__ = ("_every", "_most", "_now", "_ratio", "_reserve", "_tokens")

    def __init__(
        self,
        ratio: float = 0.2,
        reserve: float = 10.0,
        most: float = 100.0,
        every: float = 6.0,
    ) -> None:
        self._ratio, self._reserve, self._every = ratio, reserve, every
        self._most = max(most, reserve)
        self._tokens = reserve
        self._now: float | None = None

    def deposit(self, now: float) -> None:
        """There is a call."""
        self._refill(now)
        self._tokens = min(self._tokens + self._ratio, self._most)

    def withdraw(self, now: float) -> bool:
        """Whether there may be a retry now; if so, it is taken to happen."""
        self._refill(now)
        if self._tokens < 1 - _ROUNDING:
            return False
        self._tokens -= 1
        return True

    def _refill(self, now: float) -> None:
        passed = 0.0 if self._now is None else max(now - self._now, 0.0)
        self._now = now
        if self._tokens < self._reserve:
            self._tokens = min(self._tokens + passed / self._every, self._reserve)
