"""What a disk says, in words that help."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from penstock.errors import ConfigError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


def failure(error: OSError, folder: Path, missing: int = 0) -> ConfigError:
    """The error of ours for one of the disk's, with ``missing`` bytes still to be written."""
    if error.errno in _FULL:
        return ConfigError(
            f"the disk of {folder} is full, and {megabytes(missing)} more are needed; what came is "
            "kept: free some room and run the same command again"
        )
    why = os.strerror(error.errno).lower() if error.errno else "it failed"
    return ConfigError(f"{folder} cannot be used: {why}; set PENSTOCK_MODELS to one that can")


def megabytes(size: int) -> str:
    """A size as hubs write it: a MB has a million bytes."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{-(-size // 10**6)} MB"
