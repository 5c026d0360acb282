"""Gemini's answers: events -> bytes, whole or in a stream of either framing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
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
from penstock.protocols import Encoder, call_ids, json
from penstock.protocols.functions import as_object
from penstock.protocols.gemini_generate.answer import BESIDE, OF_ANSWER, REASONS, UNSPECIFIED
from penstock.protocols.gemini_generate.failure import encode_failure
from penstock.protocols.gemini_generate.grounding import Said, grounding
from penstock.protocols.gemini_generate.parts import (
    BLOCK,
    encode_call,
    encode_part,
    encode_thought,
)
from penstock.protocols.gemini_generate.paths import ALT
from penstock.protocols.gemini_generate.signatures import wrap
from penstock.protocols.gemini_generate.usage import encode_usage
from penstock.protocols.gemini_generate.words import NAME
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.types import (
    CITATIONS,
    ChatRequest,
    Metadata,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

_WORDS = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}


class _Call:
    """A tool call under way: Gemini says a call at once, when all of it is known."""

    __slots__ = ("_may_be_over", "_over", "arguments", "start")

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.arguments: list[str] = []
        self._may_be_over = self._over = False

    def add(self, fragment: str) -> None:
        self.arguments.append(fragment)
        if said := fragment.rstrip():
            self._may_be_over, self._over = said.endswith("}"), False

    def is_over(self) -> bool:
        if self._may_be_over:  # they may be long: read once, when something has come
            self._over = as_object("".join(self.arguments)) is not None
            self._may_be_over = False
        return self._over


class ChunkEncoder(Encoder):
    """Writes a stream of chunks: as server-sent events, or as the array that was asked for."""

    def __init__(self, request: ChatRequest) -> None:
        self._array = ALT in (kept_for(NAME, request.metadata).get(RAW) or {})
        if self._array:
            self.content_type = "application/json; charset=utf-8"
        self._begun = False
        self._model = request.model
        self._calls: dict[int, _Call] = {}
        self._written = 0
        self._texts: dict[int, list[str]] = {}
        self._cited: dict[int, list[Any]] = {}
        self._open(Start())

    def _open(self, start: Start) -> None:
        """Everything of a chunk but its candidates is the same for all chunks of a stream."""
        self._id = start.id
        self._head = _named(start.id, start.model or self._model)
        first, end = (b"", b"") if self._array else (b"data: ", b"\r\n\r\n")
        tail = b',"role":"model"},"index":0}]' + _after(self._head) + b"}" + end
        self._text_head = first + b'{"candidates":[{"content":{"parts":[{"text":'
        self._text_tail = b"}]" + tail

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, index, _, None):
                return self._text(text, index)
            case TextDelta(text, index, _, metadata):
                return self._rare_text(text, index, metadata)
            case ReasoningDelta(text, _, signature, metadata):
                part = encode_thought(text, wrap(signature), kept_for(NAME, metadata))
                return self._part(part) if part else b""
            case ToolCallStart(index):
                self._calls[index] = _Call(event)
            case ToolCallDelta(index, arguments):
                call = self._calls.setdefault(index, _Call(ToolCallStart(index, "", "")))
                call.add(arguments)
            case Start():
                self._open(event)
            case Finish():
                return self._finish(event)
        return b""

    def _text(self, text: str, index: int) -> bytes:
        if not text:
            return b""
        before = self._write_calls(all_of_them=False) if self._calls else b""
        self._texts.setdefault(index, []).append(text)
        data = self._text_head + json.in_one_line(json.encode(text)) + self._text_tail
        return before + (self._separated(data) if self._array else data)

    def _rare_text(self, text: str, index: int, metadata: Metadata | None) -> bytes:
        """Signed text, text with citations, or a part that only Gemini understands."""
        cited = (metadata or {}).get(CITATIONS)
        if isinstance(cited, list | tuple):
            self._cited.setdefault(index, []).extend(cited)
        kept = kept_for(NAME, metadata)
        if isinstance(kept.get(BLOCK), Mapping) and not text:
            return self._part(kept[BLOCK])
        if not kept:
            return self._text(text, index)
        self._texts.setdefault(index, []).append(text)
        return self._part({"text": text, **kept})

    def _part(self, part: Mapping[str, Any]) -> bytes:
        before = self._write_calls(all_of_them=False) if self._calls else b""
        return before + self._content([part])

    def _content(self, parts: list[Any]) -> bytes:
        content = {"parts": parts, "role": "model"}
        return self._chunk({"candidates": [{"content": content, "index": 0}], **self._head})

    def _write_calls(self, all_of_them: bool) -> bytes:
        """The calls that are known to be whole, in their order; at the end, all."""
        said = []
        # those after one that is not over wait with it, so that their order stays
        calls = self._calls.items()
        for index, call in list(takewhile(lambda item: all_of_them or item[1].is_over(), calls)):
            del self._calls[index]
            start, arguments = call.start, "".join(call.arguments)
            id = _said_id(start.id, self._id, self._written)
            self._written += 1
            kept = kept_for(NAME, start.metadata)
            said.append(encode_call(id, start.name, arguments, kept))
        return self._content(said) if said else b""

    def _chunk(self, value: Mapping[str, Any]) -> bytes:
        data = json.in_one_line(json.encode(value))
        return self._separated(data) if self._array else b"data: " + data + b"\r\n\r\n"

    def _separated(self, data: bytes) -> bytes:
        between = b"\n,\r\n" if self._begun else b"["
        self._begun = True
        return between + data

    def _finish(self, finish: Finish) -> bytes:
        data = self._write_calls(all_of_them=True)
        texts = [Said(index, "".join(pieces)) for index, pieces in self._texts.items()]
        content = {"parts": [{"text": ""}], "role": "model"}
        about = _about(finish, grounding(self._cited, texts))
        data += self._chunk(_answer(finish, content, about) | self._head)
        return data + (b"\n]\n" if self._array else b"")

    def error(self, error: PenstockError) -> bytes:
        return self._chunk(encode_failure(error)) + (b"\n]\n" if self._array else b"")


def _named(id: str, model: str) -> dict[str, str]:
    said = {"modelVersion": model, "responseId": id}
    return {key: value for key, value in said.items() if value}


def _after(head: Mapping[str, str]) -> bytes:
    """The fields of an object that go on after others."""
    return b"," + json.in_one_line(json.encode(head))[1:-1] if head else b""


def _said_id(id: str, answer: str, number: int) -> str:
    """A call's id; empty where its reader makes the same one of what it knows."""
    return "" if answer and id == call_ids.make(answer, number) else id


def _about(finish: Finish, cited: dict[str, Any]) -> dict[str, Any]:
    """What is said of the answer and its candidate; citations, unless Gemini's own are there."""
    kept = kept_for(NAME, finish.metadata)
    if cited and "groundingMetadata" not in kept and "citationMetadata" not in kept:
        kept["groundingMetadata"] = cited
    return kept


def _answer(finish: Finish, content: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The chunk that ends a stream, or a whole answer."""
    raw, beside = about.pop(RAW, {}), about.pop(BESIDE, {})
    of_answer = {key: about.pop(key) for key in OF_ANSWER if key in about}
    candidate = {"content": content, "finishReason": _reason(finish), "index": 0, **about}
    refused = finish.raw_reason is None and "promptFeedback" in of_answer
    value: dict[str, Any] = {} if refused else {"candidates": [candidate]}
    if finish.usage is not None:
        value["usageMetadata"] = encode_usage(finish.usage)
    return {**value, **of_answer, **beside, **raw}


def _reason(finish: Finish) -> str:
    """The finish reason in Gemini's words; never an invented one."""
    raw, reason = finish.raw_reason, finish.reason
    if reason == "unknown":
        return raw or UNSPECIFIED
    same = "stop" if reason == "tool_calls" else reason
    return raw if raw and REASONS.get(raw) == same else _WORDS[reason]


def encode_response(reply: Reply) -> dict[str, Any]:
    """The whole answer."""
    parts, calls = [], 0
    for part in reply.message.content:
        if isinstance(part, ToolCallPart):
            id = _said_id(part.id, reply.id, calls)
            said = encode_call(id, part.name, part.arguments, kept_for(NAME, part.metadata))
            calls += 1
        elif isinstance(part, ReasoningPart):
            kept = kept_for(NAME, part.metadata)
            said = encode_thought(part.text, wrap(part.signature), kept) or {}
        else:
            said = encode_part(part, {}) or {}
        if said:
            parts.append(said)
    content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    finish = reply.finish or Finish("unknown")
    about = _about(finish, grounding(_cited(reply), _texts(reply)))
    return _answer(finish, content, about) | _named(reply.id, reply.model)


def _visible(reply: Reply) -> list[tuple[int, Part]]:
    content = enumerate(reply.message.content)
    return [(index, part) for index, part in content if isinstance(part, TextPart | RefusalPart)]


def _texts(reply: Reply) -> list[Said]:
    return [Said(index, getattr(part, "text", "")) for index, part in _visible(reply)]


def _cited(reply: Reply) -> dict[int, Any]:
    found = {
        index: (getattr(part, "metadata", None) or {}).get(CITATIONS)
        for index, part in _visible(reply)
    }
    return {index: cited for index, cited in found.items() if isinstance(cited, list | tuple)}
