"""Converse's streams obey the laws: how a body is cut says nothing, decoding undoes encoding, and
a stream that was cut never ends well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import EmptyStream, StreamFailed, StreamTruncated
from penstock.events import (
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols import json
from penstock.protocols.aws_eventstream import EventStreamDecoder
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.types import CITATIONS, ChatRequest, Usage
from protocols.reading import Outcome, brief, by, cuts, outcome_of, read, sliced
from protocols.strategies import AWKWARD, texts, words

CONVERSE = BedrockConverse()
NAME = "bedrock_converse"
CITED = {
    "title": "Трава",
    "location": {"web": {"url": "https://a.invalid/", "domain": "a.invalid"}},
    "sourceContent": [{"text": "зелёная"}],
}
NEUTRAL = {"url": "https://a.invalid/", "title": "Трава", "text": "зелёная"}
CITATION = {CITATIONS: [NEUTRAL], NAME: {"citations": [CITED]}}
SEARCH = {
    "toolUse": {
        "toolUseId": "s1",
        "name": "nova_grounding",
        "type": "server_tool_use",
        "input": {"query": "трава"},
    }
}
FOUND = {
    "toolResult": {
        "toolUseId": "s1",
        "type": "nova_grounding_result",
        "status": "success",
        "content": [{"text": "[HIDDEN]"}, {"json": {"a": 1}}],
    }
}

EVERYTHING: tuple[Event, ...] = (
    Start(),
    ReasoningDelta("Думаю… 🤔", 0),
    ReasoningDelta("", 0, "c2lnbmVk"),
    ReasoningDelta("", 1, "", {NAME: {"redactedContent": "ZGF0YQ=="}}),
    ReasoningDelta("", 2, "b25seSBzaWduZWQ="),
    *(TextDelta(text, 3) for text in AWKWARD),
    TextDelta("", 3, metadata=CITATION),
    TextDelta("", 4, metadata={NAME: {"block": SEARCH}}),
    TextDelta("", 5, metadata={NAME: {"block": FOUND}}),
    TextDelta("", 6, metadata=CITATION),
    TextDelta("Here:", 7),
    ToolCallStart(8, "tooluse_a", "погода", {NAME: {"raw": {"type": "tool_use"}}}),
    ToolCallDelta(8, '{"город": "Мос'),
    ToolCallDelta(8, 'ква\\n"}'),
    ToolCallStart(9, "tooluse_b", "time"),
    Finish(
        "tool_calls",
        "tool_use",
        Usage(
            7,
            8,
            18,
            cached_input=1,
            cache_write=2,
            cached_apart=True,
            metadata={NAME: {"serverToolUsage": {}}},
        ),
        {NAME: {"metrics": {"latencyMs": 5}, "additionalModelResponseFields": {"a": 1}}},
    ),
)
PLAIN: tuple[Event, ...] = (
    Start(),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish("stop", "stop_sequence", Usage(3, 4, 7, cached_apart=True)),
)
each_sample = pytest.mark.parametrize("events", [EVERYTHING, PLAIN], ids=["everything", "plain"])
each_brief = pytest.mark.parametrize(
    "events", [brief(EVERYTHING), PLAIN], ids=["everything", "plain"]
)


def encoded(events: tuple[Event, ...]) -> bytes:
    encoder = CONVERSE.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


@each_brief
def test_every_split_in_two_gives_the_same_events(events: tuple[Event, ...]) -> None:
    body = encoded(events)
    whole = Outcome(events, None)
    assert read(CONVERSE, body) == whole
    assert read(CONVERSE, by(body, 1)) == whole
    for cut in range(len(body) + 1):
        assert read(CONVERSE, sliced(body, [cut])) == whole, cut


@each_sample
def test_a_cut_anywhere_before_the_end_is_an_error(events: tuple[Event, ...]) -> None:
    body = encoded(events)
    stop = len(body) - len(list(EventStreamDecoder().feed(body))[-1])
    for cut in cuts(CONVERSE, body[:-1]):
        for outcome in (cut.delimited, cut.endless):
            if cut.at == stop and outcome is cut.delimited:
                assert outcome.events[:-1] == events[:-1]
                assert outcome.finish
                assert (outcome.finish.raw_reason, outcome.finish.usage) == (
                    events[-1].raw_reason if isinstance(events[-1], Finish) else None,
                    None,
                )
                continue
            assert outcome.error is StreamTruncated or (cut.at, outcome.error) == (0, EmptyStream)
            assert outcome.events == events[: len(outcome.events)]
            assert not outcome.finish


def _text(said: list[str], cited: bool) -> Callable[[int], list[Event]]:
    def part(index: int) -> list[Event]:
        end = [TextDelta("", index, metadata=CITATION)] if cited else []
        return [*(TextDelta(text, index) for text in said), *end]

    return part


def _thinking(said: list[str], signature: str) -> Callable[[int], list[Event]]:
    return lambda index: [
        *(ReasoningDelta(text, index) for text in said),
        ReasoningDelta("", index, signature),
    ]


def _redacted(data: str) -> Callable[[int], list[Event]]:
    return lambda index: [ReasoningDelta("", index, "", {NAME: {"redactedContent": data}})]


def _call(id: str, name: str, typed: bool, pieces: list[str]) -> Callable[[int], list[Event]]:
    metadata = {NAME: {"raw": {"type": "tool_use"}}} if typed else None
    return lambda index: [
        ToolCallStart(index, id, name, metadata),
        *(ToolCallDelta(index, piece) for piece in pieces),
    ]


def _block(block: Any) -> Callable[[int], list[Event]]:
    return lambda index: [TextDelta("", index, metadata={NAME: {"block": block}})]


pieces = st.lists(texts, max_size=3)
blocks = st.sampled_from([SEARCH, FOUND, {"image": {"format": "png", "source": {"bytes": "AA=="}}}])
parts = st.one_of(
    st.builds(_text, st.lists(texts, min_size=1, max_size=3), st.booleans()),
    st.builds(_thinking, pieces, words),
    st.builds(_redacted, words),
    st.builds(_call, words, words, st.booleans(), pieces),
    st.builds(_block, blocks),
)
counts = st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    total=counts,
    cached_input=st.none() | counts,
    cache_write=st.none() | counts,
    cached_apart=st.just(True),
    provenance=st.sampled_from(["reported", "estimated", "partial"]),
    metadata=st.none() | st.just({NAME: {"cacheDetails": [{"ttl": "5m", "inputTokens": 1}]}}),
)
endings: st.SearchStrategy[tuple[FinishReason, str | None]] = st.sampled_from(
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "guardrail_intervened"),
        ("unknown", "malformed_tool_use"),
    ]
)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as Bedrock can say it."""
    said = draw(st.lists(parts, max_size=6))
    reason, raw_reason = draw(endings)
    finish = Finish(reason, raw_reason, draw(st.none() | usages))
    return Start(), *(event for index, part in enumerate(said) for event in part(index)), finish


@given(chats(), st.data())
def test_any_slicing_of_any_chat_gives_its_events(
    events: tuple[Event, ...], data: st.DataObject
) -> None:
    body = encoded(events)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert read(CONVERSE, sliced(body, cuts)) == Outcome(events, None)


@given(chats())
def test_a_whole_answer_says_what_the_stream_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    again = outcome_of(CONVERSE.decode_response(json.encode(CONVERSE.encode_response(reply)))).reply
    assert (again.text, again.reasoning) == (reply.text, reply.reasoning)
    assert [call.id for call in again.tool_calls] == [call.id for call in reply.tool_calls]
    assert again.finish == reply.finish
    assert CONVERSE.answer_loss(reply) == ()


@given(st.binary(max_size=200), st.data())
def test_any_slicing_of_any_bytes_gives_the_same_outcome(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(CONVERSE, body)
    assert whole.error
    assert read(CONVERSE, sliced(body, cuts)) == whole
    assert read(CONVERSE, by(body, 1)) == whole


def test_a_whole_answer_where_a_stream_was_asked_is_read_however_it_arrives() -> None:
    body = json.encode(CONVERSE.encode_response(collect(PLAIN)))
    whole = read(CONVERSE, body)
    assert whole.reply == collect(PLAIN)
    for size in (1, 7):
        assert read(CONVERSE, by(body, size)) == whole


def test_after_the_end_nothing_more_comes() -> None:
    decoder = CONVERSE.decoder()
    assert read(decoder, encoded(PLAIN)).finish
    for more in (b"", b"more", b"\x00" * 20, b"<html>", encoded(PLAIN)):
        assert list(decoder.feed(more)) == []
        assert list(decoder.close()) == []


def test_what_follows_the_end_in_the_same_bytes_is_ignored() -> None:
    assert read(CONVERSE, encoded(PLAIN) + b"\xff" * 40) == Outcome(PLAIN, None)


@each_sample
def test_an_error_amid_a_stream_never_reads_as_its_end(events: tuple[Event, ...]) -> None:
    encoder = CONVERSE.encoder(ChatRequest())
    body = b"".join(map(encoder.encode, events[:-1])) + encoder.error(StreamTruncated("it was cut"))
    outcome = read(CONVERSE, body)
    assert outcome.failure
    assert outcome.failure[:3] == (StreamFailed, "it was cut", "modelStreamErrorException")
    assert outcome.events == events[:-1]
    assert read(CONVERSE, by(body, 1)) == outcome
