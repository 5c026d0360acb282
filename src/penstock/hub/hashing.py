"""The SHA-256 of a file, taken beside the loop, a stretch at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from penstock.hub.listing import File
from penstock.hub.progress import Checking, Report

T = TypeVar("T")

_BLOCK = 2**20
_STRETCH = 2**25


class Hash:
    """What the first ``done`` bytes of a file come to."""

    def __init__(self) -> None:
        self.done = 0
        self._sha256 = hashlib.sha256()

    def add(self, data: bytes | memoryview) -> None:
        self._sha256.update(data)
        self.done += len(data)

    def read_on(self, source: BinaryIO) -> bool:
        """Read the next stretch of ``source``, which is short enough to be waited for; whether
        there was any of it. Raises ``OSError``."""
        begun = self.done
        source.seek(begun)
        while self.done < begun + _STRETCH and (block := source.read(_BLOCK)):
            self.add(block)
        return self.done > begun

    def is_of(self, file: File) -> bool:
        """Whether these bytes are the hub's file, all of it."""
        return self.done == file.size and self._sha256.hexdigest() == file.sha256


async def catch_up(
    hashed: Hash, held: int, read_on: Callable[[], bool], size: int, report: Report
) -> None:
    """Hash what is on the disk already, ``held`` bytes of a file of ``size``."""
    while hashed.done < held:
        report(Checking(hashed.done, size))
        if not await in_thread(read_on):
            return


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Run what blocks. It is waited for even where the caller is cancelled meanwhile: nobody may
    close the file, or write to it, before it has ended."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
