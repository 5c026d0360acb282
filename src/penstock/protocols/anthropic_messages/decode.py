"""Anthropic's answers: bytes -> events, whole or in a stream.

What real services make of the format (recorded): events padded with spaces, ``ping`` anywhere,
input and cache numbers again in ``message_delta``, thinking of no words but a signature, tool
calls without any piece of arguments, blocks of unknown types that come whole at their start,
``[DONE]`` after the end, and a last event without its blank line.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import (
    EmptyStream,
    MalformedStream,
    PenstockError,
    StreamTruncated,
    UnexpectedAnswer,
)
from penstock.events import Event, TextDelta
from penstock.protocols import Decoder, json
from penstock.protocols.anthropic_messages.answer import Answer
from penstock.protocols.anthropic_messages.chunks import decode_chunk, decode_plain
from penstock.protocols.anthropic_messages.failure import decode_stream_failure
from penstock.protocols.error_body import BLANK, looks_like_html
from penstock.protocols.sse import MAX_EVENT, SSEDecoder


class MessageDecoder(Decoder):
    """Reads a stream, or the whole message that some services send instead."""

    def __init__(self) -> None:
        self._events = SSEDecoder()
        self._answer = Answer()
        self._begun = False
        self._whole: list[bytes] | None = None
        self._whole_size = 0
        self._done = False

    @property
    def pending(self) -> int:  # type: ignore[override]
        return self._events.pending if self._whole is None else self._whole_size

    @property
    def whole(self) -> bool:  # type: ignore[override]
        return self._whole is not None

    def feed(self, data: bytes) -> Iterator[Event]:
        if self._done:
            return
        try:
            if not self._begun:
                data = self._sniff(data)
            if self._whole is not None:
                self._keep_whole(self._whole, data)
                return
            answer = self._answer
            for payload in self._events.feed(data):
                if answer.plain >= 0:
                    try:
                        chunk = decode_plain(payload)
                    except json.UNREADABLE:
                        yield from self._take(payload)
                    else:
                        if chunk.index != answer.plain:
                            yield from self._take(payload)
                        elif text := chunk.delta.text:
                            yield TextDelta(text, answer.index)
                else:
                    yield from self._take(payload)
                if answer.ended:
                    return
        except PenstockError:
            self._done = True  # a stream that failed once does not end well later
            raise

    def _sniff(self, data: bytes) -> bytes:
        """Decide by the first visible byte what the body is."""
        data = data.lstrip(BLANK)
        if looks_like_html(data):
            raise UnexpectedAnswer("the service answered with a web page; check its base_url")
        self._begun = bool(data)
        if data.startswith(b"{"):
            self._whole = []
        return data

    def _keep_whole(self, whole: list[bytes], data: bytes) -> None:
        whole.append(data)
        self._whole_size += len(data)
        if self._whole_size > MAX_EVENT:
            raise UnexpectedAnswer(f"the answer is longer than {MAX_EVENT} bytes")

    def _take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":  # OpenAI's word, which some gateways add
            return
        value = decode_chunk(payload, MalformedStream)
        if value.get("type") == "message_stop":
            self._done = True
        yield from self._answer.take(value)

    def close(self, delimited: bool = True) -> Iterator[Event]:
        if self._done:
            return
        self._done = True
        if self._whole is not None:
            yield from self._read_whole(b"".join(self._whole))
            return
        rest = list(self._events.close())
        try:
            for payload in rest:
                yield from self._take(payload)
        except MalformedStream:
            raise StreamTruncated("the stream was cut inside an event") from None
        if self._answer.ended:
            return
        if not self._answer.began:
            raise EmptyStream("the service's stream held nothing; try again")
        raise StreamTruncated("the stream was cut before the service ended it")

    def _read_whole(self, body: bytes) -> Iterator[Event]:
        try:
            yield from decode_response(body)
        except UnexpectedAnswer:
            if body.rstrip().endswith(b"}"):
                raise
            raise StreamTruncated("the answer was cut before its end") from None


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole message, or of the stream that some services send instead."""
    if looks_like_html(body):
        raise UnexpectedAnswer("the service answered with a web page; check its base_url")
    body = body.lstrip(BLANK)
    if not body.startswith(b"{"):
        decoder = MessageDecoder()
        yield from decoder.feed(body)
        yield from decoder.close(delimited)
        return
    value = decode_chunk(body, UnexpectedAnswer)
    if value.get("type") == "error" or value.get("error") is not None:
        raise decode_stream_failure(value, spoken=False)
    if not isinstance(value.get("content"), list):
        raise UnexpectedAnswer("the service's answer has no content; check its base_url")
    answer = Answer()
    try:
        yield from answer.take_whole(value)
    except MalformedStream as error:
        raise UnexpectedAnswer(error.message) from None
