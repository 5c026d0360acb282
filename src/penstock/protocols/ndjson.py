"""Newline-delimited JSON: bytes in chunks of any size -> the lines, and back.

Lines end with LF or CRLF; blank lines are skipped; a last line without its end still counts.
"""

from __future__ import annotations

from penstock.errors import MalformedStream

MAX_LINE = 8 * 1024 * 1024
"""Bytes that one line may have."""


class NDJSONDecoder:
    """Splits bytes into lines. ``pending`` counts the bytes of the line under way."""

    __slots__ = ("_parts", "pending")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete."""
        head, end, rest = data.rpartition(b"\n")
        lines: list[bytes] = []
        if end:
            whole = b"".join((*self._parts, head))
            lines = [line for line in map(bytes.strip, whole.split(b"\n")) if line]
            self._parts, self.pending = [], 0
        if rest:
            self._parts.append(rest)
            self.pending += len(rest)
            if self.pending > MAX_LINE:
                raise MalformedStream(f"a line is longer than {MAX_LINE} bytes")
        return lines

    def close(self) -> list[bytes]:
        """A last line that has no line end."""
        rest = b"".join(self._parts).strip()
        self._parts, self.pending = [], 0
        return [rest] if rest else []


def encode_line(data: bytes) -> bytes:
    """A line that carries ``data``."""
    return data + b"\n"
