"""One process at a time works at a file; the next is told so instead of being made to wait.

The lock is the system's, so that it ends with its process however that ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock.errors import CallerError
from penstock.hub import disk

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    _TAKEN: tuple[type[OSError], ...] = (PermissionError,)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _TAKEN: tuple[type[OSError], ...] = (BlockingIOError,)


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Nobody else works at ``path`` within the block. Raises ``CallerError`` where somebody does,
    ``ConfigError`` where its folder cannot be written to."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = _acquire(lock)
    except _TAKEN:
        raise CallerError(
            f"{path.name} is being pulled already, by another process; wait until that has ended"
        ) from None
    except OSError as error:
        raise disk.failure(error, path.parent) from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            lock.unlink()
        os.close(descriptor)


def _acquire(lock: Path) -> int:
    """The lock's descriptor. Whoever held it last has removed the file: one that is no longer
    there under its name locks nobody out, and is taken anew."""
    while True:
        descriptor = disk.itself(str(lock), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(descriptor)
            if lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        except BaseException as error:
            os.close(descriptor)
            if not isinstance(error, FileNotFoundError):
                raise
        else:
            os.close(descriptor)
