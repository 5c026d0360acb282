"""The engine's child processes, seen from outside, in ``/proc``."""

from __future__ import annotations

import os
import time
from pathlib import Path

_WITHIN = 5.0


def of_this_process() -> list[int]:
    """The process ids of our engines that run."""
    found = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in found if _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:  # it has ended meanwhile
        return False
    return b"engine/child.py" in command and int(parent) == os.getpid() and state != "Z"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Whether the process ends soon."""
    deadline = time.monotonic() + _WITHIN
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
