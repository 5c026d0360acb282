"""Converse's answers: bytes -> events, whole or in a stream.

What the service makes of the format (recorded): no ``contentBlockStart`` for text and reasoning,
``messageStop`` before the ``metadata`` that ends a stream, a padding key ``p`` in each event,
blocks of no text at all, citations in blocks of their own, and the calls and answers of tools
that Bedrock runs itself amid the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import InvalidRequest, MalformedStream, UnexpectedAnswer
from penstock.events import Event, ReasoningDelta, Start, TextDelta, ToolCallDelta, ToolCallStart
from penstock.protocols import Decoder
from penstock.protocols.aws_eventstream import EventStreamDecoder
from penstock.protocols.bedrock_converse.answer import ConverseAnswer
from penstock.protocols.bedrock_converse.blocks import NAME, decode_answered
from penstock.protocols.bedrock_converse.failure import decode_body_failure
from penstock.protocols.bedrock_converse.frames import decode_object
from penstock.protocols.framed import FramedDecoder, read_body
from penstock.protocols.kept import rest
from penstock.types import OpaquePart, Part, ReasoningPart, TextPart, ToolCallPart


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    return FramedDecoder(EventStreamDecoder(), ConverseAnswer(), _read_whole)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole message, or of the stream that came instead."""
    return read_body(body, delimited, _read_whole, decoder())


def _read_whole(body: bytes) -> Iterator[Event]:
    value = decode_object(body, UnexpectedAnswer)
    match value:
        case {"output": {"message": {"content": list(content)}}}:
            try:
                parts = [decode_answered(_object(block)) for block in content]
                yield from _whole(value, parts)
            except RecursionError:
                raise UnexpectedAnswer("the service's answer is nested too deeply") from None
            except (InvalidRequest, MalformedStream) as error:
                raise UnexpectedAnswer(error.message) from None
        case _:
            wrong = UnexpectedAnswer("the service's answer has no content; check its base_url")
            raise decode_body_failure(value) or wrong


def _object(block: Any) -> Mapping[str, Any]:
    if not isinstance(block, Mapping):
        raise UnexpectedAnswer("the service sent a content block that is no object")
    return block


def _whole(value: Mapping[str, Any], parts: list[Part]) -> Iterator[Event]:
    """All of a message that came in one piece."""
    answer = ConverseAnswer()
    answer.note(rest(value, "output"))
    yield Start()
    spoken = [part for part in parts if not _is_silent(part)]
    for index, part in enumerate(spoken):
        yield from _said(part, index)
    yield from answer.finish(bool(spoken))


def _is_silent(part: Part) -> bool:
    if isinstance(part, OpaquePart):
        return not part.value
    return isinstance(part, TextPart) and not part.text and part.metadata is None


def _said(part: Part, index: int) -> Iterator[Event]:
    match part:
        case TextPart(text, metadata):
            yield TextDelta(text, index, metadata=metadata)
        case ReasoningPart(text, signature, metadata):
            yield ReasoningDelta(text, index, signature, metadata)
        case ToolCallPart(id, name, arguments, metadata):
            yield ToolCallStart(index, id, name, metadata)
            if arguments != "{}":
                yield ToolCallDelta(index, arguments)
        case OpaquePart(_, block):
            yield TextDelta("", index, metadata={NAME: {"block": dict(block)}})
        case _:
            return
