"""Ollama's answers: bytes -> events, whole or in lines.

What real services make of the format (recorded): tool calls in a line of their own before the
last, with an id and a number in new versions and with neither in old ones, or in the last line
of a whole answer; no ``prompt_eval_count`` where the prompt was cached; ``stop`` though there
are tool calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.errors import MalformedStream, UnexpectedAnswer
from penstock.events import Event
from penstock.protocols import Decoder, json
from penstock.protocols.error_body import BLANK, looks_like_html
from penstock.protocols.framed import FramedDecoder
from penstock.protocols.ndjson import NDJSONDecoder
from penstock.protocols.ollama_chat.answer import ChatAnswer


def decoder() -> Decoder:
    """A fresh decoder for one streamed answer."""
    return FramedDecoder(NDJSONDecoder(), ChatAnswer(), None)


def decode_response(body: bytes, delimited: bool = True) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that some services send instead."""
    if looks_like_html(body):
        raise UnexpectedAnswer("the service answered with a web page; check its base_url")
    whole = body.strip(BLANK)
    if _is_one_object(whole):
        yield from _read_whole(whole, delimited)
    else:
        yield from _read_lines(body, delimited)


def _is_one_object(body: bytes) -> bool:
    """Whether this is one JSON object, however it is laid out; lines are several."""
    try:
        return isinstance(json.loads(body), Mapping)
    except json.UNREADABLE:
        return False


def _read_whole(body: bytes, delimited: bool) -> Iterator[Event]:
    answer = ChatAnswer()
    try:
        yield from answer.take(body)
    except MalformedStream as error:
        raise UnexpectedAnswer(error.message) from None
    if not answer.began:
        raise UnexpectedAnswer("the service's answer has no message; check its base_url")
    if not answer.ended:
        yield from answer.close(delimited)


def _read_lines(body: bytes, delimited: bool) -> Iterator[Event]:
    lines = decoder()
    yield from lines.feed(body)
    yield from lines.close(delimited)
