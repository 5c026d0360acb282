"""The law of every pair: an answer told in one protocol, read, told in another and read again
says the same, as far as both can say it."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.events import (
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols import Protocol, json, shelf
from penstock.types import ChatRequest, Usage
from protocols.facts import facts
from protocols.reading import by, outcome_of, read
from protocols.strategies import USAGE_TOO, texts, values

PROTOCOLS: dict[str, Protocol] = {
    name: kind() for name, kind in shelf.find().items() if name != "chatbot_ui"
}
BASES = [name for name, protocol in PROTOCOLS.items() if protocol.family == name]
PAIRS = list(permutations(BASES, 2))
ASKED = ChatRequest(model="asked", metadata=USAGE_TOO)

names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
counts = st.integers(0, 10**6)
endings: st.SearchStrategy[FinishReason] = st.sampled_from(["stop", "length", "content_filter"])


class _Call:
    def __init__(self, name: str, arguments: dict[str, Any], cuts: list[float]) -> None:
        self.name = name
        text = json.encode(arguments).decode()
        places = sorted({int(len(text) * cut) for cut in cuts})
        edges = [0, *places, len(text)]
        self.pieces = [text[a:b] for a, b in pairwise(edges) if a < b]


calls = st.lists(
    st.builds(
        _Call,
        names,
        st.dictionaries(st.text(max_size=6), values, max_size=3),
        st.lists(st.floats(0, 1), max_size=3),
    ),
    max_size=3,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Event, ...]:
    """An answer in nobody's words: signed reasoning, text, tool calls whose arguments come in
    pieces that interleave, a refusal, usage."""
    events: list[Event] = [Start(f"id_{draw(names)}", draw(names))]
    index = -1
    if draw(st.booleans()):
        index += 1
        events += [ReasoningDelta(text, index) for text in draw(st.lists(texts, min_size=1))]
        if draw(st.booleans()):
            events.append(ReasoningDelta("", index, draw(names)))
    if said := draw(st.lists(texts, max_size=3)):
        index += 1
        events += [TextDelta(text, index) for text in said]
    told = draw(calls)
    index = _interleave(draw, events, told, index)
    if not told and draw(st.booleans()):
        events.append(TextDelta(draw(texts), index + 1, True))
    reason: FinishReason = "tool_calls" if told else draw(endings)
    return *events, Finish(reason, None, draw(st.none() | usages()))


def _interleave(draw: st.DrawFn, events: list[Event], told: list[_Call], index: int) -> int:
    waiting = []
    for number, call in enumerate(told):
        index += 1
        events.append(ToolCallStart(index, f"call_{number}", call.name))
        waiting.append((index, list(call.pieces)))
        if draw(st.booleans()):  # the next one begins only when this one is over
            events += [ToolCallDelta(index, piece) for piece in waiting.pop()[1]]
    while waiting := [(at, pieces) for at, pieces in waiting if pieces]:
        at, pieces = draw(st.sampled_from(waiting))
        events.append(ToolCallDelta(at, pieces.pop(0)))
    return index


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Numbers that can be true: the parts are no more than the whole."""
    cached, written, thought = draw(counts), draw(counts), draw(counts)
    return Usage(
        input=cached + written + draw(counts),
        output=thought + draw(counts),
        cached_input=cached or None,
        cache_write=written or None,
        reasoning=thought or None,
    )


def through(protocol: Protocol, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Told as a stream and read again."""
    encoder = protocol.encoder(ASKED)
    body = b"".join(map(encoder.encode, events)) + encoder.close()
    outcome = read(protocol, by(body, 13))
    assert outcome.failure is None, (outcome.failure, body)
    return outcome.events


def through_whole(protocol: Protocol, reply: Reply) -> Reply:
    """Told as a whole answer and read again."""
    body = json.encode(protocol.encode_response(reply))
    outcome = outcome_of(protocol.decode_response(body))
    assert outcome.failure is None, (outcome.failure, body)
    return outcome.reply


@settings(max_examples=40, deadline=None)
@given(answers())
def test_an_answer_in_nobody_s_words_is_read_as_it_was_told(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    for name, protocol in PROTOCOLS.items():
        cannot = protocol.cannot_answer
        due = facts(reply, cannot)
        assert facts(collect(through(protocol, events)), cannot) == due, name
        assert facts(through_whole(protocol, reply), cannot) == due, name


@settings(max_examples=25, deadline=None)
@given(answers())
def test_what_two_protocols_can_both_say_survives_them_both(events: tuple[Event, ...]) -> None:
    told = {name: through(PROTOCOLS[name], events) for name in BASES}
    whole = {name: through_whole(PROTOCOLS[name], collect(events)) for name in BASES}
    for one, other in PAIRS:
        second = PROTOCOLS[other]
        cannot = PROTOCOLS[one].cannot_answer | second.cannot_answer
        again = collect(through(second, told[one]))
        assert facts(again, cannot) == facts(collect(told[one]), cannot), (one, other)
        again = through_whole(second, whole[one])
        assert facts(again, cannot) == facts(whole[one], cannot), (one, other)
