"""Anthropic's answers: bytes -> events, whole or in a stream.

What real services make of the format (recorded): events padded with spaces, ``ping`` anywhere,
input and cache numbers again in ``message_delta``, thinking of no words but a signature, tool
calls without any piece of arguments, blocks of unknown types that come whole at their start,
``[DONE]`` after the end, and a last event without its blank line.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import MalformedStream, UnexpectedAnswer
from penstock.events import Event
from penstock.protocols import Decoder
from penstock.protocols.anthropic_messages.answer import MessageAnswer
from penstock.protocols.anthropic_messages.chunks import decode_chunk
from penstock.protocols.anthropic_messages.failure import decode_stream_failure
from penstock.protocols.framed import FramedDecoder, read_body
from penstock.protocols.sse import SSEDecoder


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    return FramedDecoder(SSEDecoder(), MessageAnswer(), _read_whole)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole message, or of the stream that some services send instead."""
    return read_body(body, delimited, _read_whole, decoder())


def _read_whole(body: bytes) -> Iterator[Event]:
    value = decode_chunk(body, UnexpectedAnswer)
    if value.get("type") == "error" or value.get("error") is not None:
        raise decode_stream_failure(value, spoken=False)
    if not isinstance(value.get("content"), list):
        raise UnexpectedAnswer("the service's answer has no content; check its base_url")
    try:
        yield from MessageAnswer().take_whole(value)
    except MalformedStream as error:
        raise UnexpectedAnswer(error.message) from None
