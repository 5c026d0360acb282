"""A loop whose time goes on only when nothing else is left to do, and then at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Does not wait: it tells how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise RuntimeError("nothing will ever happen again")
            self.now += max(timeout, 0.0)
        return found


class LeapingLoop(asyncio.SelectorEventLoop):
    """For programs without sockets and threads."""

    def __init__(self) -> None:
        self._leaping = _Selector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now


def leap(main: Coroutine[Any, Any, T]) -> T:
    """What ``main`` returns, in no time; whatever it has left running is an error."""

    async def alone() -> T:
        value = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return value

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(alone())
