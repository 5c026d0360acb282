"""Rows under titles, and names in columns, on stdout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

from penstock.cli.terminal import in_one_line

_GAP = "  "


def print_table(titles: list[str], rows: list[list[str]], *, whole: bool = False) -> None:
    """Columns as wide as they must be. What a terminal has no room for is cut from the last ones;
    ``whole``: the last column stands below the others instead."""
    lines = _lines([titles, *rows])
    if whole and any(map(_is_cut, lines)):
        heads = _lines([cells[:-1] for cells in (titles, *rows)])
        lasts = [in_one_line(cells[-1]) for cells in (titles, *rows)]
        lines = [f"{head}\n    {last}" for head, last in zip(heads, lasts, strict=True)]
        print("\n".join(lines))
        return
    for line in lines:
        print(f"{line[: _room() - 1]}…" if _is_cut(line) else line)


def _lines(table: list[list[str]]) -> list[str]:
    table = [[in_one_line(cell) for cell in cells] for cells in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in table
    ]


def print_columns(names: Iterable[str]) -> None:
    """Names below each other, in as many columns as there is room for, indented."""
    listed = [in_one_line(name) for name in names]
    width = max(map(len, listed), default=0)
    columns = max(1, (_room() - len(_GAP)) // (width + len(_GAP)))
    height = -(-len(listed) // columns)
    for first in range(height):
        cells = (name.ljust(width) for name in listed[first::height])
        print(f"{_GAP}{_GAP.join(cells)}".rstrip())


def _is_cut(line: str) -> bool:
    """Whether a terminal is too narrow; a pipe gets all of it."""
    return len(line) > _room() and sys.stdout.isatty()


def _room() -> int:
    return shutil.get_terminal_size().columns - 1
