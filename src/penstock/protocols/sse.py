"""Server-sent events: bytes in chunks of any size -> the ``data`` of each event, and back.

Follows the WHATWG "event stream interpretation": lines end with CR, LF or CRLF and nothing else
(U+2028 is text), fields are split at the first colon, one space after it is dropped, several
``data`` lines are joined by LF. Two departures, both seen in recorded traffic: an event without
its closing blank line still counts when the bytes end, and a field name may be indented. The
``event`` field is not kept: every chat protocol says the type in its data too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from penstock.errors import MalformedStream

MAX_EVENT = 8 * 1024 * 1024
"""Bytes that one event may have; more is an attack or a broken service."""

_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"
_EVENT_END = re.compile(_LINE_END + _LINE_END)
_LINE = re.compile(_LINE_END)
_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Splits bytes into events. ``pending`` counts the bytes of the event under way."""

    __slots__ = ("_begun", "_parts", "pending")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The ``data`` of each event that these bytes complete."""
        if self.pending:
            if b"\n" not in data and b"\r" not in data:
                return self._keep(data)
            self._parts.append(data)
            data = b"".join(self._parts)
        if not self._begun:
            if len(data) < 3 and _BOM.startswith(data):
                return self._hold(data)
            data = data.removeprefix(_BOM)
            self._begun = True
        if b"\r" in data:
            events = _EVENT_END.split(data)
            self._hold(events.pop())
        else:
            events = data.split(b"\n\n")
            self._hold(events.pop())
            # The usual event is one line: two line ends for each event and none elsewhere.
            if data.count(b"\n") == 2 * len(events) and _are_plain(events):
                return [event[6:] for event in events]
        return [value for event in events if (value := _event_data(event)) is not None]

    def close(self) -> list[bytes]:
        """The ``data`` of an event that the end of the bytes completes."""
        rest = b"".join(self._parts)
        self._hold(b"")
        value = _event_data(rest)
        return [] if value is None else [value]

    def _hold(self, rest: bytes) -> list[bytes]:
        self._parts = []
        self.pending = 0
        return self._keep(rest)

    def _keep(self, rest: bytes) -> list[bytes]:
        if rest:
            self._parts.append(rest)
            self.pending += len(rest)
            if self.pending > MAX_EVENT:
                raise MalformedStream(f"an event is longer than {MAX_EVENT} bytes")
        return []


def _are_plain(events: Sequence[bytes]) -> bool:
    return all(event.startswith(b"data: ") for event in events)


def _event_data(event: bytes) -> bytes | None:
    values = [
        line[5:].removeprefix(b" ")
        for line in map(bytes.lstrip, _LINE.split(event))
        if line.startswith(b"data:")
    ]
    return b"\n".join(values) if values else None


def encode_event(data: bytes) -> bytes:
    """An event that carries ``data`` (which must hold no line end, as JSON never does)."""
    return b"data: " + data + b"\n\n"
