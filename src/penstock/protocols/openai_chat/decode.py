"""OpenAI chat answers: bytes -> events, whole or in chunks.

What real services make of the format (recorded): usage in a last chunk without choices or on
every chunk, ``finish_reason`` twice or never, ``[DONE]`` missing, ``delta: null``, tool calls
without an index or an id, reasoning as ``reasoning_content``, ``reasoning`` or
``reasoning_details``, half an emoji per chunk, a whole answer where a stream was asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import UnexpectedAnswer
from penstock.events import Event
from penstock.protocols import Decoder
from penstock.protocols.framed import FramedDecoder, read_body
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.chunks import decode_chunk
from penstock.protocols.sse import SSEDecoder


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    return FramedDecoder(SSEDecoder(), ChatAnswer(), _read_whole)


def is_usual_response(body: bytes) -> bool:
    """Whether this is a whole answer that came to its end, without reading what it says."""
    if not body.startswith(b"{"):
        return False
    chunk = decode_chunk(body, UnexpectedAnswer)
    return bool(chunk.choices and chunk.choices[0].finish_reason and chunk.error is None)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that some services send instead."""
    return read_body(body, delimited, _read_whole, decoder())


def _read_whole(body: bytes) -> Iterator[Event]:
    chunk = decode_chunk(body, UnexpectedAnswer)
    if not chunk.choices and chunk.error is None:
        raise UnexpectedAnswer("the service's answer has no choices; check its base_url")
    answer = ChatAnswer()
    yield from answer.take_chunk(chunk)
    yield from answer.end()
