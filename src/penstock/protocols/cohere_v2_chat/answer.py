"""One answer as it grows: Cohere's stream events in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import EmptyStream, MalformedStream
from penstock.events import (
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import call_ids, json
from penstock.protocols.cohere_v2_chat.chunks import decode_chunk, decode_plain
from penstock.protocols.cohere_v2_chat.citations import cited
from penstock.protocols.cohere_v2_chat.failure import FAILED, decode_stream_failure
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.cohere_v2_chat.plan import PLAN, PLANNED
from penstock.protocols.cohere_v2_chat.usage import decode_usage
from penstock.protocols.framed import Answer
from penstock.protocols.halves import LONE, Halves
from penstock.protocols.kept import keep, rest
from penstock.types import Usage

REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",  # of the older API; the newer has no word for it
}

_KNOWN = frozenset(
    (
        "message-start",
        "content-start",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "citation-end",
        "message-end",
    )
)


class _Block:
    """A content block or a tool call under way; ``index``: its part, once it has said anything."""

    __slots__ = ("index", "kind", "value")

    def __init__(self, kind: str, value: Mapping[str, Any]) -> None:
        self.index = -1
        self.kind = kind
        self.value = dict(value)

    def grow(self, said: Mapping[str, Any]) -> None:
        """A piece of a block that only Cohere understands: strings go on, all else is new."""
        for key, item in said.items():
            was = self.value.get(key)
            goes_on = key != "type" and isinstance(was, str) and isinstance(item, str)
            self.value[key] = was + item if goes_on else item


class ChatAnswer(Answer):
    """What has been said so far: Cohere's events in, ours out.

    ``index`` is the number of the part begun last; ``plain`` is its number on the wire if it is
    text and nothing of it is held back, so that a piece of it is one ``TextDelta`` and no more.
    """

    def __init__(self) -> None:
        self.plain = -1
        self.index = -1
        self._id = ""
        self._planning = False
        self._halves = Halves()
        self._content: dict[int, _Block] = {}
        self._calls: dict[int, _Block] = {}
        self._text: _Block | None = None
        self._usage: Any = None

    @property
    def usage(self) -> Usage | None:
        return decode_usage(self._usage) if isinstance(self._usage, Mapping) else None

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
                    elif text := chunk.delta.message.content.text:
                        yield TextDelta(text, self.index)
            else:
                yield from self.take(payload)
            if self.ended:
                return

    def take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":  # follows the end; is none itself
            return
        yield from self._take(decode_chunk(payload, MalformedStream))

    def _take(self, value: Mapping[str, Any]) -> Iterator[Event]:
        match value:
            case {"type": str(kind)} if kind in _KNOWN:
                yield from self._begin(_string(value, "id"))
                yield from self._known(kind, value)
            case {"type": str()}:
                return  # what was invented later
            case {"message": str()} | {"error": str() | {}}:  # an error's own body
                raise decode_stream_failure(value, self._spoken)
            case _:
                raise MalformedStream("the service sent an event without a type")

    @property
    def _spoken(self) -> bool:
        return self.index >= 0

    def _begin(self, id: str) -> Iterator[Event]:
        if not self.began:
            self.began = True
            self._id = id
            yield Start(id, "")

    def _known(self, kind: str, value: Mapping[str, Any]) -> Iterator[Event]:
        match value:
            case {"type": "content-delta", "delta": {"message": {"content": dict() as said}}}:
                yield from self._more(_number(value), said, value.get("logprobs"))
            case {"type": "content-start", "delta": {"message": {"content": dict() as said}}}:
                yield from self._open(_number(value), said)
            case {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": str(text)}}}:
                yield from self._plan(text)
            case {"type": "tool-call-start", "delta": {"message": {"tool_calls": dict() as call}}}:
                yield from self._call(_number(value), call)
            case {"type": "tool-call-delta", "delta": {"message": {"tool_calls": dict() as call}}}:
                yield from self._arguments(_number(value), call)
            case {
                "type": "citation-start",
                "delta": {"message": {"citations": dict() as citation}},
            }:
                yield from self._cite([citation])
            case {"type": "message-end", "delta": dict() as said}:
                yield from self.end(said)
            case {"type": "content-end"}:
                yield from self._close(_number(value))
            case {"type": "message-start" | "tool-call-end" | "citation-end"}:
                return
            case _:
                raise MalformedStream(f"the service sent a {kind} that is none")

    def take_whole(self, value: Mapping[str, Any]) -> Iterator[Event]:
        """All of an answer that came in one piece."""
        message: Mapping[str, Any] = value["message"]
        yield from self._begin(_string(value, "id"))
        for number, block in enumerate(_blocks(message)):
            yield from self._open(number, block)
            yield from self._close(number)
        if citations := _list(message, "citations"):
            yield from self._cite(citations)
        yield from self._plan(_string(message, PLAN))
        for number, call in enumerate(_list(message, "tool_calls")):
            yield from self._call(number, _object(call, "tool call"))
        yield from self.end(rest(value, "id", "message"))

    def _open(self, number: int, said: Mapping[str, Any]) -> Iterator[Event]:
        """A content block begins, with some of its text or none."""
        if number in self._content:
            yield from self._close(number)
        self.plain = -1
        kind = said.get("type") or ("thinking" if "thinking" in said else "text")
        if not isinstance(kind, str):
            raise MalformedStream("the service sent a content block without a type")
        self._content[number] = block = _Block(kind, said)
        if kind in ("text", "thinking"):
            yield from self._say(number, block, _string(said, kind), rest(said, "type", kind))

    def _more(self, number: int, said: Mapping[str, Any], logprobs: Any) -> Iterator[Event]:
        block = self._content.get(number)
        if block is None:
            self._content[number] = block = _Block("thinking" if "thinking" in said else "text", {})
        if block.kind not in ("text", "thinking"):
            block.grow(said)
            return
        kept = {} if logprobs is None else {"logprobs": [logprobs]}
        yield from self._say(number, block, _string(said, block.kind), kept)

    def _say(self, number: int, block: _Block, text: str, kept: dict[str, Any]) -> Iterator[Event]:
        text = self._halves.join(block, text)
        metadata = keep(NAME, {key: item for key, item in kept.items() if item is not None})
        if text or metadata:
            index = self._part(block)
            if block.kind == "thinking":
                yield ReasoningDelta(text, index, metadata=metadata)
            else:
                self._text = block
                yield TextDelta(text, index, metadata=metadata)
        is_plain = block.kind == "text" and block.index == self.index and self._spoken
        self.plain = number if is_plain and block not in self._halves else -1

    def _part(self, block: _Block) -> int:
        """The block's part; a new one where it has not said anything yet."""
        if block.index < 0:
            self.index += 1
            block.index = self.index
            self._planning = False
            self.plain = -1
        return block.index

    def _close(self, number: int) -> Iterator[Event]:
        self.plain = -1
        block = self._content.get(number)
        if block is not None and block.kind not in ("text", "thinking") and block.index < 0:
            value = json.mend(block.value)
            yield TextDelta("", self._part(block), metadata={NAME: {"block": value}})

    def _plan(self, text: str) -> Iterator[Event]:
        if text := self._halves.join(PLAN, text):
            yield ReasoningDelta(text, self._plan_part(), metadata=PLANNED)

    def _plan_part(self) -> int:
        if not self._planning:
            self._part(_Block(PLAN, {}))
            self._planning = True
        return self.index

    def _call(self, number: int, call: Mapping[str, Any]) -> Iterator[Event]:
        function = _object(call.get("function") or {}, "tool call's function")
        self._calls[number] = block = _Block("call", {})
        id = _string(call, "id") or call_ids.make(self._id, number)
        kept = rest(call, "id", "type", "function")
        yield ToolCallStart(self._part(block), id, _string(function, "name"), keep(NAME, kept))
        yield from self._said(block, function)

    def _arguments(self, number: int, call: Mapping[str, Any]) -> Iterator[Event]:
        block = self._calls.get(number)
        if block is None:
            raise MalformedStream(f"the service sent arguments of a call {number} it never began")
        yield from self._said(block, _object(call.get("function") or {}, "tool call's function"))

    def _said(self, block: _Block, function: Mapping[str, Any]) -> Iterator[Event]:
        if text := self._halves.join(block, _string(function, "arguments")):
            yield ToolCallDelta(block.index, text)

    def _cite(self, citations: list[Any]) -> Iterator[Event]:
        """Each citation belongs to the text that it names, else to the one begun last."""
        by_block: dict[_Block, list[Any]] = {}
        for citation in citations:
            number = citation.get("content_index") if isinstance(citation, Mapping) else None
            named = self._content.get(number) if type(number) is int else None
            block = named if named is not None and named.kind == "text" else self._text
            block = self._text = block or _Block("text", {})
            by_block.setdefault(block, []).append(citation)
        for block, some in by_block.items():
            yield TextDelta("", self._part(block), metadata=cited(some))

    def end(self, said: Mapping[str, Any]) -> Iterator[Event]:
        """What is still held, and ``Finish``. Raises ``EmptyStream`` if nothing was said."""
        for number in list(self._content):
            yield from self._close(number)
        for whose in self._halves:
            yield self._lone_half(whose)
        reason, self._usage = said.get("finish_reason"), said.get("usage")
        self.ended = True
        if reason in FAILED or said.get("error"):
            raise decode_stream_failure(said, self._spoken)
        if not self._spoken and not reason:
            raise EmptyStream("the service ended the stream before it said anything; try again")
        raw_reason = None if reason is None else str(reason)
        _object(self._usage or {}, "usage")
        kept = rest(said, "finish_reason", "usage", "error", "error_type")
        kept = {key: item for key, item in kept.items() if item is not None}
        why = REASONS.get(raw_reason or "", "unknown")
        yield Finish(why, raw_reason, self.usage, keep(NAME, kept))

    def _lone_half(self, whose: Any) -> Event:
        if whose == PLAN:
            return ReasoningDelta(LONE, self._plan_part(), metadata=PLANNED)
        if whose.kind == "call":
            return ToolCallDelta(whose.index, LONE)
        kind = ReasoningDelta if whose.kind == "thinking" else TextDelta
        return kind(LONE, self._part(whose))


def _number(value: Mapping[str, Any]) -> int:
    number = value.get("index")
    if type(number) is not int:
        raise MalformedStream("the service sent a piece of an answer without an index")
    return number


def _string(value: Mapping[str, Any], key: str) -> str:
    """A string of the service's; "" where it said none."""
    text = value.get(key)
    if not isinstance(text, str | None):
        raise MalformedStream(f"the service sent a {key} that is not a string")
    return text or ""


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedStream(f"the service sent a {what} that is not an object")
    return value


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    items = value.get(key)
    if not isinstance(items, list | None):
        raise MalformedStream(f"the service sent {key} that are not a list")
    return items or []


def _blocks(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if isinstance(text := message.get("content"), str):
        yield {"type": "text", "text": text}
        return
    for block in _list(message, "content"):
        yield _object(block, "content block")
