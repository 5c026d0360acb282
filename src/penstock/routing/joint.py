"""``Joint``: makes the events of a continuation part of the answer that was begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from penstock.events import Attempt, Event, Finish, ReasoningDelta, Start, TextDelta
from penstock.routing.seam import Seam
from penstock.routing.spent import together
from penstock.routing.spoken import Spoken

CONTINUATION = "continuation"
"""The key of ``Finish.metadata`` under which ``loss`` says what a continuation lost: what its
service could not be told, ``reasoning`` before its text, which would stand amid the answer, and
``text.metadata``, which is about a text that was not given as it was (where citations begin and
end, signatures)."""


class Joint:
    """Takes the events of a continuation one by one, and gives those that the caller gets.

    No second ``Start``; the text goes on under the index it had, without what was said before; all
    other parts have the next free indexes. Reasoning stays where a tool's call follows it with no
    text between: that call may be worth nothing without. ``attempts``: who spoke before, and what
    that cost, which is added up in ``Finish``.
    """

    __slots__ = ("_attempts", "_free", "_index", "_loss", "_places", "_seam", "_text", "_thoughts")

    def __init__(self, spoken: Spoken, seam: Seam, attempts: Sequence[Attempt]) -> None:
        self._index, self._free = spoken.index, spoken.free
        self._seam, self._attempts = seam, attempts
        self._thoughts: list[ReasoningDelta] = []
        self._places: dict[int, int | None] = {}
        self._loss: set[str] = set()
        self._text: int | None = None

    def feed(self, event: Event) -> Iterator[Event]:
        """What the caller gets of the next event."""
        match event:
            case Start(loss=loss):
                self._loss.update(loss)
            case Finish():
                yield from self._more(self._seam.close())
                yield self._finished(event)
            case ReasoningDelta() if not self._places:
                self._thoughts.append(event)
            case TextDelta("", metadata=None):
                pass
            case TextDelta(index=index, refusal=False) if not self._places or index == self._text:
                yield from self._go_on(event)
            case _:
                yield from self._more(self._seam.close())
                yield from self._placed(*self._thoughts, event)
                self._thoughts.clear()

    def _go_on(self, event: TextDelta) -> Iterator[Event]:
        """The text that was under way."""
        self._text = event.index
        self._places |= {thought.index: None for thought in self._thoughts}
        self._places[event.index] = self._index
        if self._thoughts:
            self._loss.add("reasoning")
            self._thoughts.clear()
        if event.metadata:
            self._loss.add("text.metadata")
        yield from self._more(self._seam.feed(event.text))

    def _more(self, text: str) -> Iterator[Event]:
        if text:
            yield TextDelta(text, self._index)

    def _placed(self, *events: Event) -> Iterator[Event]:
        """Events of other parts, but for those of a part that was left out."""
        for event in events:
            if isinstance(event, Start | Finish):
                continue
            if event.index not in self._places:
                self._places[event.index] = self._free
                self._free += 1
            place = self._places[event.index]
            if place is not None:
                yield replace(event, index=place)

    def _finished(self, event: Finish) -> Finish:
        spoke = [attempt.usage for attempt in self._attempts if attempt.spoke]
        left_out = {CONTINUATION: {"loss": tuple(sorted(self._loss))}} if self._loss else {}
        return replace(
            event,
            usage=together([*spoke, event.usage]),
            attempts=tuple(self._attempts),
            metadata={**(event.metadata or {}), **left_out} or None,
        )
