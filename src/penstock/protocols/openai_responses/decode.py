"""OpenAI Responses, answers: bytes -> events, whole or in a stream.

What real services make of the format (recorded): no ``event`` lines and no sequence numbers, the
ids of items that change between events, ``response.completed`` without its output, ``[DONE]``
after it, items of unknown types, ``keepalive`` amid them, the status ``complete``, and reasoning in
its own words where no one made a summary of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import MalformedStream, UnexpectedAnswer
from penstock.events import Event
from penstock.protocols import Decoder
from penstock.protocols.framed import FramedDecoder, read_body
from penstock.protocols.openai_responses.answer import ResponseAnswer
from penstock.protocols.openai_responses.chunks import decode_chunk
from penstock.protocols.openai_responses.failure import decode_stream_failure
from penstock.protocols.sse import SSEDecoder


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    return FramedDecoder(SSEDecoder(), ResponseAnswer(), _read_whole)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole response, or of the stream that some services send instead."""
    return read_body(body, delimited, _read_whole, decoder())


def _read_whole(body: bytes) -> Iterator[Event]:
    value = decode_chunk(body, UnexpectedAnswer)
    if not isinstance(value.get("output"), list):
        if value.get("error") is not None or value.get("type") == "error":
            raise decode_stream_failure(value, spoken=False)
        raise UnexpectedAnswer("the service's answer has no output; check its base_url")
    try:
        yield from ResponseAnswer().take_whole(value)
    except MalformedStream as error:
        raise UnexpectedAnswer(error.message) from None
