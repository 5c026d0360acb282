"""Gemini's answers: bytes -> events, whole or in a stream of either framing.

What real services make of the format (recorded): server-sent events with CRLF, or one JSON array
over the whole stream; content without parts, candidates without content, answers without
candidates; the reason of the end on several chunks, with more said after it; calls without ids or
arguments; signatures on parts of any kind, also on empty texts; reasons as numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import MalformedStream, UnexpectedAnswer
from penstock.events import Event
from penstock.protocols import Decoder
from penstock.protocols.framed import FramedDecoder, read_body
from penstock.protocols.gemini_generate.answer import GenerateAnswer
from penstock.protocols.gemini_generate.array import Chunks
from penstock.protocols.gemini_generate.chunks import decode_chunk

_MARKS = ("candidates", "promptFeedback", "usageMetadata", "error")
"""Keys of which an answer has at least one."""


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    frames = Chunks()
    return FramedDecoder(frames, GenerateAnswer(frames), _read_whole)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that was asked elsewhere."""
    return read_body(body, delimited, _read_whole, decoder())


def _read_whole(body: bytes) -> Iterator[Event]:
    value = decode_chunk(body, UnexpectedAnswer)
    if all(value.get(key) is None for key in _MARKS):
        raise UnexpectedAnswer("the service's answer has no candidates; check its base_url")
    answer = GenerateAnswer()
    try:
        yield from answer.take(body)
        yield from answer.end()
    except MalformedStream as error:
        raise UnexpectedAnswer(error.message) from None
