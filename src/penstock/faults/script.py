"""What a service does on one connection, step by step.

A script is a sequence of bytes, which are sent as they are, and of steps:

    FIN                  the ordinary end of a connection
    RST                  the rude one
    STAY                 silence, until the peer leaves
    Wait(seconds)        silence, for a while
    Repeat(data, times)  the same bytes so many times, as fast as the peer takes them
    Flood(data)          the same, without end
    Drip(data, every)    the same, one each so many seconds, without end
    Bytewise(data)       every byte in a write of its own
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct


class Wire(Protocol):
    """The connection that a script is played on."""

    async def send(self, data: bytes) -> None:
        """Hand bytes to the kernel; waits while the peer does not read."""
        ...

    def finish(self) -> None:
        """Send FIN."""
        ...

    def reset(self) -> None:
        """Send RST."""
        ...


class Step:
    """What a script does beside sending bytes."""

    async def play(self, wire: Any) -> None:
        """Do it; returns when it is done. ``wire`` is a ``Wire``, or what else a step of somebody's
        own knows it to be."""
        raise NotImplementedError


Script: TypeAlias = Sequence[bytes | Step]
"""What is done, in order."""


async def play(script: Script, wire: Wire) -> None:
    """Play a whole script."""
    for step in script:
        if isinstance(step, bytes):
            await wire.send(step)
        else:
            await step.play(wire)


class _Fin(Step):
    async def play(self, wire: Wire) -> None:
        wire.finish()


class _Rst(Step):
    async def play(self, wire: Wire) -> None:
        wire.reset()


class _Stay(Step):
    async def play(self, wire: Wire) -> None:
        await asyncio.Event().wait()


FIN, RST, STAY = _Fin(), _Rst(), _Stay()
"""The ordinary end of a connection, the rude one, and silence until the peer leaves."""


class Wait(Struct, Step, frozen=True):
    """Silence for so many ``seconds``."""

    seconds: float

    async def play(self, wire: Wire) -> None:
        await asyncio.sleep(self.seconds)


class Repeat(Struct, Step, frozen=True):
    """The same bytes, ``times`` times; nothing is held but them."""

    data: bytes
    times: int

    async def play(self, wire: Wire) -> None:
        for _ in range(self.times):
            await wire.send(self.data)
            await asyncio.sleep(0)


class Flood(Struct, Step, frozen=True):
    """The same bytes again and again, as fast as the peer takes them."""

    data: bytes

    async def play(self, wire: Wire) -> None:
        while True:
            await wire.send(self.data)
            await asyncio.sleep(0)


class Drip(Struct, Step, frozen=True):
    """The same bytes again and again, ``every`` so many seconds."""

    data: bytes
    every: float

    async def play(self, wire: Wire) -> None:
        while True:
            await wire.send(self.data)
            await asyncio.sleep(self.every)


def _as_it_is(data: bytes) -> bytes:
    return data


class Bytewise(Struct, Step, frozen=True):
    """Every byte in a write of its own, ``every`` so many seconds; ``framed`` makes of it what is
    sent."""

    data: bytes
    every: float = 0.0
    framed: Callable[[bytes], bytes] = _as_it_is

    async def play(self, wire: Wire) -> None:
        for byte in self.data:
            await wire.send(self.framed(bytes((byte,))))
            await asyncio.sleep(self.every)
