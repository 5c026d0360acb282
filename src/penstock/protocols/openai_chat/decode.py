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
from penstock.protocols.openai_chat.chunks import Choice, decode_chunk
from penstock.protocols.sse import SSEDecoder


def decoder(answer: ChatAnswer) -> Decoder:
    """A decoder for one streamed answer, which ``answer`` (a fresh one) reads."""
    return FramedDecoder(SSEDecoder(), answer, answer.take_whole)


def is_usual_response(body: bytes) -> bool:
    """Whether this is a whole answer that came to its end, without reading what it says."""
    if not body.startswith(b"{"):
        return False
    chunk = decode_chunk(body, UnexpectedAnswer)
    ended = False
    for choice in chunk.choices or ():
        if not choice.index:  # others are not read
            if not _is_usual(choice):
                return False
            ended = ended or bool(choice.finish_reason)
    return ended and chunk.error is None


def _is_usual(choice: Choice) -> bool:
    if choice.error is not None or choice.finish_reason == "error":
        return False
    said = choice.delta or choice.message
    return said is None or type(said.content) is not list


def decode_response(body: bytes, delimited: bool, answer: ChatAnswer) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that some services send instead."""
    return read_body(body, delimited, answer.take_whole, decoder(answer))
