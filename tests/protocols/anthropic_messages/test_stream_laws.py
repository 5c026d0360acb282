"""Anthropic's streams obey the laws: how a body is cut says nothing, decoding undoes encoding, and
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
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.types import ChatRequest, Usage
from protocols.reading import Outcome, brief, by, cuts, outcome_of, read, sliced
from protocols.strategies import AWKWARD, framings, texts, words

MESSAGES = AnthropicMessages()
NAME = "anthropic_messages"
CITATION = {"type": "char_location", "cited_text": "трава", "document_index": 0}
CITED = {NAME: {"raw": {"citations": [CITATION]}}, "citations": [{"text": "трава"}]}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "a"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"url": "b"}]}

EVERYTHING: tuple[Event, ...] = (
    Start("msg_1", "модель"),
    ReasoningDelta("Думаю… 🤔", 0),
    ReasoningDelta("", 0, "c2lnbmVk"),
    ReasoningDelta("", 1, "", {NAME: {"redacted_thinking": "ZGF0YQ=="}}),
    ReasoningDelta("", 2, "b25seSBzaWduZWQ="),
    *(TextDelta(text, 3) for text in AWKWARD),
    TextDelta("", 3, metadata=CITED),
    TextDelta("", 4, metadata={NAME: {"block": SEARCH}}),
    TextDelta("", 5, metadata={NAME: {"block": FOUND}}),
    TextDelta("Here:", 6),
    ToolCallStart(7, "toolu_a", "погода", {NAME: {"caller": {"type": "direct"}}}),
    ToolCallDelta(7, '{"город": "Мос'),
    ToolCallDelta(7, 'ква\\n"}'),
    ToolCallStart(8, "toolu_b", "time"),
    Finish(
        "tool_calls",
        "tool_use",
        Usage(
            7,
            8,
            cached_input=1,
            cache_write=2,
            cached_apart=True,
            metadata={NAME: {"service_tier": "standard"}},
        ),
        {NAME: {"stop_details": {"a": 1}, "context_management": {"applied_edits": []}}},
    ),
)
PLAIN: tuple[Event, ...] = (
    Start("msg_2", "m"),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish(
        "stop", "stop_sequence", Usage(3, 4, cached_apart=True), {NAME: {"stop_sequence": "\n\n"}}
    ),
)
each_sample = pytest.mark.parametrize("events", [EVERYTHING, PLAIN], ids=["everything", "plain"])
each_brief = pytest.mark.parametrize(
    "events", [brief(EVERYTHING), PLAIN], ids=["everything", "plain"]
)


def encoded(events: tuple[Event, ...]) -> bytes:
    encoder = MESSAGES.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


@each_brief
def test_every_split_in_two_gives_the_same_events(events: tuple[Event, ...]) -> None:
    body = encoded(events)
    whole = Outcome(events, None)
    assert read(MESSAGES, body) == whole
    assert read(MESSAGES, by(body, 1)) == whole
    for cut in range(len(body) + 1):
        assert read(MESSAGES, sliced(body, [cut])) == whole, cut


@each_sample
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_cut_anywhere_before_message_stop_is_an_error(
    events: tuple[Event, ...], end: bytes
) -> None:
    body = encoded(events).replace(b"\n", end)
    stop = body.rindex(b"}") + 1
    for cut in cuts(MESSAGES, body):
        for outcome in (cut.delimited, cut.endless):
            if cut.at >= stop:
                assert outcome == Outcome(events, None)
                continue
            assert outcome.error is StreamTruncated or (outcome.error, outcome.events) == (
                EmptyStream,
                (),
            )
            assert outcome.events == events[: len(outcome.events)]
            assert not outcome.finish


def _canonical(parts: list[Callable[[int], list[Event]]]) -> list[Event]:
    return [event for index, part in enumerate(parts) for event in part(index)]


def _text(said: list[str], cited: bool) -> Callable[[int], list[Event]]:

    def part(index: int) -> list[Event]:
        end = [TextDelta("", index, metadata=CITED)] if cited else []
        return [*(TextDelta(text, index) for text in said), *end]

    return part


def _thinking(said: list[str], signature: str) -> Callable[[int], list[Event]]:
    return lambda index: [
        *(ReasoningDelta(text, index) for text in said),
        ReasoningDelta("", index, signature),
    ]


def _redacted(data: str) -> Callable[[int], list[Event]]:
    return lambda index: [ReasoningDelta("", index, "", {NAME: {"redacted_thinking": data}})]


def _call(id: str, name: str, pieces: list[str]) -> Callable[[int], list[Event]]:
    return lambda index: [
        ToolCallStart(index, id, name),
        *(ToolCallDelta(index, piece) for piece in (["{", *pieces] if pieces else [])),
    ]


def _block(kind: str, value: Any) -> Callable[[int], list[Event]]:
    block = {"type": f"new_{kind}", "content": value}
    return lambda index: [TextDelta("", index, metadata={NAME: {"block": block}})]


pieces = st.lists(texts, max_size=3)
parts = st.one_of(
    st.builds(_text, st.lists(texts, min_size=1, max_size=3), st.booleans()),
    st.builds(_thinking, pieces, words),
    st.builds(_redacted, words),
    st.builds(_call, words, words, pieces),
    st.builds(_block, words, st.none() | words | st.lists(words, max_size=2)),
)
counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=st.integers(0, 10**9),
    output=st.integers(0, 10**9),
    cached_input=counts,
    cache_write=counts,
    cached_apart=st.just(True),
    provenance=st.sampled_from(["reported", "estimated", "partial"]),
    metadata=st.none() | st.just({NAME: {"server_tool_use": {"web_search_requests": 1}}}),
)
endings: st.SearchStrategy[tuple[FinishReason, str | None]] = st.sampled_from(
    [
        ("stop", "end_turn"),
        ("stop", "pause_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("unknown", "the moon was full"),
    ]
)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as Anthropic can say it."""
    said = _canonical(draw(st.lists(parts, max_size=6)))
    reason, raw_reason = draw(endings)
    finish = Finish(reason, raw_reason, draw(st.none() | usages))
    return Start(draw(words), draw(words)), *said, finish


@given(chats(), framings(), st.data())
def test_any_slicing_of_any_chat_gives_its_events(
    events: tuple[Event, ...], frame: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    body = frame(encoded(events))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert read(MESSAGES, sliced(body, cuts)) == Outcome(events, None)


@given(chats())
def test_a_whole_answer_says_what_the_stream_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    again = outcome_of(MESSAGES.decode_response(json.encode(MESSAGES.encode_response(reply)))).reply
    assert (again.id, again.model) == (reply.id, reply.model)
    assert (again.text, again.reasoning) == (reply.text, reply.reasoning)
    assert [call.id for call in again.tool_calls] == [call.id for call in reply.tool_calls]
    assert again.finish == reply.finish


@given(st.binary(max_size=200), st.data())
def test_any_slicing_of_any_bytes_gives_the_same_outcome(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(MESSAGES, body)
    assert read(MESSAGES, sliced(body, cuts)) == whole
    assert read(MESSAGES, by(body, 1)) == whole


def test_every_split_gives_the_same_error_after_the_same_events() -> None:
    body = encoded(brief(EVERYTHING))
    half = body[: body.index(b"event: ", len(body) // 2)]
    failures = (
        half + b'data: {"type": "content_block_delta", "index": 0}\n\n' + body,
        half + b'data: {"type": "content_block_delta"]\n\n' + body,
        half + b'data: {"type": "error", "error": {"type": "x", "message": "y"}}\n\n' + body,
        half,
        b"\n <!doctype html>" + body,
    )
    for failure in failures:
        whole = read(MESSAGES, failure)
        assert whole.error
        assert not whole.finish
        assert read(MESSAGES, by(failure, 1)) == whole
        for cut in range(0, len(failure) + 1, 3):
            assert read(MESSAGES, sliced(failure, [cut])) == whole, cut
        decoder = MESSAGES.decoder()
        assert read(decoder, failure).error
        assert list(decoder.feed(body)) == []
        assert list(decoder.close()) == []


def test_after_the_end_nothing_more_comes() -> None:
    decoder = MESSAGES.decoder()
    assert read(decoder, encoded(PLAIN)).finish
    for more in (b"", b"more", b"data: {\n\n", b"\xff", b"<html>", encoded(PLAIN)):
        assert list(decoder.feed(more)) == []
        assert list(decoder.close()) == []


def test_what_follows_the_end_in_the_same_bytes_is_ignored() -> None:
    more = b"data: [DONE]\n\ndata: {\n\n" + encoded(PLAIN)
    assert read(MESSAGES, encoded(PLAIN) + more) == Outcome(PLAIN, None)


def test_an_error_amid_a_stream_never_reads_as_its_end() -> None:
    encoder = MESSAGES.encoder(ChatRequest())
    body = b"".join(map(encoder.encode, PLAIN[:2])) + encoder.error(StreamTruncated("it was cut"))
    outcome = read(MESSAGES, body)
    assert outcome.failure
    assert outcome.failure[:3] == (StreamFailed, "it was cut", "api_error")
    assert outcome.events == PLAIN[:2]
