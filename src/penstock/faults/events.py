"""A stream's bytes as its events: taken apart, and with another value where the text stands."""

from __future__ import annotations

import re

from penstock.protocols import json
from penstock.protocols.aws_eventstream import encode_frame, encode_headers, split_frame

_END = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")


def split(data: bytes, content_type: str) -> tuple[bytes, ...]:
    """The events in these bytes, each with its end; all of it where the form has no events."""
    match _form(content_type):
        case "text/event-stream":
            events = _END.split(data)
        case "application/x-ndjson":
            events = data.splitlines(keepends=True)
        case "application/vnd.amazon.eventstream":
            events = list(_frames(data))
        case _:
            events = [data]
    return tuple(event for event in events if event)


def _form(content_type: str) -> str:
    return content_type.partition(";")[0]


def _frames(data: bytes) -> list[bytes]:
    frames = []
    while data:
        size = int.from_bytes(data[:4], "big")
        frames.append(data[:size])
        data = data[size:]
    return frames


def with_value(event: bytes, text: str, value: bytes, content_type: str) -> bytes:
    """The event that says ``text``, with ``value`` in the place of that JSON string. Bare text has
    no JSON: the value alone."""
    said = json.encode(text)
    match _form(content_type):
        case "text/plain":
            return value.strip(b'"')
        case "application/vnd.amazon.eventstream":
            frame = split_frame(event)
            return encode_frame(frame.headers, frame.payload.replace(said, value, 1))
        case _:
            return event.replace(said, value, 1)


def unfinished(event: bytes, text: str, content_type: str) -> bytes:
    """The event that says ``text``, ending where the text should begin: one that cannot be read,
    in a stream that is otherwise well."""
    said = json.encode(text)
    match _form(content_type):
        case "text/plain":
            return b"\xff"
        case "application/vnd.amazon.eventstream":
            frame = split_frame(event)
            return encode_frame(frame.headers, frame.payload.partition(said)[0])
        case "text/event-stream":
            return event.partition(said)[0] + (b"\r\n\r\n" if b"\r\n" in event else b"\n\n")
        case "application/x-ndjson":
            return event.partition(said)[0] + b"\n"
        case _:
            return event.partition(said)[0]


def is_sse(content_type: str) -> bool:
    """Whether these are server-sent events."""
    return _form(content_type) == "text/event-stream"


def ping(content_type: str) -> bytes:
    """What keeps a connection alive and says nothing; empty where the form has no such thing."""
    match _form(content_type):
        case "text/event-stream":
            return b": ping\n\n"
        case "application/x-ndjson":
            return b"\n"
        case "application/vnd.amazon.eventstream":
            return encode_frame(_PING, b"{}")
        case _:
            return b""


_PING = encode_headers({":event-type": "ping", ":message-type": "event"})
