"""OpenAI chat answers: events -> bytes, whole or in chunks."""

from __future__ import annotations

import time
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
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.protocols.openai_chat.citations import beside_text
from penstock.protocols.openai_chat.request_decode import LEGACY, NAME, signed
from penstock.protocols.openai_chat.usage import encode_usage
from penstock.protocols.sse import encode_event
from penstock.types import (
    ChatRequest,
    Metadata,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

NO_ARGUMENTS = "{}"
_GATHERED = frozenset(("annotations", "reasoning_details"))
"""Lists that a message has one of, though they may come in several deltas."""


class ChunkEncoder(Encoder):
    """Writes a stream of chunks; usage only for a caller who asked (``stream_options``)."""

    def __init__(self, request: ChatRequest, reasoning_apart: bool = False) -> None:
        self._usage = _wants_usage(request)
        self._reasoning_apart = reasoning_apart
        self._created = int(time.time())
        self._model = request.model
        self._calls: dict[int, tuple[int, str]] = {}
        self._silent: dict[int, None] = {}
        self._gathered: dict[str, int] = {}
        self._open(Start())

    def _open(self, start: Start) -> None:
        """Everything of a chunk but its choices is the same for all chunks of a stream."""
        head = {
            "id": start.id or "chatcmpl-penstock",
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": start.model or self._model,
        }
        self._head = b"data: " + json.encode(head)[:-1] + b',"choices":'
        self._text = self._head + b'[{"index":0,"delta":{"content":'

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, _, False, None):
                return self._text + json.encode(text) + b'},"finish_reason":null}]}\n\n'
            case TextDelta(text, _, refusal, metadata):
                rare = beside_text(metadata)
                about = {"logprobs": rare.pop("logprobs")} if "logprobs" in rare else {}
                if not text and not rare and not about:
                    return b""
                delta = {"refusal" if refusal else "content": text, **rare}
                return self._delta(self._numbered(delta), **about)
            case ReasoningDelta(text, _, signature, metadata):
                return self._delta(self._numbered(_reasoning(text, signature, metadata)))
            case ToolCallStart(index, id, name, metadata):
                call = _call(id, name, "", metadata)
                self._calls[index] = len(self._calls), call["type"]
                self._silent[index] = None
                return self._tool_call(index, call)
            case ToolCallDelta(index, arguments):
                _, kind = self._calls.setdefault(index, (len(self._calls), "function"))
                if arguments:
                    self._silent.pop(index, None)
                return self._tool_call(index, _function(kind, arguments))
            case Start():
                self._open(event)
                return self._delta({"role": "assistant", "content": ""})
            case Finish():
                return self._finish(event)

    def _tool_call(self, index: int, said: dict[str, Any]) -> bytes:
        number, kind = self._calls[index]
        if kind == LEGACY:
            return self._delta({LEGACY: said["function"]})
        return self._delta({"tool_calls": [{"index": number, **said}]})

    def _no_arguments(self) -> bytes:
        """``{}`` for each call that ends without a word of arguments, which clients parse as JSON:
        OpenAI's own models say so."""
        kinds = [(index, self._calls[index][1]) for index in self._silent]
        self._silent.clear()
        return b"".join(
            self._tool_call(index, _function(kind, NO_ARGUMENTS))
            for index, kind in kinds
            if kind != "custom"
        )

    def _numbered(self, delta: dict[str, Any]) -> dict[str, Any]:
        """OpenAI's own ``stream()`` gathers a list that comes in several deltas by the items'
        ``index``, from its second delta on."""
        for key in _GATHERED & delta.keys():
            items, before = delta[key], self._gathered.get(key, 0)
            if not isinstance(items, list):
                continue
            self._gathered[key] = before + len(items)
            if before:
                delta[key] = [
                    {"index": before + n, **item} if isinstance(item, Mapping) else item
                    for n, item in enumerate(items)
                ]
        return delta

    def _delta(self, delta: dict[str, Any], reason: str | None = None, **about: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, **about}
        return self._head + json.encode([choice]) + b"}\n\n"

    def _finish(self, finish: Finish) -> bytes:
        reason, kept = _reason(finish), kept_for(NAME, finish.metadata)
        said = kept.get("choice", {})
        data = self._no_arguments()
        data += self._delta({}, reason, **said) if reason or said else b""
        if about := kept.get("answer"):
            data += self._head + b"[]," + json.encode(about)[1:] + b"\n\n"
        if self._usage and finish.usage is not None:
            usage = encode_usage(finish.usage, self._reasoning_apart)
            data += self._head + b'[],"usage":' + json.encode(usage) + b"}\n\n"
        return data + b"data: [DONE]\n\n"

    def error(self, error: PenstockError) -> bytes:
        return encode_event(json.encode(encode_failure(error)))


def _wants_usage(request: ChatRequest) -> bool:
    options = kept_for(NAME, request.metadata).get(RAW, {}).get("stream_options")
    return bool(isinstance(options, Mapping) and options.get("include_usage"))


def encode_response(reply: Reply, reasoning_apart: bool = False) -> dict[str, Any]:
    """The whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    for part in reply.message.content:
        for key, value in _encode_part(part).items():
            grows = isinstance(value, str | list) and isinstance(message.get(key), type(value))
            message[key] = message[key] + value if grows else value
    finish = reply.finish or Finish("unknown")
    kept = kept_for(NAME, finish.metadata)
    choice = {"index": 0, "message": message, "finish_reason": _reason(finish)}
    if "logprobs" in message:
        choice["logprobs"] = message.pop("logprobs")
    answer: dict[str, Any] = {
        "id": reply.id or "chatcmpl-penstock",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reply.model,
        "choices": [choice | kept.get("choice", {})],
        **kept.get("answer", {}),
    }
    if finish.usage is not None:
        answer["usage"] = encode_usage(finish.usage, reasoning_apart)
    return answer


def _encode_part(part: Part) -> dict[str, Any]:
    """What a part adds to the message, its text aside."""
    match part:
        case TextPart(_, metadata):
            return beside_text(metadata)
        case ReasoningPart(text, signature, metadata):
            return _reasoning(text, signature, metadata)
        case RefusalPart(text):
            return {"refusal": text}
        case ToolCallPart(id, name, arguments, metadata):
            is_custom = kept_for(NAME, metadata).get("type") == "custom"
            said = arguments if is_custom else arguments or NO_ARGUMENTS
            call = _call(id, name, said, metadata)
            return {LEGACY: call["function"]} if call["type"] == LEGACY else {"tool_calls": [call]}
        case _:
            return {}


def _call(id: str, name: str, arguments: str, metadata: Metadata | None) -> dict[str, Any]:
    kept = {"type": "function", **(metadata or {}).get(NAME, {})}
    return {"id": id, **_function(kept["type"], arguments, name=name), **kept}


def _function(kind: str, arguments: str, **named: str) -> dict[str, Any]:
    """What is called, in the words of that kind of call."""
    if kind == "custom":
        return {"custom": {**named, "input": arguments}}
    return {"function": {**named, "arguments": arguments}}


def _reasoning(text: str, signature: str, metadata: Metadata | None) -> dict[str, Any]:
    """Reasoning as ``reasoning_content``, with its signature where OpenRouter puts it."""
    value: dict[str, Any] = {"reasoning_content": text}
    if kept := (metadata or {}).get(NAME):
        value.update(kept)
    elif signature:
        value["reasoning_details"] = [signed(text, signature)]
    return value


def _reason(finish: Finish) -> str | None:
    """The finish reason in OpenAI's words; never an invented one."""
    as_said = finish.reason == "unknown" or finish.raw_reason == LEGACY
    return finish.raw_reason if as_said else finish.reason


def encode_failure(error: PenstockError) -> dict[str, Any]:
    """The error object, the same in a failed answer and amid a stream."""
    inner = {
        "message": error.message,
        "type": error.type or _snake(type(error).__name__),
        "param": error.param,
        "code": error.code or _snake(type(error).__name__),
    }
    return {"error": inner}


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
