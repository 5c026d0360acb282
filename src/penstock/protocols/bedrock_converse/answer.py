"""One answer as it grows: Converse's stream events in, events out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import EmptyStream, MalformedStream, StreamTruncated
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
from penstock.protocols.aws_eventstream import read_headers, split_frame
from penstock.protocols.bedrock_converse.blocks import NAME, OWN_TYPE, keep_call
from penstock.protocols.bedrock_converse.citations import decode_citations
from penstock.protocols.bedrock_converse.failure import decode_exception
from penstock.protocols.bedrock_converse.frames import DELTA_HEADERS, decode_object, decode_plain
from penstock.protocols.bedrock_converse.usage import decode_usage
from penstock.protocols.framed import Answer
from penstock.protocols.halves import LONE, Halves
from penstock.protocols.kept import keep, rest
from penstock.types import CITATIONS, Usage

REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}

_PADDING = "p"
_NOBODY = -1


class _Block:
    """A content block under way. Its part is numbered once there is something to say of it;
    what only Bedrock understands (``opaque``) waits until it is whole."""

    __slots__ = ("index", "kind", "number", "pieces", "value")

    def __init__(self, number: int, kind: str, value: dict[str, Any] | None = None) -> None:
        self.number = number
        self.kind = kind
        self.value = value or {}
        self.index = _NOBODY
        self.pieces: list[str] = []

    def grow(self, delta: Mapping[str, Any]) -> None:
        """A piece of what only Bedrock understands: a list is content, an object says more."""
        for key, item in delta.items():
            was = self.value.get(key)
            if not isinstance(was, dict):
                continue
            if isinstance(item, list):
                held = was.get("content")
                was["content"] = [*held, *item] if isinstance(held, list) else item
            elif isinstance(item, Mapping):
                was.update(item)

    def whole(self) -> dict[str, Any]:
        """The block as it would stand in a whole answer."""
        for key, value in self.value.items():
            if not isinstance(value, dict):
                continue
            if key == "toolUse":
                value["input"] = _input(json.mend("".join(self.pieces)))
            elif key == "toolResult":
                value.setdefault("content", [])
        return _mended(self.value)


class ConverseAnswer(Answer):
    """What has been said so far: Converse's events in, ours out.

    ``_plain`` is the number of the block that spoke last if it is text and nothing of it is held
    back, so that a piece of it is one ``TextDelta`` and no more.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._count = 0
        self._counted = False
        self._halves = Halves()
        self._kept: dict[str, Any] = {}
        self._plain = _NOBODY
        self._plain_index = 0
        self._reason: str | None = None
        self._spoken = False
        self._stopped = False
        self._usage: Any = None

    @property
    def usage(self) -> Usage | None:
        return decode_usage(self._usage) if isinstance(self._usage, Mapping) else None

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for frame in payloads:
            if self._plain >= 0 and (text := self._plain_text(frame)) is not None:
                if text:
                    yield TextDelta(text, self._plain_index)
                continue
            yield from self.take(frame)
            if self.ended:
                return

    def _plain_text(self, frame: bytes) -> str | None:
        headers, payload = split_frame(frame)
        if headers != DELTA_HEADERS:
            return None
        try:
            chunk = decode_plain(payload)
        except json.UNREADABLE:
            return None
        return chunk.delta.text if chunk.content_block_index == self._plain else None

    def take(self, payload: bytes) -> Iterator[Event]:
        self._plain = _NOBODY
        raw, body = split_frame(payload)
        headers = read_headers(raw)
        match headers.get(":message-type", "event"):
            case "event":
                kind = str(headers.get(":event-type"))
            case "exception":
                kind = str(headers.get(":exception-type"))
                raise decode_exception(kind, body, self._spoken)
            case "error":
                message = json.encode({"message": headers.get(":error-message")})
                raise decode_exception(str(headers.get(":error-code")), message, self._spoken)
            case _:
                return  # what was invented later
        for event in self._take(kind, body):
            self._spoken = self._spoken or isinstance(event, SPOKEN)
            yield event

    def _take(self, kind: str, body: bytes) -> Iterator[Event]:
        match kind:
            case "contentBlockDelta":
                value = decode_object(body, MalformedStream, in_pieces=True)
                yield from self._begin()
                yield from self._delta(_number(value), _object(value, "delta"))
            case "contentBlockStart":
                value = decode_object(body, MalformedStream)
                yield from self._begin()
                yield from self._open(_number(value), _object(value, "start"))
            case "contentBlockStop":
                number = _number(decode_object(body, MalformedStream))
                if (block := self._blocks.get(number)) is not None:
                    yield from self._end(block)
            case "messageStart":
                decode_object(body, MalformedStream)
                yield from self._begin()
            case "messageStop" | "metadata":
                yield from self._begin()
                self.note(decode_object(body, MalformedStream))
                self._stopped = self._stopped or kind == "messageStop"
                self._counted = self._counted or kind == "metadata"
                if self._stopped and self._counted:
                    yield from self.finish()
            case _:
                return  # what was invented later

    def _begin(self) -> Iterator[Event]:
        if not self.began:
            self.began = True
            yield Start()

    def note(self, said: Mapping[str, Any]) -> None:
        """How the answer ended, what it spent, and what else is said of it."""
        reason = said.get("stopReason")
        if not isinstance(reason, str | None):
            raise MalformedStream("the service sent a stopReason that is not a string")
        self._reason = self._reason if reason is None else reason
        self._usage = said.get("usage", self._usage)
        more = rest(said, "stopReason", "usage", _PADDING)
        self._kept |= {key: item for key, item in more.items() if item is not None}

    def close(self, delimited: bool) -> Iterator[Event]:
        if not (self._stopped and delimited):
            raise StreamTruncated("the stream was cut before the service ended it")
        yield from self.finish()

    def finish(self, spoken: bool = False) -> Iterator[Event]:
        """What is still held, and ``Finish``. Raises ``EmptyStream`` if nothing was said."""
        self.ended = True
        self._spoken = self._spoken or spoken
        for block in list(self._blocks.values()):
            for event in self._end(block):
                self._spoken = True
                yield event
        if not self._spoken and self._reason is None:
            raise EmptyStream("the service ended the stream before it said anything; try again")
        reason = REASONS.get(self._reason or "", "unknown")
        yield Finish(reason, self._reason, self.usage, keep(NAME, self._kept))

    def _open(self, number: int, start: Mapping[str, Any]) -> Iterator[Event]:
        if number in self._blocks:
            yield from self._end(self._blocks[number])
        match start:
            case {"toolUse": {"type": str(kind)}} if kind != OWN_TYPE:
                self._blocks[number] = _Block(number, "opaque", _copied(start))
            case {"toolUse": {"toolUseId": str(id), "name": str(name)} as said}:
                self._blocks[number] = block = _Block(number, "call")
                kept = keep_call(rest(said, "toolUseId", "name", "input"))
                yield ToolCallStart(self._place(block), id, name, kept)
            case {"toolUse": _}:
                raise MalformedStream("the service sent a tool call without an id or a name")
            case _:
                self._blocks[number] = _Block(number, "opaque", _copied(start))

    def _delta(self, number: int, delta: Mapping[str, Any]) -> Iterator[Event]:
        """A piece more. A piece of an unknown kind is skipped."""
        match delta:
            case {"text": text}:
                yield from self._text(number, _string(text, "text"))
            case {"toolUse": {"input": fragment}}:
                yield from self._fragment(number, _string(fragment, "toolUse.input"))
            case {"reasoningContent": dict() as said}:
                yield from self._reasoning(number, said)
            case {"citation": dict() as citation}:
                block = yield from self._go_on(number, "text")
                kept = {"citations": [_mended(citation)]}
                shared = {CITATIONS: decode_citations(kept["citations"])}
                index = self._place(block)
                yield TextDelta("", index, metadata=keep(NAME, kept, **shared))
            case {"text": _} | {"toolUse": _} | {"reasoningContent": _} | {"citation": _}:
                raise MalformedStream("the service sent a piece of a content block that is none")
            case _:
                opaque = self._blocks.get(number)
                if opaque is not None and opaque.kind == "opaque":
                    opaque.grow(delta)

    def _text(self, number: int, text: str) -> Iterator[Event]:
        block = yield from self._go_on(number, "text")
        if said := self._halves.join(number, text):
            yield TextDelta(said, self._place(block))
            if number not in self._halves:
                self._plain, self._plain_index = number, block.index

    def _fragment(self, number: int, fragment: str) -> Iterator[Event]:
        block = self._blocks.get(number)
        if block is None or block.kind not in ("call", "opaque"):
            raise MalformedStream(f"the service sent a piece of a tool call {number} never begun")
        if block.kind == "opaque":
            block.pieces.append(fragment)
        elif said := self._halves.join(number, fragment):
            yield ToolCallDelta(block.index, said)

    def _reasoning(self, number: int, said: Mapping[str, Any]) -> Iterator[Event]:
        match said:
            case {"text": text}:
                block = yield from self._go_on(number, "reasoning")
                if text := self._halves.join(number, _string(text, "reasoningContent.text")):
                    yield ReasoningDelta(text, self._place(block))
            case {"signature": signature}:
                block = yield from self._go_on(number, "reasoning")
                if signature := _string(signature, "reasoningContent.signature"):
                    yield ReasoningDelta("", self._place(block), signature)
            case {"redactedContent": data}:
                block = yield from self._go_on(number, "redacted")
                block.pieces.append(_string(data, "reasoningContent.redactedContent"))
            case _:
                return

    def _go_on(self, number: int, kind: str) -> Generator[Event, None, _Block]:
        """The block ``number``; another begins where what it says is of another kind."""
        block = self._blocks.get(number)
        if block is None or block.kind != kind:
            if block is not None:
                yield from self._end(block)
            self._blocks[number] = block = _Block(number, kind)
        return block

    def _place(self, block: _Block) -> int:
        """The number of its part."""
        if block.index < 0:
            block.index, self._count = self._count, self._count + 1
        return block.index

    def _end(self, block: _Block) -> Iterator[Event]:
        """What is still held of it. A piece that comes later all the same is taken too."""
        if block.number in self._halves:
            self._halves.join(block.number, " ")  # its other half never came
            yield _lone(block.kind, self._place(block))
        if block.kind == "opaque" and block.value:
            whole, block.value = block.whole(), {}
            yield TextDelta("", self._place(block), metadata={NAME: {"block": whole}})
        elif block.kind == "redacted" and block.pieces:
            data, block.pieces = _joined(block.pieces), []
            yield ReasoningDelta("", self._place(block), "", {NAME: {"redactedContent": data}})


def _lone(kind: str, index: int) -> Event:
    match kind:
        case "text":
            return TextDelta(LONE, index)
        case "reasoning":
            return ReasoningDelta(LONE, index)
        case _:
            return ToolCallDelta(index, LONE)


def _number(value: Mapping[str, Any]) -> int:
    number = value.get("contentBlockIndex")
    if type(number) is not int or number < 0:
        raise MalformedStream("the service sent a content block without an index")
    return number


def _object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    if not isinstance(found, Mapping):
        raise MalformedStream(f"the service sent a content block without a {key}")
    return found


def _string(value: Any, name: str) -> str:
    """A string of the service's; "" where it said none."""
    if not isinstance(value, str | None):
        raise MalformedStream(f"the service sent a {name} that is not a string")
    return value or ""


def _mended(value: Mapping[str, Any]) -> dict[str, Any]:
    try:
        mended: dict[str, Any] = json.mend(value)
    except RecursionError:
        raise MalformedStream(
            "the service sent a content block that is nested too deeply"
        ) from None
    return mended


def _copied(start: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(item) if isinstance(item, Mapping) else item for key, item in start.items()}


def _input(text: str) -> Any:
    """The input of a tool of Bedrock's own; as text where the model did not get to its end."""
    try:
        return json.loads(text.encode()) if text else {}
    except json.UNREADABLE:
        return text


def _joined(pieces: list[str]) -> str:
    """Bytes that came in several pieces, each in base64 of its own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)
