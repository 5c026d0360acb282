"""The six events, and the one reply that a stream of them amounts to."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import StreamTruncated
from penstock.events import (
    SPOKEN,
    Collector,
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
    collect_async,
)
from penstock.types import (
    Message,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from protocols.strategies import chats

STREAM: tuple[Event, ...] = (
    Start("c1", "m"),
    ReasoningDelta("Ду", 0),
    ReasoningDelta("маю", 0, "si"),
    ReasoningDelta("", 0, "gn"),
    TextDelta("Hi", 1),
    TextDelta(" мир", 1),
    ToolCallStart(2, "a", "f"),
    ToolCallStart(3, "b", "g"),
    ToolCallDelta(2, "{"),
    ToolCallDelta(3, "[]"),
    ToolCallDelta(2, "}"),
    TextDelta("No", 4, True),
    TextDelta("!", 5),
    Finish("tool_calls", "tool_calls", Usage(1, 2)),
)


@given(chats())
def test_a_reply_holds_all_that_was_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    texts = [event for event in events if isinstance(event, TextDelta)]
    assert reply.text == "".join(event.text for event in texts if not event.refusal)
    assert reply.refusal == "".join(event.text for event in texts if event.refusal)
    assert reply.reasoning == "".join(e.text for e in events if isinstance(e, ReasoningDelta))
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    assert [(call.id, call.name) for call in reply.tool_calls] == [(s.id, s.name) for s in starts]
    for start, call in zip(starts, reply.tool_calls, strict=True):
        pieces = [e for e in events if isinstance(e, ToolCallDelta) and e.index == start.index]
        assert call.arguments == "".join(piece.arguments for piece in pieces)
    assert (reply.id, reply.model) == (events[0].id, events[0].model)  # type: ignore[union-attr]
    assert reply.finish == events[-1]


@given(chats(), st.integers(0, 2**32))
def test_parts_may_interleave_in_any_way(events: tuple[Event, ...], seed: int) -> None:
    """Only the order within each part counts."""
    parts: dict[int, list[Event]] = {}
    for event in events[1:-1]:
        parts.setdefault(event.index, []).append(event)  # type: ignore[union-attr]
    shuffled: list[Event] = [events[0]]
    order = [index for index, part in parts.items() for _ in part]
    random.Random(seed).shuffle(order)
    queues = {index: iter(part) for index, part in parts.items()}
    shuffled += [next(queues[index]) for index in order]
    assert collect([*shuffled, events[-1]]) == collect(events)


@given(chats())
async def test_collecting_asynchronously_is_the_same(events: tuple[Event, ...]) -> None:
    async def stream() -> AsyncIterator[Event]:
        for event in events:
            yield event

    assert await collect_async(stream()) == collect(events)


def test_a_reply_s_parts_stand_in_the_order_they_began() -> None:
    assert collect(STREAM) == Reply(
        "c1",
        "m",
        Message(
            "assistant",
            (
                ReasoningPart("Думаю", "sign"),
                TextPart("Hi мир"),
                ToolCallPart("a", "f", "{}"),
                ToolCallPart("b", "g", "[]"),
                RefusalPart("No"),
                TextPart("!"),
            ),
        ),
        Finish("tool_calls", "tool_calls", Usage(1, 2)),
    )


def test_a_reply_prints_as_its_text() -> None:
    reply = collect(STREAM)
    assert str(reply) == reply.text == "Hi мир!"
    assert (reply.reasoning, reply.refusal) == ("Думаю", "No")
    assert reply.usage == Usage(1, 2)


def test_printing_events_prints_what_was_said_aloud() -> None:
    assert "".join(map(str, STREAM)) == "Hi мирNo!"


def test_spoken_events_are_those_that_carry_something() -> None:
    silent = [type(event) for event in STREAM if not isinstance(event, SPOKEN)]
    assert silent == [Start, Finish]


def test_a_stream_that_was_cut_has_a_reply_but_no_finish() -> None:
    collector = Collector()
    for event in STREAM[:6]:
        collector.add(event)
    assert collector.reply().text == "Hi мир"
    assert collector.reply().finish is None
    assert collector.reply().usage is None
    assert Collector().reply() == Reply("", "", Message("assistant"), None)


def test_the_stream_s_own_error_passes_through() -> None:
    def stream() -> Iterator[Event]:
        yield TextDelta("x")
        raise StreamTruncated("cut")

    with pytest.raises(StreamTruncated):
        collect(stream())


async def test_an_asynchronous_stream_s_own_error_passes_through() -> None:
    async def stream() -> AsyncIterator[Event]:
        yield TextDelta("x")
        raise StreamTruncated("cut")

    with pytest.raises(StreamTruncated):
        await collect_async(stream())


def test_metadata_that_comes_in_pieces_is_kept_whole() -> None:
    """Lists grow (a service streams signatures and citations one by one); the rest is the last
    that was said."""

    def said(metadata: dict[str, object]) -> Event:
        return ReasoningDelta("", 0, "", metadata)

    reply = collect(
        [
            said({"a": {"details": [1], "n": 1, "kept": 0}, "c": [1]}),
            said({"a": {"details": [2, 3], "n": 2}, "b": {"details": [4]}, "c": 2}),
        ]
    )
    expected = {"a": {"details": [1, 2, 3], "n": 2, "kept": 0}, "b": {"details": [4]}, "c": 2}
    assert reply.message.content == (ReasoningPart("", "", expected),)


def test_collecting_changes_no_event() -> None:
    first = TextDelta("x", 0, False, {"a": {"notes": [1]}})
    second = TextDelta("y", 0, False, {"a": {"notes": [2]}})
    reply = collect([first, second])
    assert reply.message.content == (TextPart("xy", {"a": {"notes": [1, 2]}}),)
    assert first.metadata == {"a": {"notes": [1]}}


def test_arguments_without_a_beginning_are_a_call_all_the_same() -> None:
    assert collect([ToolCallDelta(0, "{}")]).tool_calls == (ToolCallPart("", "", "{}"),)
