"""Server-sent events: bytes in chunks of any size -> the ``data`` of each event, and back.

Follows the WHATWG "event stream interpretation": lines end with CR, LF or CRLF and nothing else
(U+2028 is text), fields are split at the first colon, one space after it is dropped, several
``data`` lines are joined by LF. Two departures, both seen in recorded traffic: an event without
its closing blank line still counts when the bytes end, and a field name may be indented. The
``event`` field is not kept: every chat protocol says the type in its data too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from penstock.errors import MalformedStream

MAX_EVENT = 8 * 1024 * 1024
"""Bytes that one event may have, its outer line ends aside; more is an attack or a fault."""

_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"
_EVENT_END = re.compile(_LINE_END + _LINE_END)
_LINE = re.compile(_LINE_END)
_OUTER_LINE_ENDS = 4  # one CRLF may stand before an event under way, one after it
_PARTS, _ROOM = 1024, 64
_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Splits bytes into events. ``pending`` counts the bytes of the event under way."""

    __slots__ = ("_begun", "_parts", "pending")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0
        self._begun = False

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The ``data`` of each event that these bytes complete; after them ``MalformedStream``
        if one is too long."""
        if self._begun and not self.pending and _is_one(data):
            return [data[6:-2]]
        if not self._begun:
            data = self._join(data)
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._keep(data)
                return ()
            data = data.removeprefix(_BOM)
            self._begun = True
        elif self.pending:
            if b"\n\n" not in data and self._goes_on(data):
                self._keep(data)
                self._check()
                return ()
            data = self._join(data)
        has_cr = b"\r" in data
        events = _EVENT_END.split(data) if has_cr else data.split(b"\n\n")
        self._keep(events.pop())
        if has_cr or len(data) > MAX_EVENT:
            return self._read(events)
        # The usual event is one line: two line ends for each event and none elsewhere.
        if data.count(b"\n") == 2 * len(events) and _are_plain(events):
            return [event[6:] for event in events]
        return _named(events) or self._read(events)

    def close(self) -> Iterable[bytes]:
        """The ``data`` of an event that the end of the bytes completes."""
        return self._read([self._join(b"")])

    def _goes_on(self, data: bytes) -> bool:
        """Whether no event ends here; told by the last bytes alone, so that an event of many
        pieces is joined once."""
        if b"\n" not in data and b"\r" not in data:
            return True
        return not _EVENT_END.search(b"".join((*self._parts[-2:], data)))

    def _join(self, data: bytes) -> bytes:
        if not self._parts:
            return data
        data = b"".join((*self._parts, data))
        self._parts, self.pending = [], 0
        return data

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._parts.append(rest)
            self.pending += len(rest)
            if too_many(self._parts, self.pending):
                self._parts = [b"".join(self._parts)]

    def _read(self, events: Sequence[bytes]) -> Iterator[bytes]:
        for event in events:
            value = _event_data(event)
            if value is not None:
                yield value
        self._check()

    def _check(self) -> None:
        if self.pending > MAX_EVENT + _OUTER_LINE_ENDS:
            raise _too_long()


def too_many(parts: Sequence[bytes], size: int) -> bool:
    """Whether so small pieces of so many bytes take more room than they are worth. Joined now, and
    again when they have grown by a part of it, each is copied only a few times."""
    return len(parts) > _PARTS + size // _ROOM


def _is_one(data: bytes) -> bool:
    """Whether it is one event of one line of data, as most chunks of a stream are."""
    return (
        data.startswith(b"data: ")
        and data.endswith(b"\n\n")
        and data.count(b"\n") == 2
        and b"\r" not in data
        and len(data) <= MAX_EVENT
    )


def _are_plain(events: Sequence[bytes]) -> bool:
    return all(event.startswith(b"data: ") for event in events)


def _named(events: Sequence[bytes]) -> list[bytes]:
    """The data of events that are a name and one line of data each; empty where one is not."""
    found = []
    for event in events:
        name, is_named, data = event.partition(b"\ndata: ")
        if not is_named or not name.startswith(b"event: ") or b"\n" in name or b"\n" in data:
            return []
        found.append(data)
    return found


def _event_data(event: bytes) -> bytes | None:
    if len(event) > MAX_EVENT and len(event.strip(b"\r\n")) > MAX_EVENT:
        raise _too_long()
    values = [
        line[5:].removeprefix(b" ")
        for line in map(bytes.lstrip, _LINE.split(event))
        if line.startswith(b"data:")
    ]
    return b"\n".join(values) if values else None


def _too_long() -> MalformedStream:
    return MalformedStream(f"an event is longer than {MAX_EVENT} bytes")


def encode_event(data: bytes) -> bytes:
    """An event that carries ``data`` (which must hold no line end, as JSON never does)."""
    return b"data: " + data + b"\n\n"
