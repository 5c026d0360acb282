"""Reading with a decoder, in pieces of any size: what came out, and how it ended."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from msgspec.structs import replace

from penstock.errors import PenstockError
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCallDelta,
    collect,
)
from penstock.protocols import Decoder, Protocol


class Outcome(NamedTuple):
    """What a decoder said, and the error it ended in; two are equal if a caller sees the same."""

    events: tuple[Event, ...]
    failure: tuple[type[PenstockError], str, str | None, str | None, str | None] | None

    @property
    def error(self) -> type[PenstockError] | None:
        return self.failure[0] if self.failure else None

    @property
    def finish(self) -> Finish | None:
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Finish) else None

    @property
    def reply(self) -> Reply:
        return collect(self.events)

    def merged(self) -> Outcome:
        """With adjacent pieces of the same text made one, where a protocol has no pieces."""
        return Outcome(tuple(merge(self.events)), self.failure)


def outcome_of(events: Iterable[Event]) -> Outcome:
    """All events until the end or the error."""
    said: list[Event] = []
    try:
        said.extend(events)  # keeps what came before the error
    except PenstockError as error:
        return Outcome(tuple(said), _seen(error))
    return Outcome(tuple(said), None)


def _seen(
    error: PenstockError,
) -> tuple[type[PenstockError], str, str | None, str | None, str | None]:
    return type(error), error.message, error.type, error.code, error.param


def read(
    source: Protocol | Decoder, pieces: Iterable[bytes] | bytes, delimited: bool = True
) -> Outcome:
    """What a decoder makes of a body that arrives in ``pieces``."""
    decoder = source.decoder() if isinstance(source, Protocol) else source

    def events() -> Iterator[Event]:
        for piece in [pieces] if isinstance(pieces, bytes) else pieces:
            yield from decoder.feed(piece)
        yield from decoder.close(delimited)

    return outcome_of(events())


class Cut(NamedTuple):
    """What a decoder makes of a body that ends ``at`` a place, with an end of its own
    (``Content-Length``, the last chunk) and without."""

    at: int
    delimited: Outcome
    endless: Outcome


def cuts(source: Protocol, body: bytes) -> Iterator[Cut]:
    """A body cut at every place. It is read once, byte by byte; a copy of the decoder is told at
    each place that this was all. (What comes byte by byte reads as what comes at once: that is
    another law.)"""
    decoder = source.decoder()
    said: list[Event] = []
    for at in range(len(body) + 1):
        said += decoder.feed(body[max(0, at - 1) : at])
        delimited, endless = (Outcome((*said, *end.events), end.failure) for end in ends(decoder))
        yield Cut(at, delimited, endless)


def ends(decoder: Decoder) -> tuple[Outcome, Outcome]:
    """What a decoder says where a body ends, with an end of its own and without; it can go on
    reading. (Pickled, a copy costs a third.)"""
    kept = pickle.dumps(decoder)
    delimited, endless = pickle.loads(kept), pickle.loads(kept)  # noqa: S301 - our own
    return outcome_of(delimited.close(True)), outcome_of(endless.close(False))


def by(data: bytes, size: int) -> Iterator[bytes]:
    """``data`` in pieces of ``size`` bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def places(end: int) -> list[int]:
    """Where to cut a recorded body before its ``end``: 20 places over its length, and each of the
    last 40 bytes. (Every byte is for the laws, on samples with everything in them.)"""
    return sorted({end * n // 20 for n in range(20)} | set(range(max(0, end - 40), end)))


def sliced(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """``data`` cut at these places."""
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        yield data[start:end]


def merge(events: Iterable[Event]) -> Iterator[Event]:
    """The same events, with adjacent pieces of the same text made one."""
    held: TextDelta | None = None
    for event in events:
        if held is not None and isinstance(event, TextDelta) and _continues(held, event):
            held = replace(held, text=held.text + event.text)
            continue
        if held is not None:
            yield held
        held = event if isinstance(event, TextDelta) else None
        if held is None:
            yield event
    if held is not None:
        yield held


def brief(events: Iterable[Event]) -> tuple[Event, ...]:
    """The same sample in fewer pieces: where its body is cut at every byte and read each time, the
    time goes with the square of its length."""
    return tuple(merge(events))


_ENOUGH = 4
"""Pieces of one text that stay apart."""


def shortened(events: Iterable[Event]) -> tuple[Event, ...]:
    """The same answer, but where many pieces of one text follow each other, the fifth and all after
    it in one: what is read a hundred times alike proves nothing more."""
    said: list[Event] = []
    for text, run in groupby(events, _text_of):
        pieces = list(run)
        kept = pieces if text is None else pieces[:_ENOUGH]
        said += [*kept, *_joined(pieces[len(kept) :])]
    return tuple(said)


def _text_of(event: Event) -> tuple[object, ...] | None:
    """Whose piece it is, if it is nothing but a piece."""
    match event:
        case TextDelta(metadata=None):
            return TextDelta, event.index, event.refusal
        case ReasoningDelta(signature="", metadata=None):
            return ReasoningDelta, event.index
        case ToolCallDelta():
            return ToolCallDelta, event.index
        case _:
            return None


def _joined(pieces: list[Event]) -> list[Event]:
    if not pieces:
        return []
    field = "arguments" if isinstance(pieces[0], ToolCallDelta) else "text"
    return [replace(pieces[0], **{field: "".join(getattr(piece, field) for piece in pieces)})]


def _continues(held: TextDelta, event: TextDelta) -> bool:
    return (held.index, held.refusal, held.metadata, event.metadata) == (
        event.index,
        event.refusal,
        None,
        None,
    )
