"""``Drain``: an answer that is read to its end though its caller has left."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic

from penstock import outcomes
from penstock.errors import ConfigError
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
        if most is not None and math.isnan(most):  # it would disorder all timers of the loop
            raise ConfigError("drain: most is no number; give seconds, or None")
        self.most = most

    async def through(self, call: Call[T]) -> AsyncGenerator[T]:
        ahead: _Ahead[T] = _Ahead()
        reader = asyncio.create_task(self._read(call, ahead))
        try:
            while (item := await ahead.get()) is not None:
                yield item
        finally:
            self._leave(reader, ahead)

    async def _read(self, call: Call[T], ahead: _Ahead[T]) -> None:
        outcomes.caller.set(ahead.caller)
        try:
            async with aclosing(self.targets[0].through(call)) as answer:
                async for item in answer:
                    await ahead.put(item)
        except BaseException as error:  # as if the caller had read it: also where this is cancelled
            ahead.end(error)
        else:
            ahead.end()

    def _leave(self, reader: asyncio.Task[None], ahead: _Ahead[T]) -> None:
        if reader.done():
            return
        ahead.leave()
        _reading.add(reader)
        reader.add_done_callback(_reading.discard)
        if self.most is not None:
            timer = asyncio.get_running_loop().call_later(self.most, reader.cancel)
            reader.add_done_callback(lambda _: timer.cancel())


class _Ahead(Generic[T]):
    """What was read and not yet taken, and how it ended."""

    __slots__ = ("_items", "_room", "caller")

    def __init__(self) -> None:
        self.caller = outcomes.Caller()
        self._items: asyncio.Queue[tuple[T | None, BaseException | None]] = asyncio.Queue()
        self._room = asyncio.Semaphore(_AHEAD)

    async def put(self, item: T) -> None:
        """One more, once there is room; none where the caller has left."""
        if not self.caller.left:
            await self._room.acquire()
            self._items.put_nowait((item, None))

    def end(self, error: BaseException | None = None) -> None:
        """Nothing follows; waits for no room, so that it is told though the reader is cancelled."""
        if not self.caller.left:
            self._items.put_nowait((None, error))

    async def get(self) -> T | None:
        """The next; ``None`` at the end. Raises what the answer failed with."""
        item, error = await self._items.get()
        self._room.release()
        try:
            if error is not None:
                raise error
            return item
        finally:
            del error  # which holds this frame

    def leave(self) -> None:
        """Nobody takes any more: lets go of a reader that waits for room."""
        self.caller.left = True
        self._room.release()


async def drained() -> None:
    """Wait for every answer of this loop that is read on."""
    loop = asyncio.get_running_loop()
    here = [task for task in tuple(_reading) if task.get_loop() is loop]
    if here:
        await asyncio.wait(here)
