"""Cohere's answers: bytes -> events, whole or in a stream.

What real services make of the format (recorded): no ``content`` where there are tool calls, plans
of which tools to call, citations amid the text that they belong to, usage in two sets of numbers,
``[DONE]`` after the end, and an end that says ``ERROR``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.errors import MalformedStream, UnexpectedAnswer
from penstock.events import Event
from penstock.protocols import Decoder
from penstock.protocols.cohere_v2_chat.answer import ChatAnswer
from penstock.protocols.cohere_v2_chat.chunks import decode_chunk
from penstock.protocols.cohere_v2_chat.failure import decode_stream_failure
from penstock.protocols.framed import FramedDecoder, read_body
from penstock.protocols.sse import SSEDecoder


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    return FramedDecoder(SSEDecoder(), ChatAnswer(), _read_whole)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that some services send instead."""
    return read_body(body, delimited, _read_whole, decoder())


def _read_whole(body: bytes) -> Iterator[Event]:
    value = decode_chunk(body, UnexpectedAnswer)
    message = value.get("message")
    if isinstance(message, str) or value.get("error") is not None:
        raise decode_stream_failure(value, spoken=False)
    if not isinstance(message, Mapping):
        raise UnexpectedAnswer("the service's answer has no message; check its base_url")
    try:
        yield from ChatAnswer().take_whole(value)
    except MalformedStream as error:
        raise UnexpectedAnswer(error.message) from None
