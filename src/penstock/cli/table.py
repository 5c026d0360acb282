"""Rows under titles, on stdout."""

from __future__ import annotations

import shutil
import sys


def print_table(titles: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as they must be."""
    table = [titles, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(titles))]
    for row in table:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(_fitted("  ".join(padded).rstrip()))


def _fitted(line: str) -> str:
    """The line, cut at the edge of a terminal; a pipe gets all of it."""
    room = shutil.get_terminal_size().columns - 1
    return f"{line[: room - 1]}…" if len(line) > room and sys.stdout.isatty() else line
