"""One answer as it grows: the events of OpenAI Responses in, ours out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import MalformedStream, PenstockError
from penstock.events import SPOKEN, Event, Finish, FinishReason, Start, TextDelta
from penstock.protocols import json
from penstock.protocols.framed import Answer
from penstock.protocols.halves import Halves
from penstock.protocols.kept import keep
from penstock.protocols.openai_responses.chunks import (
    decode_chunk,
    decode_plain,
    objects_of,
    place_of,
    text_of,
)
from penstock.protocols.openai_responses.failure import decode_cancelled, decode_stream_failure
from penstock.protocols.openai_responses.marks import NAME, marked
from penstock.protocols.openai_responses.runs import (
    Call,
    Item,
    Message,
    ReasoningItem,
    Said,
    Text,
    open_item,
)
from penstock.protocols.openai_responses.usage import decode_usage
from penstock.types import Usage

STOPPED = frozenset(("completed", "complete"))
INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
KEPT = ("service_tier", "content_filters", "moderation", "conversation")
"""What of a response is no echo of its request, and rides on ``Finish``."""

_STATUSES = {"response.completed": "completed", "response.incomplete": "incomplete"}
_KINDS: dict[str, str] = {
    "response.output_text": "message",
    "response.refusal": "message",
    "response.reasoning_summary_text": "reasoning",
    "response.reasoning_summary_part": "reasoning",
    "response.reasoning_text": "reasoning",
    "response.function_call_arguments": "function_call",
    "response.custom_tool_call_input": "custom_tool_call",
}
"""What kind of item the events are about whose type begins so."""

_CALLS = frozenset(("function_call", "custom_tool_call"))


class ResponseAnswer(Answer):
    """What has been said so far. ``_plain``: the text that is written just now, and its place on
    the wire, if nothing of it is held back."""

    def __init__(self) -> None:
        self._plain: Text | None = None
        self._plain_place = (-1, -1)
        self._spoken = False
        self._id = ""
        self._next = 0
        self._halves = Halves()
        self._items: list[Item] = []
        self._places: dict[tuple[int, str], Item] = {}
        self._usage: Any = None

    @property
    def usage(self) -> Usage | None:
        return decode_usage(self._usage) if isinstance(self._usage, Mapping) else None

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for payload in payloads:
            if (plain := self._plain) is not None and plain.index >= 0:
                try:
                    chunk = decode_plain(payload)
                except json.UNREADABLE:
                    yield from self.take(payload)
                else:
                    if (chunk.output_index, chunk.content_index) != self._plain_place:
                        yield from self.take(payload)
                    elif text := chunk.delta:
                        plain.said.pieces.append(text)
                        yield TextDelta(text, plain.index)
            else:
                yield from self.take(payload)
            if self.ended:
                return

    def take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":  # OpenRouter and xAI say it here too
            return
        for event in self._take(decode_chunk(payload, MalformedStream)):
            self._spoken = self._spoken or isinstance(event, SPOKEN)
            yield event

    def _take(self, value: Mapping[str, Any]) -> Iterator[Event]:
        match value:
            case {"type": "error"}:
                raise decode_stream_failure(value, self._spoken)
            case {"type": "response.failed" | "response.cancelled" as kind}:
                response = value.get("response")
                raise self._failed(kind, response if isinstance(response, Mapping) else {})
            case {"type": str(kind), "response": dict() as response} if kind in _STATUSES:
                yield from self._begin(response)
                yield from self._end(response, _STATUSES[kind])
            case {"type": "response.created" | "response.in_progress", "response": dict() as said}:
                self._usage = said.get("usage") or self._usage
                yield from self._begin(said)
            case {"type": "response.output_item.added", "item": {"type": str()} as item}:
                yield from self._begin({})
                yield from self._add(value, item)
            case {"type": "response.output_item.done", "item": {"type": str()} as item}:
                yield from self._begin({})
                yield from (yield from self._find(value, item["type"], item)).settle(item)
            case {"type": "response.content_part.added", "part": dict() as part}:
                yield from self._begin({})
                yield from self._part(value, part, False)
            case {"type": "response.content_part.done", "part": dict() as part}:
                yield from self._begin({})
                yield from self._part(value, part, True)
            case {"type": str(kind)} if kind in _STATUSES or kind in _MUST_HOLD:
                raise MalformedStream(f"the service sent a {kind} that is none")
            case {"type": str(kind)}:
                yield from self._piece(kind, value)
            case {"error": str() | {}}:  # a front's own words
                raise decode_stream_failure(value, self._spoken)
            case _:
                raise MalformedStream("the service sent an event without a type")

    def _begin(self, response: Mapping[str, Any]) -> Iterator[Event]:
        if not self.began:
            self.began = True
            self._id = text_of(response, "id")
            yield Start(self._id, text_of(response, "model"))

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _add(self, where: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[Event]:
        place = place_of(where, "output_index"), value["type"]
        known = self._places.get(place)
        if known is not None and not known.ended and known.id == value.get("id"):
            return  # the same item, said to begin twice
        if known is not None:
            yield from known.end()
        yield from self._open(place, value)

    def _open(self, place: tuple[int, str], value: Mapping[str, Any]) -> Iterator[Event]:
        self._plain = None
        item = open_item(value, self._number, self._halves, self._id)
        self._items.append(item)
        self._places[place] = item
        yield from item.begin()

    def _find(
        self, where: Mapping[str, Any], kind: str, value: Mapping[str, Any] | None = None
    ) -> Any:
        """The item that an event is about: by its place, for ids may change from event to event;
        without a place by its id. One that nobody began begins now."""
        id = where.get("item_id") or (value or {}).get("id")
        place = place_of(where, "output_index"), kind
        found = self._places.get(place)
        if found is None or type(where.get("output_index")) is not int:
            found = self._named(id, kind, where)
        if found is None or (found.ended and id and found.id != id):
            yield from self._open(place, {"id": id, **(value or {}), "type": kind})
            found = self._items[-1]
        return found

    def _named(self, id: Any, kind: str, where: Mapping[str, Any]) -> Item | None:
        """The item of that id; or the last one, where no place is said either."""
        of_kind = [item for item in self._items if item.kind == kind]
        named = [item for item in of_kind if id and item.id == id]
        if type(where.get("output_index")) is int:
            return next(reversed(named), None)
        return next(reversed(named or of_kind), None)

    def _part(
        self, where: Mapping[str, Any], part: Mapping[str, Any], done: bool
    ) -> Iterator[Event]:
        """A part of a message or of reasoning, at its beginning (mostly empty) or whole."""
        place = place_of(where, "content_index")
        match part.get("type"):
            case "output_text" | "refusal" | "text" as kind:
                item: Message = yield from self._find(where, "message")
                if done:
                    yield from item.part(place, part)
                else:
                    text = item.text(place, kind == "refusal")
                    yield from text.settle(text_of(part, kind if kind == "refusal" else "text"))
            case "reasoning_text":
                reasoning: ReasoningItem = yield from self._find(where, "reasoning")
                yield from reasoning.words.settle(place, text_of(part, "text"))
            case _:
                return  # it comes once more with its item

    def _piece(self, type: str, value: Mapping[str, Any]) -> Iterator[Event]:
        """A piece of an item, or all of it. What was invented later is skipped."""
        about, _, what = type.rpartition(".")
        if about == "response.output_text.annotation":
            about, what = "response.output_text", "annotation"
        if about not in _KINDS:
            return
        yield from self._begin({})
        item = yield from self._find(value, _KINDS[about])
        match item:
            case Call() if what == "delta":
                yield from item.say(text_of(value, "delta"))
            case Call() if what == "done":
                yield from item.say_all(text_of(value, item.field))
            case Message():
                yield from self._text(item, about, what, value)
            case ReasoningItem():
                yield from self._reasoning(item, about, what, value)
            case _:
                return

    def _text(
        self, item: Message, about: str, what: str, value: Mapping[str, Any]
    ) -> Iterator[Event]:
        refusal = about == "response.refusal"
        place = place_of(value, "content_index")
        text = item.text(place, refusal)
        if what == "annotation":
            text.annotate(value.get("annotation"))
        elif what == "done":
            yield from text.settle(text_of(value, "refusal" if refusal else "text"))
        elif what == "delta":
            yield from text.say(text_of(value, "delta"))
            is_usual = type(value.get("output_index")) is int and not text.said.waits
            self._plain = text if is_usual and not refusal else None
            self._plain_place = place_of(value, "output_index"), place

    def _reasoning(
        self, item: ReasoningItem, about: str, what: str, value: Mapping[str, Any]
    ) -> Iterator[Event]:
        is_raw = about == "response.reasoning_text"
        run = item.words if is_raw else item.summary
        place = place_of(value, "content_index" if is_raw else "summary_index")
        part = value.get("part")
        if isinstance(part, Mapping):
            yield from run.settle(place, text_of(part, "text"))
        elif what == "delta":
            yield from run.say(place, text_of(value, "delta"))
        elif what == "done":
            yield from run.settle(place, text_of(value, "text"))

    def take_whole(self, response: Mapping[str, Any]) -> Iterator[Event]:
        """All of a response that came in one piece."""
        yield from self._begin(response)
        yield from self._end(response, None)

    def _end(self, response: Mapping[str, Any], status: str | None) -> Iterator[Event]:
        """What was not said yet, and ``Finish``."""
        said = response.get("status")
        status = said if isinstance(said, str) else status if "status" not in response else None
        if status in ("failed", "cancelled"):
            raise self._failed(status, response)
        self._usage = response.get("usage")
        yield from self._settle(objects_of(response, "output"))
        for item in self._items:
            yield from item.end()
        for whose in self._halves:
            for item in self._items:
                if isinstance(whose, Said):
                    yield from item.lone(whose)
        self.ended = True
        yield Finish(
            self._reason(status, response.get("incomplete_details")),
            status,
            self.usage,
            _finish_metadata(response),
        )

    def _failed(self, status: str, response: Mapping[str, Any]) -> PenstockError:
        """The error that a response stands for which the service ended badly."""
        self.ended = True
        self._usage = response.get("usage") or self._usage
        if status.endswith("cancelled"):
            return decode_cancelled(self._spoken)
        return decode_stream_failure(_failure(response), self._spoken)

    def _settle(self, output: list[Mapping[str, Any]]) -> Iterator[Event]:
        """The whole output once more: each item is known by its id, else by its turn among those
        of its kind, for ids and places are not always the same twice."""
        if not all(isinstance(value.get("type"), str) for value in output):
            raise MalformedStream("the service sent an item without a type")
        waiting = list(self._items)

        def of_kind(value: Mapping[str, Any]) -> list[Item]:
            return [item for item in waiting if item.kind == str(value.get("type"))]

        found: dict[int, Item] = {}
        for number, value in enumerate(output):
            known = [item for item in of_kind(value) if item.id and item.id == value.get("id")]
            if known:
                found[number] = known[0]
                waiting.remove(known[0])
        for number, value in enumerate(output):
            if number not in found:
                known = of_kind(value)
                if known:
                    waiting.remove(known[0])
                else:
                    yield from self._open((-1 - number, str(value.get("type"))), value)
                    known = self._items[-1:]
                found[number] = known[0]
            yield from found[number].settle(value)

    def _reason(self, status: str | None, details: Any) -> FinishReason:
        if status in STOPPED:
            called = any(item.kind in _CALLS for item in self._items)
            return "tool_calls" if called else "stop"
        why = details.get("reason") if isinstance(details, Mapping) else None
        if status == "incomplete" and isinstance(why, str):
            return INCOMPLETE.get(why, "unknown")
        return "unknown"


_MUST_HOLD = frozenset(
    (
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
    )
)
"""Events that are nothing without what they are about."""


def _failure(response: Mapping[str, Any]) -> Mapping[str, Any]:
    has_error = isinstance(response.get("error"), Mapping)
    return response if has_error else {"message": "the service failed to answer"}


def _finish_metadata(response: Mapping[str, Any]) -> Any:
    details = response.get("incomplete_details")
    kept = {key: response[key] for key in KEPT if response.get(key) not in (None, [], {})}
    return keep(NAME, marked({"incomplete_details": details or None}, **kept))
