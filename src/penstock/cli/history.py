"""What was typed before, in a file of one's own: a JSON string per line, the newest last."""

from __future__ import annotations

import json
import os
from pathlib import Path

_KEPT = 1000


def file() -> Path:
    """``penstock/history`` in the user's state folder."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "penstock" / "history"


def entries(path: Path) -> list[str]:
    """The last thousand entries, the newest last; none where the file cannot be read."""
    try:
        lines = path.read_text("utf-8").splitlines()[-_KEPT:]
    except (OSError, UnicodeDecodeError):
        return []
    return [entry for line in lines if (entry := _entry(line))]


def _entry(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    return entry if isinstance(entry, str) else ""


def add(path: Path, entry: str) -> None:
    """Append an entry; only the user may read the file. A conversation goes on without it where
    it cannot be written."""
    if not entry.strip():
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return
    with os.fdopen(descriptor, "a", encoding="utf-8") as target:
        target.write(json.dumps(entry) + "\n")
