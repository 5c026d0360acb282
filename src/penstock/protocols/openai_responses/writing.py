"""The items of a stream that is written: what begins, goes on and ends, as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from penstock.events import ToolCallStart
from penstock.protocols import json
from penstock.protocols.functions import as_object
from penstock.protocols.openai_responses.citations import encode_annotations
from penstock.protocols.openai_responses.items import encode_call
from penstock.protocols.openai_responses.marks import BETWEEN, RAW_REASONING

Json = dict[str, Any]
Said: TypeAlias = Iterable[tuple[str, Json]]
"""Events: the type of each, and what it says beside its number."""


class Writing(NamedTuple):
    """An item's place in the output, and its id."""

    number: int
    id: str

    def added(self, item: Json) -> tuple[str, Json]:
        return "response.output_item.added", {"output_index": self.number, "item": item}

    def done(self, item: Json) -> tuple[str, Json]:
        return "response.output_item.done", {"output_index": self.number, "item": item}

    def about(self, **said: Any) -> Json:
        return {"item_id": self.id, "output_index": self.number, **said}


class MessageItem:
    """A message under way; ``place`` is our number of the part that is open and whether it is a
    refusal, ``source`` the id that the message has of its own."""

    def __init__(self, writing: Writing, source: Any, beside: Any) -> None:
        self.writing = writing
        self.source = source
        self.place = (-1, False)
        self.head = b""
        self._beside = dict(beside) if isinstance(beside, Mapping) else {}
        self._content: list[Json] = []
        self._pieces: list[str] = []
        self._open = False

    def begin(self) -> Said:
        return [self.writing.added(self._item("in_progress", []))]

    def _item(self, status: str, content: list[Json]) -> Json:
        head = {"id": self.writing.id, "type": "message", "status": status}
        return {**head, "role": "assistant", "content": content, **self._beside}

    def turn_to(self, place: tuple[int, bool], opaque: Any) -> Iterator[tuple[str, Json]]:
        """Close the part that is open, and begin another."""
        yield from self._end_part()
        self.place = place
        self._pieces = []
        self._open = True
        if isinstance(opaque, Mapping):
            part = dict(opaque)
        elif place[1]:
            part = {"type": "refusal", "refusal": ""}
        else:
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._content.append(part)
        self.head = self._head()
        yield "response.content_part.added", self._about(part=dict(part))

    def _about(self, **said: Any) -> Json:
        return self.writing.about(content_index=len(self._content) - 1, **said)

    def _head(self) -> bytes:
        kind = "response.output_text.delta"
        value = {"type": kind, **self._about(logprobs=[])}
        number = b',"sequence_number":'
        return b"event: " + kind.encode() + b"\ndata: " + json.encode(value)[:-1] + number

    def say(self, text: str) -> None:
        self._pieces.append(text)

    def refuse(self, text: str) -> Said:
        self._pieces.append(text)
        return [("response.refusal.delta", self._about(delta=text))] if text else []

    def note(self, shared: Any, kept: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
        """What the text rests on, and what else is said of it."""
        part = self._content[-1]
        beside = {key: value for key, value in kept.items() if key != "annotations"}
        part.update(beside)
        for annotation in encode_annotations(shared, kept.get("annotations")):
            number = len(part.setdefault("annotations", []))
            part["annotations"].append(annotation)
            said = self._about(annotation_index=number, annotation=annotation)
            yield "response.output_text.annotation.added", said

    def _end_part(self) -> Iterator[tuple[str, Json]]:
        if not self._open:
            return
        self._open = False
        part, text = self._content[-1], "".join(self._pieces)
        if part.get("type") == "refusal":
            part["refusal"] = text
            yield "response.refusal.done", self._about(refusal=text)
        elif part.get("type") == "output_text":
            part["text"] = text
            said = self._about(text=text, logprobs=part.get("logprobs", []))
            yield "response.output_text.done", said
        yield "response.content_part.done", self._about(part=part)

    def end(self) -> Iterator[tuple[str, Json]]:
        yield from self._end_part()
        yield self.writing.done(self.value())

    def value(self) -> Json:
        return self._item("completed", self._content)


class ReasoningItem:
    """Reasoning under way: summaries of it, or its own words, or both."""

    def __init__(self, writing: Writing, source: Any) -> None:
        self.writing = writing
        self._source = source
        self._indexes: set[int] = set()
        self._texts: dict[bool, list[list[str]]] = {False: [], True: []}
        self._open: bool | None = None
        self._words = False
        self._signature = ""
        self._beside: Json = {}

    def is_of(self, index: int, source: Any, words: bool) -> bool:
        """Whether a piece goes on with this item, or is the other half of it: its words."""
        is_same = source is not None and source == self._source
        return index in self._indexes or (is_same and words and not self._texts[True])

    def begin(self) -> Said:
        return [self.writing.added({"id": self.writing.id, "type": "reasoning", "summary": []})]

    def note(self, signature: str, kept: Mapping[str, Any]) -> None:
        self._signature += signature
        self._beside |= kept

    def say(self, text: str, index: int, raw: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
        is_new = index not in self._indexes
        self._indexes.add(index)
        if not text:
            return
        if is_new or "kind" in raw:
            self._words = raw.get("kind") == RAW_REASONING
        words = self._words
        texts, starts = self._texts[words], raw.get("starts")
        if starts and texts:
            text = text.removeprefix(BETWEEN)
        if starts or words is not self._open:
            yield from self._begin_text(words)
        texts[-1].append(text)
        kind = RAW_REASONING if words else "reasoning_summary_text"
        yield f"response.{kind}.delta", self._about(words, delta=text)

    def _about(self, words: bool, **said: Any) -> Json:
        place = "content_index" if words else "summary_index"
        return self.writing.about(**{place: len(self._texts[words]) - 1}, **said)

    def _begin_text(self, words: bool) -> Iterator[tuple[str, Json]]:
        yield from self._end_text()
        self._open = words
        self._texts[words].append([])
        kind = "content_part" if words else "reasoning_summary_part"
        yield f"response.{kind}.added", self._about(words, part=_text_part(words, ""))

    def _end_text(self) -> Iterator[tuple[str, Json]]:
        words, self._open = self._open, None
        if words is None:
            return
        text = "".join(self._texts[words][-1])
        kind = RAW_REASONING if words else "reasoning_summary_text"
        yield f"response.{kind}.done", self._about(words, text=text)
        kind = "content_part" if words else "reasoning_summary_part"
        yield f"response.{kind}.done", self._about(words, part=_text_part(words, text))

    def end(self) -> Iterator[tuple[str, Json]]:
        yield from self._end_text()
        yield self.writing.done(self.value())

    def value(self) -> Json:
        item: Json = {"id": self.writing.id, "type": "reasoning"}
        item["summary"] = [_text_part(False, "".join(said)) for said in self._texts[False]]
        if self._texts[True]:
            item["content"] = [_text_part(True, "".join(said)) for said in self._texts[True]]
        if self._signature:
            item["encrypted_content"] = self._signature
        return item | self._beside


def _text_part(words: bool, text: str) -> Json:
    return {"type": RAW_REASONING if words else "summary_text", "text": text}


class CallItem:
    """A tool call under way."""

    def __init__(self, writing: Writing, start: ToolCallStart) -> None:
        self.writing = writing
        self._start = start
        self._pieces: list[str] = []
        self._length = self._looked_at = 0
        self._is_custom = self._item("in_progress", "")["type"] == "custom_tool_call"

    def _item(self, status: str, arguments: str) -> Json:
        start = self._start
        item = encode_call(start.id, start.name, arguments, start.metadata)
        return {**item, "id": self.writing.id, "status": status}

    def begin(self) -> Said:
        return [self.writing.added(self._item("in_progress", ""))]

    def say(self, fragment: str) -> Said:
        if not fragment:
            return []
        self._pieces.append(fragment)
        self._length += len(fragment)
        kind = "custom_tool_call_input" if self._is_custom else "function_call_arguments"
        return [(f"response.{kind}.delta", self.writing.about(delta=fragment))]

    def is_silent(self) -> bool:
        """Whether nothing was said of its arguments yet."""
        return not self._pieces

    def is_over(self) -> bool:
        """Whether its arguments are whole; what is no JSON is so only at the end. Those that were
        not whole are read again only when they are twice as long: what a service sends in small
        pieces takes no more time than it is long."""
        if self._is_custom or self._length < 2 * self._looked_at:
            return False
        self._looked_at = self._length
        return as_object("".join(self._pieces)) is not None

    def _text(self) -> str:
        """The arguments; none at all are an empty object, which callers read as JSON."""
        return "".join(self._pieces) or ("" if self._is_custom else "{}")

    def end(self) -> Iterator[tuple[str, Json]]:
        text = self._text()
        if text and not self._pieces:
            about = self.writing.about(delta=text)
            yield "response.function_call_arguments.delta", about
        if self._is_custom:
            yield "response.custom_tool_call_input.done", self.writing.about(input=text)
        else:
            yield "response.function_call_arguments.done", self.writing.about(arguments=text)
        yield self.writing.done(self.value())

    def value(self) -> Json:
        return self._item("completed", self._text())
