"""The JSON array that Gemini streams where no ``alt=sse`` was asked: bytes -> its elements.

    [{
      "candidates": […]
    }
    ,
    {…}
    ]

``Chunks`` reads either framing, by the first byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from penstock.errors import MalformedStream
from penstock.protocols.sse import MAX_EVENT, SSEDecoder

_BETWEEN = re.compile(rb"[^\s,]")
_INSIDE = re.compile(rb'["{}\[\]](?:(?<=")(?:[^"\\]++|\\.)*+")?', re.DOTALL)
"""A bracket, a whole string, or the quote of one that goes on."""
_STRING = re.compile(rb'["\\]')


class ArrayDecoder:
    """Splits what follows the ``[`` of a top-level array into the objects in it. ``closed``: its
    ``]`` was seen, the array's own end. ``pending`` counts the bytes of the object under way."""

    __slots__ = ("_depth", "_in_string", "_parts", "_skip", "closed", "pending")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._depth = 0
        self._in_string = False
        self._skip = 0
        self.closed = False
        self.pending = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The objects that these bytes complete; after them ``MalformedStream`` if one is too
        long, or something else stands in the array."""
        start = 0
        for end in self._ends(data):
            if self._depth:
                start = end
                continue
            yield self._element(data[start:end])
        if self._depth:
            self._parts.append(data[start:])
            self.pending += len(data) - start
            _check(self.pending)

    def _ends(self, data: bytes) -> Iterator[int]:
        """Where each object begins (its depth is 1 then), and where it ends (0)."""
        at, self._skip = self._skip, 0
        while not self.closed and (found := self._pattern().search(data, at)):
            at = found.end()
            mark = found[0]
            if self._in_string:
                self._in_string = mark != b'"'
                at += mark == b"\\"  # whatever it escapes is text
            elif not self._depth:
                yield from self._between(mark, at - 1)
            elif mark.startswith(b'"'):
                self._in_string = len(mark) == 1
            elif mark in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    yield at
        self._skip = max(0, at - len(data))

    def _pattern(self) -> re.Pattern[bytes]:
        if self._in_string:
            return _STRING
        return _INSIDE if self._depth else _BETWEEN

    def _between(self, mark: bytes, at: int) -> Iterator[int]:
        if mark == b"]":
            self.closed = True
        elif mark == b"{":
            self._depth = 1
            yield at
        else:
            raise MalformedStream("the service's array holds something that is no object")

    def _element(self, rest: bytes) -> bytes:
        element = b"".join((*self._parts, rest))
        self._parts, self.pending = [], 0
        _check(len(element))
        return element

    def close(self) -> Iterator[bytes]:
        """Nothing: an object is whole only at its own end."""
        return iter(())


def _check(size: int) -> None:
    if size > MAX_EVENT:
        raise MalformedStream(f"an element is longer than {MAX_EVENT} bytes")


class Chunks:
    """The frames of either kind of stream: an array where the first visible byte says so, else
    server-sent events."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: SSEDecoder | ArrayDecoder | None = None

    @property
    def pending(self) -> int:
        return self._frames.pending if self._frames is not None else 0

    @property
    def is_array(self) -> bool:
        return isinstance(self._frames, ArrayDecoder)

    @property
    def closed(self) -> bool:
        """Whether the frames themselves have ended."""
        return isinstance(self._frames, ArrayDecoder) and self._frames.closed

    def feed(self, data: bytes) -> Iterable[bytes]:
        if self._frames is None:
            if not data:
                return ()
            self._frames = ArrayDecoder() if data.startswith(b"[") else SSEDecoder()
            data = data.removeprefix(b"[") if self.is_array else data
        return self._frames.feed(data)

    def close(self) -> Iterable[bytes]:
        return self._frames.close() if self._frames is not None else ()
