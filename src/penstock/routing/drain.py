"""``Drain``: an answer that is read to its end though its caller has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from penstock import outcomes
from penstock.errors import PenstockError
from penstock.provider import Call, Provider, T
from penstock.routing.routed import Routed

_AHEAD = 16
"""Items that may be read ahead of a slow caller."""

_reading: set[asyncio.Task[None]] = set()
"""Answers that nobody waits for any more; the loop itself holds tasks only weakly."""


class Drain(Routed):
    """Asks ``target``; where the caller leaves, the answer is read on, so that the service says
    itself what it cost, and the outcome says ``drained``.

    ``most``: for so many seconds after that, and then it is cut; ``None``: as long as the limits of
    the call allow. Whatever phase the call is in, it goes on: waiting between tries, connecting, or
    in the middle of the answer. Without ``Drain`` all of it is cut at once.
    """

    def __init__(self, target: Provider, most: float | None = None) -> None:
        super().__init__((target,))
        self.most = most

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        items: asyncio.Queue[tuple[T | None, BaseException | None]] = asyncio.Queue(_AHEAD)
        waiting = outcomes.Caller()
        reader = asyncio.create_task(self._read(call, items, waiting))
        try:
            while True:
                item, end = await items.get()
                if item is not None:
                    yield item
                elif end is None:
                    return
                else:
                    raise end
        finally:
            self._leave(reader, items, waiting)

    async def _read(
        self, call: Call[T], items: asyncio.Queue[Any], waiting: outcomes.Caller
    ) -> None:
        outcomes.caller.set(waiting)
        end: BaseException | None = None
        try:
            async with aclosing(self.targets[0].through(call)) as answer:
                async for item in answer:
                    if not waiting.left:
                        await items.put((item, None))
        except Exception as error:
            end = error
        if not waiting.left:
            await items.put((None, end))

    def _leave(
        self, reader: asyncio.Task[None], items: asyncio.Queue[Any], waiting: outcomes.Caller
    ) -> None:
        if reader.done():
            return
        waiting.left = True
        while not items.empty():  # lets go of a reader that waits for room
            items.get_nowait()
        _reading.add(reader)
        reader.add_done_callback(_reading.discard)
        if self.most is not None:
            timer = asyncio.get_running_loop().call_later(self.most, reader.cancel)
            reader.add_done_callback(lambda _: timer.cancel())


async def drained() -> None:
    """Wait for every answer of this loop that is read on."""
    loop = asyncio.get_running_loop()
    here = [task for task in _reading if task.get_loop() is loop]
    with suppress(asyncio.CancelledError, PenstockError):
        await asyncio.gather(*here, return_exceptions=True)
