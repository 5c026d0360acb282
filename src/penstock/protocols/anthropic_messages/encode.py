"""Anthropic's answers: events -> bytes, whole or in a stream."""

from __future__ import annotations

from collections.abc import Mapping
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
from penstock.protocols.anthropic_messages.answer import REASONS
from penstock.protocols.anthropic_messages.citations import NAME, citations_of
from penstock.protocols.anthropic_messages.failure import encode_failure
from penstock.protocols.anthropic_messages.request_encode import encode_blocks
from penstock.protocols.anthropic_messages.usage import encode_usage
from penstock.protocols.functions import arguments_of, as_object
from penstock.protocols.loss import RAW
from penstock.protocols.sse import encode_event
from penstock.types import ChatRequest, Metadata, Part, TextPart

_WORDS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_BESIDE = ("context_management",)
"""What a ``message_delta`` says beside its ``delta``, not in it."""


class _Call:
    """A tool call under way, and its arguments so far; ``is_object`` once they begin as an object
    does, which callers must be able to read, ``is_free_text`` once they begin otherwise."""

    __slots__ = ("_read", "_size", "arguments", "is_free_text", "is_object", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.arguments: list[str] = []
        self.is_object = False
        self.is_free_text = False
        self._size = 0
        self._read = 0

    def take(self, fragment: str) -> str:
        """What of the arguments can be said now."""
        self.arguments.append(fragment)
        self._size += len(fragment)
        if self.is_object:
            return fragment
        begun = "" if self.is_free_text else fragment.lstrip()
        if not begun:
            return ""
        self.is_object = begun.startswith("{")
        self.is_free_text = not self.is_object
        return "".join(self.arguments) if self.is_object else ""

    def rest(self) -> str:
        """Arguments that are no object (another protocol's free text), as one that holds them."""
        so_far = "" if self.is_object else "".join(self.arguments)
        said = arguments_of(so_far)
        return json.encode(said).decode() if said else ""

    def is_over(self) -> bool:
        """Whether the arguments are a whole object. They are read when they may end, and again
        only once they are twice as long, so that all readings cost no more than the last."""
        if not self.is_object or not self.arguments[-1].rstrip().endswith("}"):
            return False
        if self._size < 2 * self._read:
            return False
        self._read = self._size
        return as_object("".join(self.arguments)) is not None


class MessageEncoder(Encoder):
    """Writes a stream: one content block after the other. Only tool calls whose arguments come
    in turn are open side by side."""

    def __init__(self, request: ChatRequest) -> None:
        self._model = request.model
        self._begun = False
        self._next = 0
        self._open: tuple[str, int] | None = None
        self._head = b""
        self._signature = ""
        """Of the thinking under way; said in one piece at its end, for Anthropic's own client
        keeps the last piece alone."""
        self._calls: dict[int, _Call] = {}
        self._open_calls: dict[int, _Call] = {}
        self._went_on: set[int] = set()
        """The calls that went on since another began."""

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, index, _, None):
                if self._open == ("text", index):
                    return self._text(text)
                return (
                    self._turn_to("text", index, {"text": ""}) + self._text(text) if text else b""
                )
            case TextDelta():
                return self._rare_text(event, _kept(event.metadata))
            case ReasoningDelta():
                return self._reasoning(event, _kept(event.metadata))
            case ToolCallStart():
                return self._call(event)
            case ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case Start():
                return self._begin(event)
            case Finish():
                return self._begin(Start()) + self._close_all(at_end=True) + _finish(event)

    def _begin(self, start: Start) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message: dict[str, Any] = {
            "id": start.id or "msg_penstock",
            "type": "message",
            "role": "assistant",
            "model": start.model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},  # the end says them
        }
        return _event("message_start", message=message)

    def _text(self, text: str) -> bytes:
        return self._head + json.encode(text) + b"}}\n\n" if text else b""

    def _rare_text(self, delta: TextDelta, kept: dict[str, Any]) -> bytes:
        """Text with citations, or a block that only Anthropic understands."""
        if isinstance(kept.get("block"), Mapping):
            return self._begin(Start()) + self._close_all() + self._whole_block(kept["block"])
        citations = citations_of(delta.metadata)
        kept.pop("citations", None)
        kept.pop(RAW, None)
        if not delta.text and not citations and not kept:
            return b""
        data = self._turn_to("text", delta.index, {"text": "", **kept}) + self._text(delta.text)
        for citation in citations:
            data += self._delta(self._next - 1, type="citations_delta", citation=citation)
        return data

    def _reasoning(self, delta: ReasoningDelta, kept: dict[str, Any]) -> bytes:
        if "redacted_thinking" in kept:
            data = kept.pop("redacted_thinking")
            block = {"type": "redacted_thinking", "data": data, **kept}
            return self._begin(Start()) + self._close_all() + self._whole_block(block)
        if not delta.text and not delta.signature and not kept:
            return b""
        value = {"thinking": "", "signature": "", **kept}
        data = self._turn_to("thinking", delta.index, value)
        if delta.text:
            data += self._delta(self._next - 1, type="thinking_delta", thinking=delta.text)
        self._signature += delta.signature
        return data

    def _turn_to(self, kind: str, index: int, block: Mapping[str, Any]) -> bytes:
        """Go on with the block that is open, or close it and open this one."""
        if self._open == (kind, index):
            return b""
        data = self._begin(Start()) + self._close_all() + self._start({"type": kind, **block})
        self._open = kind, index
        head = {"type": "content_block_delta", "index": self._next - 1}
        data_of = b"event: content_block_delta\ndata: " + json.encode(head)[:-1]
        self._head = data_of + b',"delta":{"type":"text_delta","text":'
        return data

    def _start(self, block: Mapping[str, Any]) -> bytes:
        self._next += 1
        return _event("content_block_start", index=self._next - 1, content_block=block)

    def _whole_block(self, block: Mapping[str, Any]) -> bytes:
        """A block that comes at once; a server tool's input as Anthropic says it, in a piece."""
        said = block.get("input")
        if said:
            data = self._start({**block, "input": {}})
            text = said if isinstance(said, str) else json.encode(said).decode()
            data += self._delta(self._next - 1, type="input_json_delta", partial_json=text)
        else:
            data = self._start(block)
        return data + _event("content_block_stop", index=self._next - 1)

    def _delta(self, number: int, **delta: Any) -> bytes:
        return _event("content_block_delta", index=number, delta=delta)

    def _call(self, start: ToolCallStart) -> bytes:
        went_on = sorted(self._went_on & self._open_calls.keys())
        self._went_on.clear()
        over = [index for index in went_on if self._open_calls[index].is_over()]
        data = self._begin(Start()) + (self._close_all() if self._open else b"")
        data += b"".join(self._close_call(self._open_calls.pop(index)) for index in over)
        self._calls[start.index] = self._open_calls[start.index] = _Call(self._next)
        block = {"type": "tool_use", "id": start.id, "name": start.name, "input": {}}
        return data + self._start({**block, **_kept(start.metadata)})

    def _arguments(self, index: int, fragment: str) -> bytes:
        data = b"" if index in self._calls else self._call(ToolCallStart(index, "", ""))
        if not fragment:
            return data
        self._went_on.add(index)
        return data + self._said(self._calls[index], self._calls[index].take(fragment))

    def _said(self, call: _Call, text: str) -> bytes:
        if not text:
            return b""
        return self._delta(call.number, type="input_json_delta", partial_json=text)

    def _close_call(self, call: _Call) -> bytes:
        return self._said(call, call.rest()) + self._close(call.number)

    def _close(self, number: int) -> bytes:
        return _event("content_block_stop", index=number)

    def _close_all(self, at_end: bool = False) -> bytes:
        """Close what is open; arguments that are no object may go on until the end."""
        over = [i for i, call in self._open_calls.items() if at_end or not call.is_free_text]
        data = b"".join(self._close_call(self._open_calls.pop(index)) for index in over)
        if self._open is not None:
            if self._signature:
                said = {"type": "signature_delta", "signature": self._signature}
                data += self._delta(self._next - 1, **said)
            data += self._close(self._next - 1)
        self._open, self._signature = None, ""
        return data

    def error(self, error: PenstockError) -> bytes:
        return b"event: error\n" + encode_event(json.encode(encode_failure(error)))


def _event(type: str, **said: Any) -> bytes:
    """An event as Anthropic frames it: its type stands before its data too."""
    return b"event: " + type.encode() + b"\n" + encode_event(json.encode({"type": type, **said}))


def _finish(finish: Finish) -> bytes:
    kept = _kept(finish.metadata)
    beside = {key: kept.pop(key) for key in _BESIDE if key in kept}
    delta = {"stop_reason": _reason(finish), "stop_sequence": None, **kept}
    usage = encode_usage(finish.usage)
    return _event("message_delta", delta=delta, usage=usage, **beside) + _event("message_stop")


def encode_response(reply: Reply) -> dict[str, Any]:
    """The whole message."""
    finish = reply.finish or Finish("unknown")
    return {
        "id": reply.id or "msg_penstock",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": encode_blocks(part for part in reply.message.content if not _is_empty(part)),
        "stop_reason": _reason(finish),
        "stop_sequence": None,
        "usage": encode_usage(finish.usage),
        **_kept(finish.metadata),
    }


def _is_empty(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text and not _kept(part.metadata)


def _reason(finish: Finish) -> str | None:
    """The stop reason in Anthropic's words; never an invented one."""
    if finish.reason == "unknown" or REASONS.get(finish.raw_reason or "") == finish.reason:
        return finish.raw_reason
    return _WORDS[finish.reason]


def _kept(metadata: Metadata | None) -> dict[str, Any]:
    return dict((metadata or {}).get(NAME, {}))
