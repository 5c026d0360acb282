"""Converse's answers: events -> frames, or the whole message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import PenstockError
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import Encoder, json
from penstock.protocols.bedrock_converse.answer import REASONS
from penstock.protocols.bedrock_converse.blocks import NAME, encode_part
from penstock.protocols.bedrock_converse.citations import encode_citations
from penstock.protocols.bedrock_converse.failure import encode_exception
from penstock.protocols.bedrock_converse.frames import encode_event
from penstock.protocols.bedrock_converse.frames import encode_exception as encode_exception_frame
from penstock.protocols.bedrock_converse.usage import encode_usage
from penstock.protocols.functions import as_object
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.types import CITATIONS, Metadata, Part, TextPart

_WORDS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}
_AT_STOP = "additionalModelResponseFields"
"""What ``messageStop`` says; all else is in ``metadata``."""


class _Call:
    """A tool call under way, and its arguments so far."""

    __slots__ = ("_read", "_size", "number", "pieces")

    def __init__(self, number: int) -> None:
        self.number = number
        self.pieces: list[str] = []
        self._size = 0
        self._read = 0

    def take(self, fragment: str) -> None:
        self.pieces.append(fragment)
        self._size += len(fragment)

    def is_whole(self) -> bool:
        """Whether the arguments are a whole object. They are read when they may end, and again
        only once they are twice as long, so that all readings cost no more than the last."""
        if not self.pieces or not self.pieces[-1].rstrip().endswith("}"):
            return False
        if self._size < 2 * self._read:
            return False
        self._read = self._size
        return as_object("".join(self.pieces)) is not None


class ConverseEncoder(Encoder):
    """Writes a stream: one content block after the other. Only tool calls whose arguments come
    in turn are open side by side."""

    def __init__(self) -> None:
        self._begun = False
        self._next = 0
        self._open: tuple[str, int] | None = None
        self._calls: dict[int, _Call] = {}
        self._open_calls: dict[int, _Call] = {}
        self._went_on: set[int] = set()
        """The calls that went on since another began."""

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, index, _, None):
                return self._turn_to("text", index) + self._delta(text=text) if text else b""
            case TextDelta():
                return self._rare_text(event)
            case ReasoningDelta():
                return self._reasoning(event)
            case ToolCallStart():
                return self._call(event)
            case ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case Start():
                return self._begin()
            case Finish():
                return self._begin() + self._close_all() + _finish(event)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return encode_event("messageStart", role="assistant")

    def _rare_text(self, event: TextDelta) -> bytes:
        """Text with citations, or a block that only Bedrock understands."""
        block = kept_for(NAME, event.metadata).get("block")
        if isinstance(block, Mapping):
            return self._turn() + b"".join(self._whole(block))
        citations = _citations(event.metadata)
        if not event.text and not citations:
            return b""
        data = self._turn_to("text", event.index)
        if event.text:
            data += self._delta(text=event.text)
        return data + b"".join(self._delta(citation=citation) for citation in citations)

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        redacted = kept_for(NAME, event.metadata).get("redactedContent")
        if redacted is not None:
            data = self._turn_to("redacted", event.index)
            return data + self._delta(reasoningContent={"redactedContent": redacted})
        if not event.text and not event.signature:
            return b""
        data = self._turn_to("reasoning", event.index)
        if event.text:
            data += self._delta(reasoningContent={"text": event.text})
        if event.signature:
            data += self._delta(reasoningContent={"signature": event.signature})
        return data

    def _turn_to(self, kind: str, index: int) -> bytes:
        """Go on with the block that is open, or close it and open this one."""
        if self._open == (kind, index):
            return b""
        data = self._turn()
        self._open = kind, index
        self._next += 1
        return data

    def _turn(self) -> bytes:
        return self._begin() + self._close_all()

    def _delta(self, **delta: Any) -> bytes:
        return _delta(self._next - 1, delta)

    def _start(self, start: Mapping[str, Any]) -> bytes:
        self._next += 1
        return encode_event("contentBlockStart", contentBlockIndex=self._next - 1, start=start)

    def _whole(self, block: Mapping[str, Any]) -> Iterator[bytes]:
        """A block that comes at once: what it is, what it holds, its end."""
        start, held = _parted(block)
        yield self._start(start)
        if held:
            yield self._delta(**held)
        yield _stop(self._next - 1)

    def _call(self, event: ToolCallStart) -> bytes:
        data = self._begin() + (self._close_all() if self._open else b"")
        went_on = sorted(self._went_on & self._open_calls.keys())
        self._went_on.clear()
        over = [index for index in went_on if self._open_calls[index].is_whole()]
        data += b"".join(_stop(self._open_calls.pop(index).number) for index in over)
        self._calls[event.index] = self._open_calls[event.index] = _Call(self._next)
        kept = kept_for(NAME, event.metadata)
        raw = kept.pop(RAW, {})
        call = {"toolUseId": event.id, "name": event.name, **raw, **kept}
        return data + self._start({"toolUse": call})

    def _arguments(self, index: int, fragment: str) -> bytes:
        data = b"" if index in self._calls else self._call(ToolCallStart(index, "", ""))
        if not fragment:
            return data
        call = self._calls[index]
        call.take(fragment)
        self._went_on.add(index)
        return data + _delta(call.number, {"toolUse": {"input": fragment}})

    def _close_all(self) -> bytes:
        numbers = [call.number for call in self._open_calls.values()]
        if self._open is not None:
            numbers.append(self._next - 1)
        self._open, self._open_calls = None, {}
        return b"".join(map(_stop, numbers))

    def error(self, error: PenstockError) -> bytes:
        return encode_exception_frame(*encode_exception(error))


def _delta(number: int, delta: Mapping[str, Any]) -> bytes:
    return encode_event("contentBlockDelta", contentBlockIndex=number, delta=delta)


def _stop(number: int) -> bytes:
    return encode_event("contentBlockStop", contentBlockIndex=number)


def _parted(block: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a whole block says at its start, and what in a piece after it."""
    start: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for kind, value in block.items():
        said = dict(value) if isinstance(value, Mapping) else value
        if kind == "toolUse" and isinstance(said, dict):
            if (input := said.pop("input", None)) not in (None, {}):
                text = input if isinstance(input, str) else json.encode(input).decode()
                held[kind] = {"input": text}
        elif isinstance(said, dict) and isinstance(said.get("content"), list):
            content = said.pop("content")
            held |= {kind: content} if content else {}
        start[kind] = said
    return start, held


def _citations(metadata: Metadata | None) -> list[Any]:
    """Citations as Bedrock has them: its own, or those that any protocol can say."""
    own = kept_for(NAME, metadata).get("citations")
    if isinstance(own, list | tuple):
        return list(own)
    return encode_citations((metadata or {}).get(CITATIONS))


def _finish(finish: Finish) -> bytes:
    kept = kept_for(NAME, finish.metadata)
    more = {_AT_STOP: kept.pop(_AT_STOP)} if _AT_STOP in kept else {}
    stop = encode_event("messageStop", stopReason=_reason(finish), **more)
    return stop + encode_event("metadata", **{"usage": encode_usage(finish.usage), **kept})


def encode_response(reply: Reply) -> dict[str, Any]:
    """The whole message."""
    finish = reply.finish or Finish("unknown")
    content = [block for part in reply.message.content if (block := _encode_part(part)) is not None]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _reason(finish),
        "usage": encode_usage(finish.usage),
        **kept_for(NAME, finish.metadata),
    }


def _encode_part(part: Part) -> dict[str, Any] | None:
    block = encode_part(part)
    if isinstance(part, TextPart) and (block is None or "text" in block):
        citations = _citations(part.metadata)
        content = {"content": [{"text": part.text}]} if part.text else {}
        return {"citationsContent": {**content, "citations": citations}} if citations else block
    return block


def _reason(finish: Finish) -> str | None:
    """The stop reason in Bedrock's words; never an invented one."""
    if finish.reason == "unknown" or REASONS.get(finish.raw_reason or "") == finish.reason:
        return finish.raw_reason
    return _WORDS[finish.reason]
