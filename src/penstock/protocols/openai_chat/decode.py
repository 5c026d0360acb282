"""OpenAI chat answers: bytes -> events, whole or in chunks.

What real services make of the format (recorded): usage in a last chunk without choices or on
every chunk, ``finish_reason`` twice or never, ``[DONE]`` missing, ``delta: null``, tool calls
without an index or an id, reasoning as ``reasoning_content``, ``reasoning`` or
``reasoning_details``, half an emoji per chunk, a whole answer where a stream was asked.
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
from penstock.protocols.error_body import BLANK, looks_like_html
from penstock.protocols.openai_chat.answer import Answer
from penstock.protocols.openai_chat.chunks import decode_chunk, decode_plain
from penstock.protocols.sse import MAX_EVENT, SSEDecoder


class ChunkDecoder(Decoder):
    """Reads a stream of chunks, or the whole answer that some services send instead."""

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
                if answer.ended:
                    return
                if answer.plain:
                    try:
                        content = decode_plain(payload).choices[0].delta.content
                    except json.UNREADABLE:
                        yield from self._take(payload)
                    else:
                        if content:
                            yield TextDelta(content, answer.index)
                else:
                    yield from self._take(payload)
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
        if payload.strip() == b"[DONE]":
            self._done = True
            yield from self._answer.end()
        else:
            yield from self._answer.take(decode_chunk(payload, MalformedStream))

    def close(self, delimited: bool = True) -> Iterator[Event]:
        if self._done:
            return
        self._done = True
        if self._whole is not None:
            yield from self._read_whole(b"".join(self._whole))
            return
        try:
            for payload in self._events.close():
                yield from self._take(payload)
        except MalformedStream:
            raise StreamTruncated("the stream was cut inside an event") from None
        if self._answer.ended:
            return
        if not self._answer.began:
            raise EmptyStream("the service's stream held nothing; try again")
        # Some services leave [DONE] out, but none ends a body properly in the middle.
        if not self._answer.raw_reason or not delimited:
            raise StreamTruncated("the stream was cut before the service ended it")
        yield from self._answer.end()

    def _read_whole(self, body: bytes) -> Iterator[Event]:
        try:
            yield from decode_response(body)
        except UnexpectedAnswer:
            if body.rstrip().endswith(b"}"):
                raise
            raise StreamTruncated("the answer was cut before its end") from None


def is_usual_response(body: bytes) -> bool:
    """Whether this is a whole answer that came to its end, without reading what it says."""
    if not body.startswith(b"{"):
        return False
    chunk = decode_chunk(body, UnexpectedAnswer)
    return bool(chunk.choices and chunk.choices[0].finish_reason and chunk.error is None)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that some services send instead."""
    if looks_like_html(body):
        raise UnexpectedAnswer("the service answered with a web page; check its base_url")
    body = body.lstrip(BLANK)
    if not body.startswith(b"{"):
        decoder = ChunkDecoder()
        yield from decoder.feed(body)
        yield from decoder.close(delimited)
        return
    chunk = decode_chunk(body, UnexpectedAnswer)
    if not chunk.choices and chunk.error is None:
        raise UnexpectedAnswer("the service's answer has no choices; check its base_url")
    answer = Answer()
    yield from answer.take(chunk)
    yield from answer.end()
