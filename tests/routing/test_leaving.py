"""Left at any moment, in any way, a route of any shape leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import pytest

from penstock.errors import StreamTruncated, Unavailable
from penstock.events import Event, Finish, Start, TextDelta
from penstock.routing.balance import Balance
from penstock.routing.breaker import Breaker
from penstock.routing.drain import Drain, drained
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.routing.retry import Retry
from penstock.routing.routed import Routed
from penstock.routing.within import Within
from penstock.types import ChatRequest
from routing.leaping import leap
from routing.played import HI, Played, Script

Leaving: TypeAlias = Literal["cancelled", "cancelled twice", "closed", "forgotten"]

wait = partial(asyncio.sleep, 0.3)
stay = partial(asyncio.sleep, 1e6)


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


class Slow(Played):
    """It takes a while to close. ``open``: answers that are not closed, of all of them."""

    open = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        Slow.open += 1
        try:
            async for event in super().stream(request):
                yield event
        finally:
            try:
                await asyncio.sleep(0.01)
            finally:
                Slow.open -= 1


WORDS: Script = [TextDelta("The gate "), turns, TextDelta("is open")]


def well() -> Slow:
    return Slow([turns, Start("1"), wait, *WORDS, wait, Finish("stop")])


def cut() -> Slow:
    return Slow([turns, Start("1"), *WORDS, StreamTruncated])


def bad() -> Slow:
    return Slow([turns, Unavailable], [wait, Start("2"), Unavailable])


def still() -> Slow:
    return Slow([turns, Start("3"), stay])


hedge: Callable[..., Hedge] = partial(Hedge, share=1.0, after=0.1)
mended: Callable[..., Fallback] = partial(Fallback, continues=True)

SHAPES: dict[str, Callable[[], Routed]] = {
    "all": lambda: Drain(Within(Retry(hedge(Breaker(bad()), Breaker(well()))), 50)),
    "pools": lambda: Retry(mended(Balance(cut(), cut()), Balance(bad(), well()))),
    "read ahead": lambda: Within(mended(Drain(mended(cut(), cut())), hedge(bad(), well())), 20),
    "races": lambda: hedge(hedge(still(), well()), Drain(bad()), Retry(bad(), times=3)),
    "deadlines": lambda: Within(Breaker(Retry(Within(still(), 1.0))), 5.0),
    "drains": lambda: Drain(Drain(hedge(cut(), still()), 2.0), 3.0),
    "cuts": lambda: mended(hedge(cut(), cut()), Within(hedge(still(), bad(), well()), 30)),
}


async def read(route: Routed, heard: list[Event], most: int, is_closed: bool) -> None:
    events = route.stream(HI)
    try:
        async for event in events:
            heard.append(event)
            if len(heard) == most:
                break
    finally:
        if is_closed:
            await events.aclose()


async def leave(route: Routed, leaving: Leaving, nth: int) -> None:
    """Cancelled in the ``nth`` turn of the loop, or left after so many events."""
    wrong: list[dict[str, Any]] = []
    heard: list[Event] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: wrong.append(what))
    most = 0 if leaving.startswith("cancelled") else nth + 1
    task = asyncio.create_task(read(route, heard, most, leaving != "forgotten"))
    if not most:
        for _ in range(nth):
            await asyncio.sleep(0 if nth % 3 else 0.05)
        for _ in leaving.split():
            task.cancel()
            await asyncio.sleep(0)
    await asyncio.wait([task])
    task.cancelled() or task.exception()
    del task
    gc.collect(1)
    await drained()
    await asyncio.sleep(5)
    assert sum(isinstance(event, Start) for event in heard) <= 1
    assert (Slow.open, wrong) == (0, [])


@pytest.mark.parametrize("leaving", ["cancelled", "cancelled twice", "closed", "forgotten"])
@pytest.mark.parametrize("build", SHAPES.values(), ids=SHAPES)
def test_nothing_is_left(build: Callable[[], Routed], leaving: Leaving) -> None:
    for nth in range(40 if leaving.startswith("cancelled") else 5):
        leap(leave(build(), leaving, nth))
