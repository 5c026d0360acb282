"""One answer as it grows: Anthropic's stream events in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import EmptyStream, MalformedStream
from penstock.events import (
    SPOKEN,
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import json
from penstock.protocols.anthropic_messages.chunks import decode_chunk, decode_plain
from penstock.protocols.anthropic_messages.citations import NAME, keep_citations
from penstock.protocols.anthropic_messages.failure import decode_stream_failure
from penstock.protocols.anthropic_messages.usage import decode_usage, merge_usage
from penstock.protocols.framed import Answer
from penstock.protocols.kept import keep, rest
from penstock.protocols.loss import RAW
from penstock.types import Metadata, Usage

REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

_PLACED = frozenset(("id", "type", "role", "content", "model", "stop_reason", "usage"))
"""What of a message has a place in our events; the rest rides on ``Finish``."""

_OURS = frozenset(("block", "redacted_thinking", RAW))
"""Our own keys in ``metadata``; a service's key of that name would be taken for them."""

_KNOWN = frozenset(
    (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    )
)


class _Block:
    """A content block under way. What only Anthropic understands waits until it is whole."""

    __slots__ = ("ended", "half", "index", "input", "kind", "value")

    def __init__(self, index: int, value: Mapping[str, Any]) -> None:
        self.index = index
        self.kind: str = value["type"]
        self.value = dict(value)
        self.half = ""
        self.input = ""
        self.ended = False

    def begin(self) -> Iterator[Event]:
        """What the block holds at its start: all of it, in a whole answer."""
        value, index = self.value, self.index
        match self.kind:
            case "text":
                metadata = keep_citations(rest(_said(value), "type", "text"))
                if (text := _text(value, "text")) or metadata:
                    yield TextDelta(text, index, metadata=metadata)
            case "thinking":
                text, signature = _text(value, "thinking"), _text(value, "signature")
                metadata = _rest(value, "thinking", "signature")
                if text or signature or metadata:
                    yield ReasoningDelta(text, index, signature, metadata)
            case "redacted_thinking":
                kept = {"redacted_thinking": _text(value, "data")}
                more = rest(_said(value), "type", "data")
                yield ReasoningDelta("", index, "", keep(NAME, kept | more))
            case "tool_use":
                id, name = _text(value, "id"), _text(value, "name")
                yield ToolCallStart(index, id, name, _rest(value, "id", "name", "input"))
                if said := value.get("input"):
                    yield ToolCallDelta(index, json.encode(said).decode())
            case _:
                pass

    def take(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        """A piece more. A piece of an unknown kind is skipped."""
        match self.kind, delta.get("type"):
            case "text", "text_delta":
                if text := self._join_halves(_text(delta, "text")):
                    yield TextDelta(text, self.index)
            case "text", "citations_delta":
                said = {"citations": [delta.get("citation")]}
                yield TextDelta("", self.index, metadata=keep_citations(said))
            case "thinking", "thinking_delta":
                if text := self._join_halves(_text(delta, "thinking")):
                    yield ReasoningDelta(text, self.index)
            case "thinking", "signature_delta":
                if signature := _text(delta, "signature"):
                    yield ReasoningDelta("", self.index, signature)
            case "tool_use", "input_json_delta":
                if text := self._join_halves(_text(delta, "partial_json")):
                    yield ToolCallDelta(self.index, text)
            case (("text" | "thinking" | "tool_use"), _):
                pass
            case _, "input_json_delta":
                self.input += _text(delta, "partial_json")
            case _:
                self._grow(delta)

    def _grow(self, delta: Mapping[str, Any]) -> None:
        """A piece of a block that only Anthropic understands: strings go on, all else is new."""
        for key, item in delta.items():
            if key != "type":
                was = self.value.get(key)
                goes_on = isinstance(was, str) and isinstance(item, str)
                self.value[key] = was + item if goes_on else item

    def _join_halves(self, text: str) -> str:
        """Half a character at the end waits for its other half in the next piece."""
        if text.isascii() and not self.half:
            return text
        text, self.half = self.half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            self.half, text = text[-1], text[:-1]
        mended: str = json.mend(text)
        return mended

    def end(self) -> Iterator[Event]:
        """What is still held. A piece that comes later all the same is taken too."""
        if self.ended:
            return
        self.ended = True
        if self.half:
            self.half = ""
            match self.kind:
                case "text":
                    yield TextDelta("\ufffd", self.index)
                case "thinking":
                    yield ReasoningDelta("\ufffd", self.index)
                case _:
                    yield ToolCallDelta(self.index, "\ufffd")
        if self.kind not in ("text", "thinking", "redacted_thinking", "tool_use"):
            if self.input:
                self.value["input"] = _input(json.mend(self.input))
            yield TextDelta("", self.index, metadata={NAME: {"block": json.mend(self.value)}})


class MessageAnswer(Answer):
    """What has been said so far: Anthropic's events in, ours out.

    ``index`` is the number of the block begun last; ``plain`` is its number on the wire if it
    is text and nothing of it is held back, so that a piece of it is one ``TextDelta`` and no
    more.
    """

    def __init__(self) -> None:
        self.plain = -1
        self.index = -1
        self._spoken = False
        self._blocks: dict[int, _Block] = {}
        self._reason: str | None = None
        self._usage: dict[str, Any] | None = None
        self._rest: dict[str, Any] = {}

    @property
    def usage(self) -> Usage | None:
        return None if self._usage is None else decode_usage(self._usage)

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for payload in payloads:
            if self.plain >= 0:
                try:
                    chunk = decode_plain(payload)
                except json.UNREADABLE:
                    yield from self.take(payload)
                else:
                    if chunk.index != self.plain:
                        yield from self.take(payload)
                    elif text := chunk.delta.text:
                        yield TextDelta(text, self.index)
            else:
                yield from self.take(payload)
            if self.ended:
                return

    def take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":  # OpenAI's word, which some gateways add
            return
        for event in self._take(decode_chunk(payload, MalformedStream)):
            self._spoken = self._spoken or isinstance(event, SPOKEN)
            yield event

    def _take(self, value: Mapping[str, Any]) -> Iterator[Event]:
        match value:
            case {"type": "content_block_delta", "delta": {"type": str()} as delta}:
                yield from self._delta(self._number(value), delta)
            case {"type": "content_block_start", "content_block": {"type": str()} as block}:
                yield from self._begin({})
                yield from self._open(self._number(value), block)
            case {"type": "content_block_stop"}:
                yield from self._close(self._number(value))
            case {"type": "message_start", "message": dict() as message}:
                yield from self._begin(message)
            case {"type": "message_delta", "delta": dict() as said}:
                yield from self._begin({})
                self._note(value)
                self._note(said)
            case {"type": "message_stop"}:
                yield from self.end()
            case {"type": "error"}:
                raise decode_stream_failure(value, self._spoken)
            case {"type": str(kind)} if kind not in _KNOWN:
                return  # a ping, or what was invented later
            case {"type": kind}:
                raise MalformedStream(f"the service sent a {kind} that is none")
            case {"error": str() | {}}:  # a front's own words
                raise decode_stream_failure(value, self._spoken)
            case _:
                raise MalformedStream("the service sent an event without a type")

    def take_whole(self, message: Mapping[str, Any]) -> Iterator[Event]:
        """All of a message that came in one piece."""
        yield from self._begin(message)
        for number, block in enumerate(message["content"]):
            yield from self._open(number, block)
            yield from self._close(number)
        yield from self.end()

    def _number(self, value: Mapping[str, Any]) -> int:
        number = value.get("index")
        if type(number) is not int:
            raise MalformedStream("the service sent a content block without an index")
        return number

    def _begin(self, message: Mapping[str, Any]) -> Iterator[Event]:
        if not self.began:
            self.began = True
            self._note(message)
            yield Start(_text(message, "id"), _text(message, "model"))

    def _note(self, said: Mapping[str, Any]) -> None:
        """How the answer ended, what it spent, and what else is said of it."""
        reason, usage = said.get("stop_reason"), said.get("usage")
        if reason is not None:
            self._reason = str(reason)
        if isinstance(usage, Mapping):
            self._usage = merge_usage(self._usage or {}, usage)
        for key, item in said.items():
            if item is not None and key not in _PLACED and key != "delta":
                self._rest[key] = item

    def _open(self, number: int, value: Any) -> Iterator[Event]:
        if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
            raise MalformedStream("the service sent a content block without a type")
        if number in self._blocks:
            yield from self._close(number)
        self.index += 1
        self.plain = -1
        self._blocks[number] = block = _Block(self.index, value)
        yield from block.begin()

    def _delta(self, number: int, delta: Mapping[str, Any]) -> Iterator[Event]:
        block = self._blocks.get(number)
        if block is None:
            raise MalformedStream(
                f"the service sent a piece of a content block {number} that it never began"
            )
        yield from block.take(delta)
        if block.index == self.index and block.kind == "text":
            self.plain = number if self._spoken and not block.half else -1

    def _close(self, number: int) -> Iterator[Event]:
        block = self._blocks.get(number)
        if block is None:
            return
        if block.index == self.index:
            self.plain = -1
        yield from block.end()

    def end(self) -> Iterator[Event]:
        """What is still held, and ``Finish``. Raises ``EmptyStream`` if nothing was said."""
        self.ended = True
        for number in list(self._blocks):
            yield from self._close(number)
        if self.index < 0 and self._reason is None:
            raise EmptyStream("the service ended the stream before it said anything; try again")
        reason = REASONS.get(self._reason or "", "unknown")
        yield Finish(reason, self._reason, self.usage, {NAME: self._rest} if self._rest else None)


def _text(value: Mapping[str, Any], key: str) -> str:
    """A string of the service's; "" where it said none."""
    text = value.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise MalformedStream(f"the service sent a {key} that is not a string")
    return text


def _said(value: Mapping[str, Any]) -> dict[str, Any]:
    """A block without what says nothing, and without keys that would be taken for ours."""
    return {
        key: item
        for key, item in value.items()
        if key not in _OURS and item is not None and item != []
    }


def _rest(value: Mapping[str, Any], *known: str) -> Metadata | None:
    """What a block says beyond our own words for it."""
    return keep(NAME, rest(_said(value), "type", *known))


def _input(text: str) -> Any:
    """A server tool's input; as text where the model did not get to its end."""
    try:
        return json.loads(text.encode())
    except json.UNREADABLE:
        return text
