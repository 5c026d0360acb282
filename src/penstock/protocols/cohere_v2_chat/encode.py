"""Cohere's answers: events -> bytes, whole or in a stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from penstock.protocols.cohere_v2_chat.answer import REASONS
from penstock.protocols.cohere_v2_chat.citations import citations_of
from penstock.protocols.cohere_v2_chat.failure import encode_stream_failure
from penstock.protocols.cohere_v2_chat.messages import encode_said
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.cohere_v2_chat.plan import PLAN, is_plan
from penstock.protocols.cohere_v2_chat.usage import encode_usage
from penstock.protocols.functions import as_object
from penstock.protocols.kept import kept_for, rest
from penstock.protocols.sse import encode_event
from penstock.types import Part, TextPart

_ID = "chat_penstock"
_WORDS = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
}


class _Call:
    """A tool call under way, and its arguments so far."""

    __slots__ = ("arguments", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.arguments: list[str] = []

    def is_over(self) -> bool:
        return as_object("".join(self.arguments)) is not None


class ChatEncoder(Encoder):
    """Writes a stream: one content block after the other. Only tool calls whose arguments come
    in turn are open side by side."""

    def __init__(self) -> None:
        self._begun = False
        self._open: tuple[str, int] | None = None
        self._blocks: dict[int, int] = {}
        self._count = 0
        self._text: list[str] = []
        self._citations = 0
        self._head = b""
        self._calls: dict[int, _Call] = {}
        self._open_calls: dict[int, _Call] = {}
        self._perhaps_over: set[int] = set()

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, index, _, None):
                return self._turn_to("text", index) + self._say(text) if text else b""
            case TextDelta():
                return self._rare_text(event)
            case ReasoningDelta(text, index, _, metadata):
                if is_plan(metadata):
                    return self._plan(text)
                kept = kept_for(NAME, metadata)
                data = self._turn_to("thinking", index, **kept) if text or kept else b""
                return data + self._say(text) if text else data
            case ToolCallStart():
                return self._call(event)
            case ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case Start(id):
                return self._begin(id)
            case Finish():
                return self._end(encode_end(event))

    def _begin(self, id: str = "") -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message: dict[str, Any] = {"role": "assistant", "content": [], PLAN: ""}
        message |= {"tool_calls": [], "citations": []}
        return _event("message-start", id=id or _ID, delta={"message": message})

    def _turn_to(self, kind: str, index: int, **kept: Any) -> bytes:
        """Go on with the block that is open, or close it and open this one."""
        if self._open == (kind, index):
            return b""
        data = self._begin() + self._close_all()
        data += self._start({"type": kind, kind: "", **kept})
        self._open = kind, index
        self._blocks[index] = self._count - 1
        self._text = []
        head = {"type": "content-delta", "index": self._count - 1}
        data_of = b"event: content-delta\ndata: " + json.encode(head)[:-1]
        self._head = data_of + b',"delta":{"message":{"content":{"' + kind.encode() + b'":'
        return data

    def _start(self, block: Mapping[str, Any]) -> bytes:
        self._count += 1
        return _event("content-start", index=self._count - 1, delta={"message": {"content": block}})

    def _say(self, text: str) -> bytes:
        self._text.append(text)
        return self._head + json.encode(text) + b"}}}}\n\n"

    def _rare_text(self, delta: TextDelta) -> bytes:
        """Text with citations or probabilities, or a block that only Cohere understands."""
        kept = kept_for(NAME, delta.metadata)
        if isinstance(kept.get("block"), Mapping):
            data = self._begin() + self._close_all() + self._start(kept["block"])
            return data + _event("content-end", index=self._count - 1)
        data = self._spoken(delta, kept)
        text, number = "".join(self._text), self._blocks.get(delta.index, self._count)
        citations = citations_of(delta.metadata, text, number)
        if citations and delta.index not in self._blocks:
            data += self._turn_to("text", delta.index)
        return data + b"".join(map(self._cite, citations))

    def _spoken(self, delta: TextDelta, kept: dict[str, Any]) -> bytes:
        """The text itself; with each probability a piece of its own."""
        text = delta.text
        logprobs = kept.get("logprobs")
        items = list(logprobs) if isinstance(logprobs, list | tuple) else []
        others = rest(kept, "logprobs", "citations")
        if not text and not items and not others:
            return b""
        data = self._turn_to("text", delta.index, **others)
        for item in items:
            self._text.append(text)
            content = {"message": {"content": {"text": text}}}
            place = self._count - 1
            data += _event("content-delta", index=place, delta=content, logprobs=item)
            text = ""
        return data + self._say(text) if text else data

    def _cite(self, citation: Any) -> bytes:
        number, self._citations = self._citations, self._citations + 1
        begun = _event("citation-start", index=number, delta={"message": {"citations": citation}})
        return begun + _event("citation-end", index=number)

    def _plan(self, text: str) -> bytes:
        if not text:
            return b""
        data = self._begin() + self._close_all()
        return data + _event("tool-plan-delta", delta={"message": {PLAN: text}})

    def _call(self, start: ToolCallStart) -> bytes:
        data = self._begin() + (self._close_all() if self._open else b"") + self._close_over()
        number = len(self._calls)
        self._calls[start.index] = self._open_calls[start.index] = _Call(number)
        function = {"name": start.name, "arguments": ""}
        call = {"id": start.id, "type": "function", "function": function}
        call |= kept_for(NAME, start.metadata)
        return data + _event(
            "tool-call-start", index=number, delta={"message": {"tool_calls": call}}
        )

    def _arguments(self, index: int, fragment: str) -> bytes:
        data = b"" if index in self._calls else self._call(ToolCallStart(index, "", ""))
        if not fragment:
            return data
        call = self._calls[index]
        call.arguments.append(fragment)
        if fragment.rstrip().endswith("}"):
            self._perhaps_over.add(index)
        said = {"message": {"tool_calls": {"function": {"arguments": fragment}}}}
        return data + _event("tool-call-delta", index=call.number, delta=said)

    def _close_over(self) -> bytes:
        """End the calls that are known to be whole, where something came since it was asked."""
        came, self._perhaps_over = self._perhaps_over, set()
        over = [index for index in sorted(came) if self._is_over(index)]
        return b"".join(self._end_call(self._open_calls.pop(index)) for index in over)

    def _is_over(self, index: int) -> bool:
        return index in self._open_calls and self._open_calls[index].is_over()

    def _end_call(self, call: _Call) -> bytes:
        return _event("tool-call-end", index=call.number)

    def _close_all(self) -> bytes:
        data = b"".join(map(self._end_call, self._open_calls.values()))
        if self._open is not None:
            data += _event("content-end", index=self._count - 1)
        self._open, self._open_calls = None, {}
        return data

    def _end(self, delta: Mapping[str, Any]) -> bytes:
        data = self._begin() + self._close_all() + _event("message-end", delta=delta)
        return data + b"data: [DONE]\n\n"

    def error(self, error: PenstockError) -> bytes:
        return self._end(encode_stream_failure(error))


def _event(type: str, **said: Any) -> bytes:
    """An event as Cohere frames it: its type stands before its data too."""
    return b"event: " + type.encode() + b"\n" + encode_event(json.encode({"type": type, **said}))


def encode_end(finish: Finish) -> dict[str, Any]:
    """What is said of the end."""
    kept = kept_for(NAME, finish.metadata)
    return {"finish_reason": _reason(finish), "usage": encode_usage(finish.usage), **kept}


def _reason(finish: Finish) -> str | None:
    """The finish reason in Cohere's words; never an invented one."""
    if finish.reason == "unknown" or REASONS.get(finish.raw_reason or "") == finish.reason:
        return finish.raw_reason
    return _WORDS[finish.reason]


def encode_response(reply: Reply) -> dict[str, Any]:
    """The whole answer."""
    parts = [part for part in reply.message.content if not _is_silent(part)]
    message: dict[str, Any] = {"role": "assistant", **encode_said(parts)}
    if "tool_calls" not in message:
        message.setdefault("content", [])
    value = {"id": reply.id or _ID, "message": message}
    value |= encode_end(reply.finish or Finish("unknown"))
    logprobs = list(_logprobs(parts))
    return {**value, "logprobs": logprobs} if logprobs else value


def _is_silent(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text and not part.metadata


def _logprobs(parts: Iterable[Part]) -> Iterable[Any]:
    for part in parts:
        said = kept_for(NAME, part.metadata).get("logprobs") if isinstance(part, TextPart) else None
        yield from said if isinstance(said, list | tuple) else ()
