"""The waist: six events that every stream is made of, and ``collect`` that makes one reply.

    Start (ReasoningDelta | TextDelta | ToolCallStart ToolCallDelta*)* Finish

``index`` numbers the parts of the answer in the order they began. ``Finish`` is there only if
the service's own end of the stream was seen; every other end is an exception (errors.py).
``print(event, end="")`` writes what was said aloud: only ``TextDelta`` prints anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from penstock.types import (
    Message,
    Metadata,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]


class _Silent(Struct, frozen=True, repr_omit_defaults=True, gc=False):
    """An event that prints as nothing."""

    def __str__(self) -> str:
        return ""


class Start(_Silent, frozen=True, repr_omit_defaults=True, gc=False):
    """The answer begins: the service's ``id`` for it and the ``model`` that answers; ``loss``
    names what of the request the service's protocol could not say."""

    id: str = ""
    model: str = ""
    loss: tuple[str, ...] = ()


class TextDelta(Struct, frozen=True, repr_omit_defaults=True, gc=False):
    """A piece of the answer's text; ``refusal`` where the model says why it will not answer."""

    text: str
    index: int = 0
    refusal: bool = False
    metadata: Metadata | None = None

    def __str__(self) -> str:
        return self.text


class ReasoningDelta(_Silent, frozen=True, repr_omit_defaults=True, gc=False):
    """A piece of reasoning; ``signature`` is opaque and must be echoed back next turn."""

    text: str
    index: int = 0
    signature: str = ""
    metadata: Metadata | None = None


class ToolCallStart(_Silent, frozen=True, repr_omit_defaults=True, gc=False):
    """The model begins to call tool ``name``; the call is known as ``id`` from here on."""

    index: int
    id: str
    name: str
    metadata: Metadata | None = None


class ToolCallDelta(_Silent, frozen=True, repr_omit_defaults=True, gc=False):
    """A fragment of the call's arguments: raw JSON text, whole only when all are joined."""

    index: int
    arguments: str


class Attempt(Struct, frozen=True, repr_omit_defaults=True):
    """A target of a route that was asked and did not end the answer: ``provider/model``, the class
    of its error (empty: another was quicker), whether its words are part of the answer, and what it
    spent, as far as is known."""

    target: str
    error: str = ""
    spoke: bool = False
    usage: Usage | None = None


class Finish(_Silent, frozen=True, repr_omit_defaults=True, gc=False):
    """The service ended its answer: why (ours and in its own words) and what it spent.
    ``attempts``: who else was asked on the way, where the answer came over a route."""

    reason: FinishReason = "stop"
    raw_reason: str | None = None
    usage: Usage | None = None
    metadata: Metadata | None = None
    attempts: tuple[Attempt, ...] = ()


Event: TypeAlias = Start | TextDelta | ReasoningDelta | ToolCallStart | ToolCallDelta | Finish
"""What a stream is made of."""

SPOKEN = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta)
"""Events that carry something the model said; nothing is retried after the first of them."""


class Reply(Struct, frozen=True, repr_omit_defaults=True):
    """A whole answer: what ``collect`` makes of a stream. ``str(reply)`` is its text; ``loss``
    names what of the request the service's protocol could not say, ``value`` is what the text
    stands for where a type was asked."""

    id: str
    model: str
    message: Message
    finish: Finish | None
    loss: tuple[str, ...] = ()
    value: Any = None

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """All visible text, joined without a separator."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """All readable reasoning, joined without a separator."""
        parts = self.message.content
        return "".join(part.text for part in parts if isinstance(part, ReasoningPart))

    @property
    def refusal(self) -> str:
        """The model's words of refusal, empty where it answered."""
        parts = self.message.content
        return "".join(part.text for part in parts if isinstance(part, RefusalPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls, in the order they began."""
        return tuple(part for part in self.message.content if isinstance(part, ToolCallPart))

    @property
    def usage(self) -> Usage | None:
        """What the answer spent; ``None`` where nobody knows."""
        return self.finish.usage if self.finish else None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Who else was asked on the way, where the answer came over a route."""
        return self.finish.attempts if self.finish else ()

    @property
    def recovered(self) -> tuple[str, ...]:
        """The targets whose answers were cut and went on elsewhere; empty for an ordinary answer.
        Their words are part of this one."""
        return tuple(attempt.target for attempt in self.attempts if attempt.spoke)


class _Open:
    """A part under way: its pieces, joined once at the end."""

    __slots__ = ("id", "kind", "metadata", "name", "pieces", "signature")

    def __init__(self, kind: type[Part], id: str = "", name: str = "") -> None:
        self.kind, self.id, self.name = kind, id, name
        self.pieces: list[str] = []
        self.signature = ""
        self.metadata: dict[str, Any] = {}

    def part(self) -> Part:
        text, metadata = "".join(self.pieces), self.metadata or None
        if self.kind is ToolCallPart:
            return ToolCallPart(self.id, self.name, text, metadata)
        if self.kind is ReasoningPart:
            return ReasoningPart(text, self.signature, metadata)
        if self.kind is RefusalPart:
            return RefusalPart(text, metadata)
        return TextPart(text, metadata)


def _merged(was: Any, more: Any) -> Any:
    """A part's metadata comes in pieces too: lists grow, all else is the last that was said."""
    if isinstance(was, list) and isinstance(more, list):
        return [*was, *more]
    if isinstance(was, Mapping) and isinstance(more, Mapping):
        return {**was, **{key: _merged(was.get(key), value) for key, value in more.items()}}
    return more


class Collector:
    """Takes events one by one; ``reply()`` is what they amount to so far, cut or whole."""

    def __init__(self) -> None:
        self._start = Start()
        self._finish: Finish | None = None
        self._parts: dict[tuple[type[Part], int], _Open] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case TextDelta(text, index, refusal, metadata):
                part = self._open(RefusalPart if refusal else TextPart, index, metadata)
                part.pieces.append(text)
            case ReasoningDelta(text, index, signature, metadata):
                part = self._open(ReasoningPart, index, metadata)
                part.pieces.append(text)
                part.signature += signature
            case ToolCallStart(index, id, name, metadata):
                part = self._open(ToolCallPart, index, metadata)
                part.id, part.name = id, name
            case ToolCallDelta(index, arguments):
                self._open(ToolCallPart, index, None).pieces.append(arguments)
            case Start():
                self._start = event
            case Finish():
                self._finish = event

    def _open(self, kind: type[Part], index: int, metadata: Metadata | None) -> _Open:
        part = self._parts.get((kind, index))
        if part is None:
            part = self._parts[kind, index] = _Open(kind)
        for protocol, kept in (metadata or {}).items():
            part.metadata[protocol] = _merged(part.metadata.get(protocol), kept)
        return part

    def reply(self) -> Reply:
        """The reply so far; ``finish`` is ``None`` until the service's own end was seen."""
        parts = sorted(self._parts.items(), key=lambda item: item[0][1])
        content = tuple(part.part() for _, part in parts)
        message = Message("assistant", content)
        start = self._start
        return Reply(start.id, start.model, message, self._finish, start.loss)


def collect(events: Iterable[Event]) -> Reply:
    """Make one reply of a whole stream of events; the stream's own exceptions pass through."""
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector.reply()


async def collect_async(events: AsyncIterable[Event]) -> Reply:
    """As ``collect``, for an asynchronous stream."""
    collector = Collector()
    async for event in events:
        collector.add(event)
    return collector.reply()
