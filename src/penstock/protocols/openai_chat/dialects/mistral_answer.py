"""Mistral's answers: content as parts, tool calls whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import MalformedStream
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import json
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.protocols.openai_chat.chunks import Chunk
from penstock.protocols.openai_chat.dialects.failing import FailingAnswer
from penstock.protocols.openai_chat.dialects.mistral_parts import thinking, thought
from penstock.protocols.openai_chat.encode import NO_ARGUMENTS, ChunkEncoder
from penstock.protocols.openai_chat.request_decode import NAME
from penstock.protocols.openai_chat.usage import encode_usage
from penstock.types import ChatRequest, Part, ReasoningPart, RefusalPart, TextPart


class MistralAnswer(FailingAnswer):
    """Reads content that is a string or a list of parts, in turn."""

    _closed: tuple[int, Any] = (-1, None)
    """The part of thinking that was read last, and whether it is said to be whole."""

    def take_chunk(self, chunk: Chunk) -> Iterator[Event]:
        chunk.usage = chunk.usage or None  # the SDK wants an object even where nothing is known
        return super().take_chunk(chunk)

    def _content_parts(self, parts: list[Any]) -> Iterator[Event]:
        for part in parts:
            if not isinstance(part, Mapping):
                raise MalformedStream("a content part is not an object")
            match part:
                case {"type": "thinking"}:
                    yield from self._thinking(part)
                case {"type": "text", "text": str(text)}:
                    if text := self._join("content", text):
                        yield TextDelta(text, self._part(TextDelta))
                case _:
                    yield self._block(part)

    def _thinking(self, part: Mapping[str, Any]) -> Iterator[Event]:
        text, signature = self._join("reasoning", thought(part)), part.get("signature")
        signature = signature if isinstance(signature, str) else ""
        if text or signature:
            index, closed = self._part(ReasoningDelta), part.get("closed")
            is_known = closed is None or self._closed == (index, closed)
            self._closed = index, closed
            kept = None if is_known else {NAME: {RAW: {"closed": closed}}}
            yield ReasoningDelta(text, index, signature, kept)

    def _block(self, part: Mapping[str, Any]) -> Event:
        """A part that only Mistral understands (a reference), whole and alone."""
        self._kind = None
        index = self._part(TextDelta)
        self._kind, self.plain = None, False
        return TextDelta("", index, metadata={NAME: {"block": dict(part)}})


class MistralEncoder(ChunkEncoder):
    """Writes chunks as Mistral does: the tool calls in the last one, whole, with the usage."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._pieces: dict[int, tuple[str, str, list[str]]] = {}

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, _, _, metadata):
                kept = kept_for(NAME, metadata)
                if block := kept.get("block"):
                    return self._delta({"content": [block]})
                if kept.get("logprobs"):
                    return self._delta({"content": text}, logprobs=kept["logprobs"])
                return super().encode(TextDelta(text)) if text else b""
            case ReasoningDelta(text, _, signature, metadata) if text or signature:
                return self._delta({"content": [thinking(text, signature, metadata)]})
            case ReasoningDelta():
                return b""
            case ToolCallStart(index, id, name):
                self._pieces[index] = id, name, []
                return b""
            case ToolCallDelta(index, arguments):
                self._pieces.setdefault(index, ("", "", []))[2].append(arguments)
                return b""
            case _:
                return super().encode(event)

    def _finish(self, finish: Finish) -> bytes:
        delta: dict[str, Any] = {"content": ""}
        if self._pieces:
            calls = enumerate(self._pieces.values())
            delta["tool_calls"] = [_call(*call, number) for number, call in calls]
        kept = kept_for(NAME, finish.metadata)
        choice = {"index": 0, "delta": delta, "finish_reason": _reason(finish)}
        about = dict(kept.get("answer", {}))
        if finish.usage is not None:
            about["usage"] = encode_usage(finish.usage)
        end = b"," + json.encode(about)[1:] if about else b"}"
        choices = json.encode([choice | kept.get("choice", {})])
        return self._head + choices + end + b"\n\ndata: [DONE]\n\n"


def encode_response(reply: Reply, answer: dict[str, Any]) -> dict[str, Any]:
    """The whole ``answer`` in OpenAI's words, brought into Mistral's."""
    content = [said for part in reply.message.content if (said := _encode_part(part))]
    texts = all(said["type"] == "text" for said in content)
    numbered = enumerate(reply.tool_calls)
    calls = [_call(call.id, call.name, [call.arguments], number) for number, call in numbered]
    message = {
        "role": "assistant",
        "content": "".join(said["text"] for said in content) if texts else content,
        "tool_calls": calls or None,
    }
    finish = reply.finish or Finish("unknown")
    choice = {**answer["choices"][0], "message": message, "finish_reason": _reason(finish)}
    return {"usage": {}, **answer, "choices": [choice]}


def _encode_part(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart(_, metadata) if block := kept_for(NAME, metadata).get("block"):
            return dict(block)
        case TextPart(text) | RefusalPart(text) if text:
            return {"type": "text", "text": text}
        case ReasoningPart(text, signature, metadata) if text or signature:
            return thinking(text, signature, metadata)
        case _:
            return None


def _call(id: str, name: str, pieces: list[str], number: int) -> dict[str, Any]:
    function = {"name": name, "arguments": "".join(pieces) or NO_ARGUMENTS}
    return {"id": id, "type": "function", "function": function, "index": number}


def _reason(finish: Finish) -> str | None:
    """Mistral's own word where it says the same, else OpenAI's, which are Mistral's too."""
    is_own = finish.reason == "unknown" or finish.raw_reason == "model_length"
    return finish.raw_reason if is_own else finish.reason
