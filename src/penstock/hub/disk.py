"""What a disk says, in words that help."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

from penstock.errors import ConfigError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FOREIGN = (errno.ELOOP, errno.ENXIO)
_ITSELF = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def make_room(folder: Path, needed: int) -> None:
    """Make the folder. Raises ``ConfigError`` where it cannot be, or where ``needed`` bytes do not
    fit on its disk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise failure(error, folder) from None
    if free < needed:
        raise ConfigError(
            f"the disk of {folder} has {megabytes(free)} free, and {megabytes(needed)} are needed; "
            "free some room, or set PENSTOCK_MODELS to a folder elsewhere"
        )


def itself(path: str, flags: int, mode: int = 0o666) -> int:
    """An opener of files that others may have put something in the place of: it follows no link and
    takes nothing but a file. Raises ``OSError``."""
    descriptor = os.open(path, flags | _ITSELF, mode)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def failure(error: OSError, folder: Path, missing: int = 0) -> ConfigError:
    """The error of ours for one of the disk's, with ``missing`` bytes still to be written."""
    if error.errno in _FULL:
        return ConfigError(
            f"the disk of {folder} is full, and {megabytes(missing)} more are needed; what came is "
            "kept: free some room and run the same command again"
        )
    if error.errno in _FOREIGN:
        return ConfigError(
            f"{error.filename or folder} is a link or no file, and penstock did not put it there; "
            "remove it and run the same command again"
        )
    why = os.strerror(error.errno).lower() if error.errno else "it failed"
    return ConfigError(f"{folder} cannot be used: {why}; set PENSTOCK_MODELS to one that can")


def megabytes(size: int) -> str:
    """A size as hubs write it: a MB has a million bytes."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{-(-size // 10**6)} MB"
