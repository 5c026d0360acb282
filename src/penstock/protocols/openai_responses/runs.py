"""The parts of an answer as they grow: texts, reasoning, calls; what was said is not said twice.

Services say everything several times: in pieces, then whole when the text, the part, the item and
the response are done. ``say`` takes a piece, ``settle`` the whole: what of it was not said yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.events import Event, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallStart
from penstock.protocols import call_ids
from penstock.protocols.halves import LONE, Halves
from penstock.protocols.kept import keep
from penstock.protocols.openai_responses.chunks import objects_of, text_of
from penstock.protocols.openai_responses.citations import decode_annotations
from penstock.protocols.openai_responses.marks import (
    BETWEEN,
    NAME,
    RAW_REASONING,
    id_of,
    marked,
    more,
)
from penstock.types import Metadata

Number = Callable[[], int]
"""Gives the next part its index."""


class Said:
    """A text that comes in pieces, and then perhaps once more as a whole."""

    __slots__ = ("_halves", "pieces")

    def __init__(self, halves: Halves) -> None:
        self._halves = halves
        self.pieces: list[str] = []

    def piece(self, text: str) -> str:
        """What can be said of a piece."""
        self.pieces.append(text)
        return self._halves.join(self, text)

    def rest(self, whole: str) -> str:
        """What of the whole was not said yet; nothing, where the pieces were another text."""
        if not self.pieces:
            return self.piece(whole) if whole else ""
        said = "".join(self.pieces)
        if whole.startswith(said):
            return self.piece(whole[len(said) :]) if len(whole) > len(said) else ""
        if self not in self._halves:
            return ""
        said_units, units = (text.encode("utf-16-le", "surrogatepass") for text in (said, whole))
        if not units.startswith(said_units):
            return ""
        return self.piece(units[len(said_units) :].decode("utf-16-le", "surrogatepass"))

    @property
    def waits(self) -> bool:
        """Whether half a character is held back."""
        return self in self._halves


class Text:
    """A text or a refusal: one part of a message."""

    def __init__(
        self, number: Number, halves: Halves, refusal: bool, head: Metadata | None
    ) -> None:
        self._number = number
        self._refusal = refusal
        self._head = head
        self.index = -1
        self.said = Said(halves)
        self._annotations: list[Any] = []
        self._ended = False

    def say(self, text: str) -> Iterator[Event]:
        yield from self._tell(self.said.piece(text))

    def settle(self, whole: str) -> Iterator[Event]:
        yield from self._tell(self.said.rest(whole))

    def annotate(self, annotation: Any) -> None:
        self._annotations.append(annotation)

    def end(self, part: Mapping[str, Any]) -> Iterator[Event]:
        """The whole part: its text, then what the text rests on and what else is said of it."""
        yield from self.settle(text_of(part, "refusal" if self._refusal else "text"))
        said = part.get("annotations") or self._annotations
        shared, kept = decode_annotations(said if isinstance(said, list) else ())
        kept |= more(part, "type", "text", "refusal", "annotations")
        metadata = keep(NAME, kept, **shared)
        if metadata and not self._ended:
            self._ended = True
            if self.index < 0:
                yield from self._begin("")
            yield TextDelta("", self.index, self._refusal, metadata)

    def lone(self) -> Iterator[Event]:
        yield from self._tell(LONE)

    def _tell(self, text: str) -> Iterator[Event]:
        if not text:
            return
        if self.index < 0:
            yield from self._begin(text)
        else:
            yield TextDelta(text, self.index, self._refusal)

    def _begin(self, text: str) -> Iterator[Event]:
        self.index = self._number()
        if text or self._head:
            yield TextDelta(text, self.index, self._refusal, self._head)


class Reasoning:
    """The readable reasoning of an item: its summaries, or the words themselves."""

    def __init__(self, number: Number, halves: Halves, raw: Mapping[str, Any]) -> None:
        self._number = number
        self._halves = halves
        self._raw = dict(raw)
        self._texts: dict[int, Said] = {}
        self._length = 0
        self._spoken: set[int] = set()
        self.index = -1

    def say(self, place: int, text: str) -> Iterator[Event]:
        yield from self._tell(place, self._at(place).piece(text))

    def settle(self, place: int, whole: str) -> Iterator[Event]:
        yield from self._tell(place, self._at(place).rest(whole))

    def _at(self, place: int) -> Said:
        return self._texts.setdefault(place, Said(self._halves))

    def lone(self, said: Said) -> Iterator[Event]:
        for place, text in self._texts.items():
            if text is said:
                yield from self._tell(place, LONE)

    def _tell(self, place: int, text: str) -> Iterator[Event]:
        if not text:
            return
        metadata = None
        if self.index < 0:
            metadata = self._begin()
        elif place not in self._spoken:
            text = BETWEEN + text
            metadata = keep(NAME, marked({"starts": [self._length + len(BETWEEN)]}))
        self._spoken.add(place)
        self._length += len(text)
        yield ReasoningDelta(text, self.index, "", metadata)

    def _begin(self) -> Metadata | None:
        self.index = self._number()
        return keep(NAME, marked(self._raw))

    def end(self, signature: str, kept: Mapping[str, Any]) -> Iterator[Event]:
        """What is said of the item once it is whole."""
        if self.index < 0:
            metadata = keep(NAME, marked(self._raw, **kept))
            if metadata or signature:
                self.index = self._number()
                yield ReasoningDelta("", self.index, signature, metadata)
        elif signature or kept:
            yield ReasoningDelta("", self.index, signature, keep(NAME, kept))


class Item:
    """One item of the output under way: this one, a thing that only OpenAI understands."""

    def __init__(self, value: Mapping[str, Any], number: Number, halves: Halves) -> None:
        self.kind = str(value.get("type"))
        self.id = text_of(value, "id")
        self.ended = False
        self._value = dict(value)
        self._next = number
        self._halves = halves

    def number(self) -> int:
        """The next part's index."""
        return self._next()

    def begin(self) -> Iterator[Event]:
        yield from ()

    def settle(self, value: Mapping[str, Any]) -> Iterator[Event]:
        """The whole item."""
        if not self.ended:
            self.ended = True
            yield TextDelta("", self.number(), metadata={NAME: {"block": dict(value)}})

    def end(self) -> Iterator[Event]:
        """The stream ends and nothing more was said of the item."""
        if not self.ended:
            yield from self.settle(self._value)

    def lone(self, said: Said) -> Iterator[Event]:
        """Half a character of ``said`` whose other half never came."""
        yield from ()


class Message(Item):
    """A message: texts and refusals."""

    def __init__(self, value: Mapping[str, Any], number: Number, halves: Halves) -> None:
        super().__init__(value, number, halves)
        self.texts: dict[tuple[int, bool], Text] = {}
        self._opaque: set[int] = set()

    def text(self, place: int, refusal: bool = False) -> Text:
        found = self.texts.get((place, refusal))
        if found is None:
            found = Text(self.number, self._halves, refusal, self._head())
            self.texts[place, refusal] = found
        return found

    def _head(self) -> Metadata | None:
        rest = more(self._value, "id", "type", "role", "status", "content")
        raw = {"id": id_of(self._value)}
        return keep(NAME, marked(raw, item=rest) if rest else marked(raw))

    def settle(self, value: Mapping[str, Any]) -> Iterator[Event]:
        self.ended = True
        self._value = {**value, "id": self._value.get("id") or value.get("id")}
        for place, part in enumerate(objects_of(value, "content")):
            yield from self.part(place, part)

    def part(self, place: int, part: Mapping[str, Any]) -> Iterator[Event]:
        """A whole part of the message."""
        kind = part.get("type")
        if kind in ("output_text", "refusal", "text"):
            yield from self.text(place, kind == "refusal").end(part)
        elif place not in self._opaque:
            self._opaque.add(place)
            kept = {**((self._head() or {}).get(NAME) or {}), "part": dict(part)}
            yield TextDelta("", self.number(), metadata={NAME: kept})

    def end(self) -> Iterator[Event]:
        self.ended = True
        for text in list(self.texts.values()):
            yield from text.end({})

    def lone(self, said: Said) -> Iterator[Event]:
        for text in self.texts.values():
            if text.said is said:
                yield from text.lone()


class ReasoningItem(Item):
    """Reasoning: summaries of it, the words themselves, and a signature for both."""

    def __init__(self, value: Mapping[str, Any], number: Number, halves: Halves) -> None:
        super().__init__(value, number, halves)
        raw = {"id": id_of(value)}
        self._reserved = number() if raw["id"] else None
        self.summary = Reasoning(self.number, halves, raw)
        self.words = Reasoning(self.number, halves, {**raw, "kind": RAW_REASONING})
        self._signed = False

    def number(self) -> int:
        """The first part has its place from the item's beginning: OpenAI wants its reasoning back
        before what it led to, even if it is whole only after that (OpenRouter)."""
        if self._reserved is None:
            return super().number()
        index, self._reserved = self._reserved, None
        return index

    def settle(self, value: Mapping[str, Any]) -> Iterator[Event]:
        self.ended = True
        for place, part in enumerate(objects_of(value, "summary")):
            yield from self.summary.settle(place, text_of(part, "text"))
        for place, part in enumerate(objects_of(value, "content")):
            yield from self.words.settle(place, text_of(part, "text"))
        known = ("id", "type", "status", "summary", "content", "encrypted_content")
        signature = text_of(value, "encrypted_content")
        if not self._signed:
            self._signed = True
            last = max(self.summary, self.words, key=lambda run: run.index)
            yield from last.end(signature, more(value, *known))

    def end(self) -> Iterator[Event]:
        if not self.ended:
            yield from self.settle({})

    def lone(self, said: Said) -> Iterator[Event]:
        for run in (self.summary, self.words):
            yield from run.lone(said)


class Call(Item):
    """A tool call; it begins when its name is known."""

    def __init__(
        self, value: Mapping[str, Any], number: Number, halves: Halves, answer: str
    ) -> None:
        super().__init__(value, number, halves)
        self._answer = answer
        self._said = Said(halves)
        self._held: list[str] = []
        self.index = -1
        self.field = "input" if self.kind == "custom_tool_call" else "arguments"

    def begin(self) -> Iterator[Event]:
        if isinstance(self._value.get("name"), str):
            yield from self._start(self._value)

    def _start(self, value: Mapping[str, Any]) -> Iterator[Event]:
        if self.index >= 0:
            return
        self.index = self.number()
        id = text_of(value, "call_id") or id_of(value)
        id = id or call_ids.make(self._answer, self.index)
        kept = more(value, "id", "call_id", "name", "status", "type", "arguments", "input")
        if self.kind == "custom_tool_call":
            kept["type"] = "custom"
        metadata = keep(NAME, marked({"id": id_of(value)}, **kept))
        yield ToolCallStart(self.index, id, text_of(value, "name"), metadata)
        if self._held:
            yield ToolCallDelta(self.index, "".join(self._held))

    def _tell(self, text: str) -> Iterator[Event]:
        if not text:
            return
        if self.index < 0:
            self._held.append(text)
        else:
            yield ToolCallDelta(self.index, text)

    def say(self, text: str) -> Iterator[Event]:
        yield from self._tell(self._said.piece(text))

    def say_all(self, whole: str) -> Iterator[Event]:
        yield from self._tell(self._said.rest(whole))

    def settle(self, value: Mapping[str, Any]) -> Iterator[Event]:
        self.ended = True
        yield from self._start({**self._value, **value})
        yield from self.say_all(text_of(value, self.field))

    def end(self) -> Iterator[Event]:
        if not self.ended:
            yield from self.settle(self._value)

    def lone(self, said: Said) -> Iterator[Event]:
        if said is self._said:
            yield from self._tell(LONE)


def open_item(value: Mapping[str, Any], number: Number, halves: Halves, answer: str) -> Item:
    """An item that begins."""
    match value.get("type"):
        case "message":
            return Message(value, number, halves)
        case "reasoning":
            return ReasoningItem(value, number, halves)
        case "function_call" | "custom_tool_call":
            return Call(value, number, halves, answer)
        case _:
            return Item(value, number, halves)
