"""OpenAI Responses, answers: events -> the bytes of a stream.

    response.created, response.in_progress
      response.output_item.added
        response.content_part.added, response.output_text.delta …, .done, response.content_part.done
      response.output_item.done
    response.completed

Only tool calls are open beside other items: whose arguments come in turn, or not at all so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from penstock.errors import PenstockError
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import Encoder, call_ids, json
from penstock.protocols.openai_responses.failure import encode_stream_failure
from penstock.protocols.openai_responses.marks import RAW_REASONING, split_marks
from penstock.protocols.openai_responses.response import encode_finish, frame, named
from penstock.protocols.openai_responses.writing import (
    CallItem,
    MessageItem,
    ReasoningItem,
    Said,
    Writing,
)
from penstock.protocols.sse import encode_event
from penstock.types import CITATIONS, ChatRequest


class ResponseEncoder(Encoder):
    """Writes a stream: one item after the other, each with its whole life."""

    def __init__(self, request: ChatRequest) -> None:
        self._response = frame("", request.model)
        self._begun = False
        self._sequence = 0
        self._taken: set[str] = set()
        self._output: dict[int, dict[str, Any]] = {}
        self._next = 0
        self._open: MessageItem | ReasoningItem | None = None
        self._calls: dict[int, CallItem] = {}
        self._open_calls: dict[int, CallItem] = {}
        self._spoken: dict[int, None] = {}
        """The calls that more was said of since the last one began, in that order."""

    def encode(self, event: Event) -> bytes:
        match event:
            case TextDelta(text, index, False, None):
                item = self._open
                if isinstance(item, MessageItem) and item.place == (index, False):
                    return self._piece(item, text)
                return self._text(event) if text else b""
            case TextDelta():
                return self._text(event)
            case ReasoningDelta():
                return self._reasoning(event)
            case ToolCallStart():
                return self._call(event)
            case ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case Start():
                return self._begin(event)
            case Finish():
                return self._finish(event)

    def _piece(self, item: MessageItem, text: str) -> bytes:
        """The usual piece of text."""
        if not text:
            return b""
        item.say(text)
        number = self._sequence
        self._sequence += 1
        return b'%b%d,"delta":%b}\n\n' % (item.head, number, json.encode(text))

    def _write(self, said: Said) -> bytes:
        """Events as OpenAI frames them: the type stands before the data too, all are numbered."""
        data = b""
        for type, fields in said:
            value = {"type": type, "sequence_number": self._sequence, **fields}
            self._sequence += 1
            data += b"event: " + type.encode() + b"\n" + encode_event(json.encode(value))
        return data

    def _begin(self, start: Start) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        named = {"id": start.id, "model": start.model}
        self._response |= {key: value for key, value in named.items() if value}
        kinds = ("response.created", "response.in_progress")
        return self._write((kind, {"response": self._response}) for kind in kinds)

    def _new(self, kind: str, id: Any) -> Writing:
        """The place and the id of the next item."""
        number = self._next
        self._next += 1
        return Writing(number, named(id, kind, self._response["id"], number, self._taken))

    def _text(self, delta: TextDelta) -> bytes:
        raw, kept = split_marks(delta.metadata)
        shared = (delta.metadata or {}).get(CITATIONS)
        beside = {key: value for key, value in kept.items() if key not in ("block", "part", "item")}
        if isinstance(kept.get("block"), Mapping):
            return self._block(kept["block"])
        if not delta.text and not beside and not shared and not kept.get("part"):
            return b""
        item, data = self._message(delta, raw.get("id"), kept.get("item"))
        place = delta.index, delta.refusal
        if item.place != place:
            data += self._write(item.turn_to(place, kept.get("part")))
        if delta.refusal:
            data += self._write(item.refuse(delta.text))
        else:
            data += self._piece(item, delta.text)
        return data + self._write(item.note(shared, beside))

    def _message(self, delta: TextDelta, id: Any, beside: Any) -> tuple[MessageItem, bytes]:
        """The message that is open, if this goes on with it, or another that begins."""
        item, place = self._open, (delta.index, delta.refusal)
        if isinstance(item, MessageItem) and (item.place == place or item.source == id):
            return item, b""
        data = self._begin(Start()) + self._close_spoken()
        self._open = item = MessageItem(self._new("message", id), id, beside)
        return item, data + self._write(item.begin())

    def _block(self, block: Mapping[str, Any]) -> bytes:
        data = self._begin(Start()) + self._close_spoken()
        number = self._next
        self._next += 1
        self._output[number] = item = dict(block)
        writing = Writing(number, "")
        return data + self._write([writing.added(item), writing.done(item)])

    def _reasoning(self, delta: ReasoningDelta) -> bytes:
        raw, kept = split_marks(delta.metadata)
        if not (delta.text or delta.signature or raw or kept):
            return b""
        item, id, data = self._open, raw.get("id"), b""
        words = raw.get("kind") == RAW_REASONING
        if not isinstance(item, ReasoningItem) or not item.is_of(delta.index, id, words):
            data = self._begin(Start()) + self._close_spoken()
            item = self._open = ReasoningItem(self._new("reasoning", id), id)
            data += self._write(item.begin())
        item.note(delta.signature, kept)
        return data + self._write(item.say(delta.text, delta.index, raw))

    def _call(self, start: ToolCallStart) -> bytes:
        data = self._begin(Start()) + (self._close_spoken() if self._open else b"")
        for index in self._spoken:
            call = self._open_calls.get(index)
            if call is not None and call.is_over():
                data += self._close(self._open_calls.pop(index))
        self._spoken.clear()
        raw, kept = split_marks(start.metadata)
        kind = "custom_tool_call" if kept.get("type") == "custom" else "function_call"
        writing = self._new(kind, raw.get("id"))
        if not start.id:  # a caller can answer no call without an id
            start = replace(start, id=call_ids.make(self._response["id"], writing.number))
        call = CallItem(writing, start)
        self._calls[start.index] = self._open_calls[start.index] = call
        return data + self._write(call.begin())

    def _arguments(self, index: int, fragment: str) -> bytes:
        data = b"" if index in self._calls else self._call(ToolCallStart(index, "", ""))
        call = self._calls[index]
        if fragment:
            self._spoken[index] = None
        return data + self._write(call.say(fragment))

    def _close(self, item: MessageItem | ReasoningItem | CallItem) -> bytes:
        data = self._write(item.end())
        self._output[item.writing.number] = item.value()
        return data

    def _close_spoken(self) -> bytes:
        """End what is open, but for calls without a word of arguments so far: whether they have
        none is known only at the end."""
        calls = self._open_calls
        self._open_calls = {index: call for index, call in calls.items() if call.is_silent()}
        items: list[MessageItem | ReasoningItem | CallItem] = [
            call for index, call in calls.items() if index not in self._open_calls
        ]
        if self._open is not None:
            items.append(self._open)
        self._open = None
        return b"".join(map(self._close, items))

    def _close_silent(self) -> bytes:
        calls, self._open_calls = self._open_calls, {}
        return b"".join(map(self._close, calls.values()))

    def _finish(self, finish: Finish) -> bytes:
        data = self._begin(Start()) + self._close_spoken() + self._close_silent()
        ended = encode_finish(finish)
        kind = "incomplete" if ended["status"] == "incomplete" else "completed"
        response = {**self._response, "output": self._said(), **ended}
        return data + self._write([(f"response.{kind}", {"response": response})])

    def _said(self) -> list[dict[str, Any]]:
        for call in self._calls.values():
            if call.writing.number in self._output:  # it may have gone on after it seemed over
                self._output[call.writing.number] = call.value()
        return [self._output[number] for number in sorted(self._output)]

    def error(self, error: PenstockError) -> bytes:
        said = encode_stream_failure(error)
        failed = {"code": said["code"], "message": said["message"]}
        response = {**self._response, "status": "failed", "error": failed, "output": self._said()}
        kinds = [("error", said), ("response.failed", {"response": response})]
        return self._begin(Start()) + self._write(kinds)
