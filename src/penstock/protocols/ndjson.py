"""Newline-delimited JSON: bytes in chunks of any size -> the lines, and back.

Lines end with LF or CRLF; blank lines are skipped; a last line without its end still counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.errors import MalformedStream
from penstock.protocols.sse import too_many

MAX_LINE = 8 * 1024 * 1024
"""Bytes that one line may have."""


class NDJSONDecoder:
    """Splits bytes into lines. ``pending`` counts the bytes of the line under way."""

    __slots__ = ("_parts", "pending")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that these bytes complete; after them ``MalformedStream`` if one is too
        long."""
        head, end, rest = data.rpartition(b"\n")
        lines: list[bytes] = []
        if end:
            lines = b"".join((*self._parts, head)).split(b"\n")
            self._parts, self.pending = [], 0
        if rest:
            self._parts.append(rest)
            self.pending += len(rest)
            if too_many(self._parts, self.pending):
                self._parts = [b"".join(self._parts)]
        return self._read(lines)

    def close(self) -> Iterator[bytes]:
        """A last line that has no line end."""
        rest = b"".join(self._parts)
        self._parts, self.pending = [], 0
        return self._read([rest])

    def _read(self, lines: Sequence[bytes]) -> Iterator[bytes]:
        for line in lines:
            _check(len(line))
            if line := line.strip():
                yield line
        _check(self.pending)


def _check(size: int) -> None:
    if size > MAX_LINE:
        raise MalformedStream(f"a line is longer than {MAX_LINE} bytes")


def encode_line(data: bytes) -> bytes:
    """A line that carries ``data``."""
    return data + b"\n"
