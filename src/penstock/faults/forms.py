"""The many forms of server-sent events, all of which mean the same.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from penstock.faults import events
from penstock.faults.answers import Answer
from penstock.faults.endings import well
from penstock.faults.script import Script


def rewritten(rewrite: Callable[[bytes], bytes], answer: Answer) -> Script:
    """The answer with each event in another form; protocols without these events have it as it
    is."""
    if not (answer.streamed and events.is_sse(answer.content_type)):
        return well(answer)

    def all_of(data: bytes) -> bytes:
        found = events.split(data, answer.content_type)
        return b"".join(rewrite(event.replace(b"\r\n", b"\n")) for event in found)

    return well(
        replace(
            answer,
            opening=all_of(answer.opening),
            tokens=tuple(map(all_of, answer.tokens)),
            ending=tuple(map(all_of, answer.ending)),
        )
    )


def cr(event: bytes) -> bytes:
    """Lines that end in CR alone."""
    return event.replace(b"\n", b"\r")


def crlf(event: bytes) -> bytes:
    """Lines that end in CR LF."""
    return event.replace(b"\n", b"\r\n")


def tight(event: bytes) -> bytes:
    """No blank after the colons."""
    return _lines(event, lambda line: [line.replace(b": ", b":", 1)])


def multiline(event: bytes) -> bytes:
    """An object's brace in a line of its own: lines of data are joined with a line end."""
    return _lines(
        event,
        lambda line: [b"data: {", b"data: " + line[7:]] if line.startswith(b"data: {") else [line],
    )


def comments(event: bytes) -> bytes:
    """A comment before every line."""
    return b": a comment\n:\n" + _lines(event, lambda line: [b":", line])


def fields(event: bytes) -> bytes:
    """Fields that have a meaning, but none here, and one that nobody knows."""
    return b"id: 7\nretry: 10000\nunknown: field\nnocolon\n" + event


def _lines(event: bytes, rewrite: Callable[[bytes], Iterable[bytes]]) -> bytes:
    """The event with each of its lines rewritten; the empty line at its end stays."""
    lines = [new for line in event[:-2].split(b"\n") for new in rewrite(line)]
    return b"\n".join(lines) + b"\n\n"


def bom(answer: Answer) -> Script:
    """A byte order mark before the first event."""
    if not (answer.streamed and events.is_sse(answer.content_type)):
        return well(answer)
    mark = b"\xef\xbb\xbf"
    if answer.opening:
        return well(replace(answer, opening=mark + answer.opening))
    first, *rest = answer.tokens
    return well(replace(answer, tokens=(mark + first, *rest)))
