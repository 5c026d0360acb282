"""Ollama's answers: events -> bytes, whole or in lines.

A tool call has its arguments as an object, so it is held back until they are all there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
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
from penstock.protocols.functions import as_object
from penstock.protocols.kept import kept_for
from penstock.protocols.ndjson import encode_line
from penstock.protocols.ollama_chat.answer import REASONS
from penstock.protocols.ollama_chat.failure import encode_failure
from penstock.protocols.ollama_chat.messages import IMAGES, encode_call, encode_parts
from penstock.protocols.ollama_chat.names import NAME
from penstock.protocols.ollama_chat.usage import encode_usage
from penstock.types import ChatRequest, Metadata, TextPart, ToolCallPart


def _now() -> str:
    """The time with a fraction of a second, as RFC 3339 and Ollama's clients want it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


class _Call:
    """A tool call that is held back, and its arguments so far."""

    __slots__ = ("_may_be_over", "_over", "number", "pieces", "start")

    def __init__(self, number: int, start: ToolCallStart) -> None:
        self.number = number
        self.start = start
        self.pieces: list[str] = []
        self._may_be_over = self._over = False

    def add(self, fragment: str) -> None:
        self.pieces.append(fragment)
        if said := fragment.rstrip():
            self._may_be_over, self._over = said.endswith("}"), False

    def is_over(self) -> bool:
        if self._may_be_over:  # they may be long: read once, when something has come
            self._over = as_object("".join(self.pieces)) is not None
            self._may_be_over = False
        return self._over

    def value(self) -> dict[str, Any]:
        start = self.start
        part = ToolCallPart(start.id, start.name, "".join(self.pieces), start.metadata)
        return encode_call(part, self.number)


class LineEncoder(Encoder):
    """Writes a chat's stream, a line for each piece."""

    _plain = b'","message":{"role":"assistant","content":%b},"done":false}\n'
    """The usual line, from the time on."""

    def __init__(self, request: ChatRequest) -> None:
        self._named(request.model)
        self._calls: dict[int, _Call] = {}
        self._held: deque[_Call] = deque()

    def _named(self, model: str) -> None:
        self._model = model
        self._head = json.in_one_line(json.encode({"model": model}))[:-1] + b',"created_at":"'

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, _, _, None):
                return self._flush() + self._text(text) if text else b""
            case TextDelta(text, _, _, metadata):
                return self._rare_text(text, metadata)
            case ReasoningDelta(text):
                said = {"content": "", "thinking": text}
                return self._flush() + self._say(said) if text else b""
            case ToolCallStart(index):
                return self._flush() + self._open(index, event)
            case ToolCallDelta(index, arguments):
                data = b"" if index in self._calls else self._open(index)
                self._calls[index].add(arguments)
                return data
            case Start(_, model):
                self._named(model or self._model)
                return b""
            case Finish():
                return self._flush(only_over=False) + self._finish(event)

    def _text(self, text: str) -> bytes:
        return self._head + _now().encode() + self._plain % json.in_one_line(json.encode(text))

    def _open(self, index: int, start: ToolCallStart | None = None) -> bytes:
        call = _Call(len(self._calls), start or ToolCallStart(index, "", ""))
        self._calls[index] = call
        self._held.append(call)
        return b""

    def _flush(self, only_over: bool = True) -> bytes:
        """The calls that are held back, in their order; the arguments of one under way may still
        come, and those after it wait with it."""
        lines = []
        while self._held and (not only_over or self._held[0].is_over()):
            call = self._held.popleft().value()
            lines.append(self._say({"content": "", "tool_calls": [call]}))
        return b"".join(lines)

    def _rare_text(self, text: str, metadata: Metadata | None) -> bytes:
        """Text with probabilities, or images."""
        kept = kept_for(NAME, metadata)
        said: dict[str, Any] = {"content": text}
        block = kept.get("block")
        if isinstance(block, Mapping) and IMAGES in block:
            said[IMAGES] = block[IMAGES]
        beside = {"logprobs": kept["logprobs"]} if "logprobs" in kept else {}
        if not text and not beside and len(said) == 1:
            return b""
        return self._flush() + self._say(said, **beside)

    def _say(self, said: dict[str, Any], **beside: Any) -> bytes:
        return self._line({**self._message(said), "done": False, **beside})

    def _message(self, said: dict[str, Any]) -> dict[str, Any]:
        return {"message": {"role": "assistant", **said}}

    def _finish(self, finish: Finish) -> bytes:
        return self._line({**self._message({"content": ""}), **encode_end(finish)})

    def _line(self, value: dict[str, Any]) -> bytes:
        head = {"model": self._model, "created_at": _now()}
        return encode_line(json.in_one_line(json.encode({**head, **value})))

    def error(self, error: PenstockError) -> bytes:
        return encode_line(json.in_one_line(json.encode(encode_failure(error))))


class PromptEncoder(LineEncoder):
    """Writes the stream that answers a prompt, which has no place for tool calls."""

    _plain = b'","response":%b,"done":false}\n'

    def _message(self, said: dict[str, Any]) -> dict[str, Any]:
        return _response(said)

    def _flush(self, only_over: bool = True) -> bytes:
        return b""


def _response(said: dict[str, Any]) -> dict[str, Any]:
    return {"response": said.pop("content"), **said}


def encode_end(finish: Finish) -> dict[str, Any]:
    """What the last line says of the end."""
    value: dict[str, Any] = {"done": True}
    if reason := _reason(finish):
        value["done_reason"] = reason
    return {**value, **encode_usage(finish.usage), **kept_for(NAME, finish.metadata)}


def _reason(finish: Finish) -> str | None:
    """The reason in Ollama's words; never an invented one."""
    if finish.reason == "unknown" or REASONS.get(finish.raw_reason or "") == finish.reason:
        return finish.raw_reason
    return "stop" if finish.reason == "tool_calls" else finish.reason


def encode_response(reply: Reply) -> dict[str, Any]:
    """The whole answer to a chat."""
    message = {"role": "assistant", **encode_parts(reply.message.content, numbered=True)}
    return _whole(reply, {"message": message})


def encode_generated(reply: Reply) -> dict[str, Any]:
    """The whole answer to a prompt."""
    said = encode_parts(reply.message.content)
    said.pop("tool_calls", None)
    return _whole(reply, _response(said))


def _whole(reply: Reply, said: dict[str, Any]) -> dict[str, Any]:
    head = {"model": reply.model, "created_at": _now()}
    texts = (part for part in reply.message.content if isinstance(part, TextPart))
    logprobs = list(_logprobs(texts))
    beside = {"logprobs": logprobs} if logprobs else {}
    return {**head, **said, **encode_end(reply.finish or Finish("unknown")), **beside}


def _logprobs(parts: Iterable[TextPart]) -> Iterable[Any]:
    for part in parts:
        said = kept_for(NAME, part.metadata).get("logprobs")
        yield from said if isinstance(said, list | tuple) else ()
