"""Cohere's streams obey the laws: how a body is cut says nothing, decoding undoes encoding, and a
stream that was cut never ends well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import EmptyStream, PenstockError, StreamFailed, StreamTruncated
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
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.cohere_v2_chat.citations import cited
from penstock.types import ChatRequest, Metadata, Usage
from protocols.reading import Outcome, brief, by, cuts, outcome_of, read, sliced
from protocols.strategies import AWKWARD, framings, texts, words

CHAT = CohereChat()
NAME = "cohere_v2_chat"
PLANNED: Metadata = {NAME: {"raw": {"tool_plan": True}}}
DOCUMENT = {"type": "document", "id": "doc:0", "document": {"title": "Т", "text": "a"}}
CITATION = {"start": 0, "end": 2, "text": "He", "sources": [DOCUMENT], "type": "TEXT_CONTENT"}
LOGPROBS = {"text": "!", "token_ids": [1], "logprobs": [-0.5]}

EVERYTHING: tuple[Event, ...] = (
    Start("41ef7910", ""),
    ReasoningDelta("Думаю… 🤔", 0),
    ReasoningDelta("\n", 0),
    *(TextDelta(text, 1) for text in AWKWARD),
    TextDelta("", 1, metadata=cited([CITATION])),
    TextDelta("!", 1, metadata={NAME: {"logprobs": [LOGPROBS]}}),
    TextDelta("", 2, metadata={NAME: {"block": {"type": "new", "content": ["я"]}}}),
    TextDelta("Here:", 3),
    ReasoningDelta("I will use the ", 4, metadata=PLANNED),
    ReasoningDelta("погода tool.", 4, metadata=PLANNED),
    ToolCallStart(5, "call_a", "погода", {NAME: {"new": 1}}),
    ToolCallDelta(5, '{\n  "город": "Мос'),
    ToolCallDelta(5, 'ква\\n"}'),
    ToolCallStart(6, "call_b", "time"),
    Finish(
        "tool_calls",
        "TOOL_CALL",
        Usage(
            7,
            8,
            cached_input=1,
            reasoning=2,
            metadata={NAME: {"billed_units": {"input_tokens": 5}, "tokens": {"image_tokens": 3}}},
        ),
        {NAME: {"new": {"a": 1}}},
    ),
)
PLAIN: tuple[Event, ...] = (
    Start("i", ""),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish("stop", "STOP_SEQUENCE", Usage(3, 4)),
)
each_sample = pytest.mark.parametrize("events", [EVERYTHING, PLAIN], ids=["everything", "plain"])
each_brief = pytest.mark.parametrize(
    "events", [brief(EVERYTHING), PLAIN], ids=["everything", "plain"]
)


def encoded(events: tuple[Event, ...]) -> bytes:
    encoder = CHAT.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


@each_brief
def test_every_split_in_two_gives_the_same_events(events: tuple[Event, ...]) -> None:
    body = encoded(events)
    whole = Outcome(events, None)
    assert read(CHAT, body) == whole
    assert read(CHAT, by(body, 1)) == whole
    for cut in range(len(body) + 1):
        assert read(CHAT, sliced(body, [cut])) == whole, cut


@each_sample
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_cut_anywhere_before_message_end_is_an_error(
    events: tuple[Event, ...], end: bytes
) -> None:
    body = encoded(events).replace(b"\n", end)
    stop = body.rindex(b"}") + 1
    for cut in cuts(CHAT, body):
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


class _Chat:
    """Numbers the parts as they begin."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.calls: list[int] = []
        self._index = -1
        self._kind = ""

    def part(self, kind: str) -> int:
        if kind != self._kind or kind in ("call", "block"):
            self._index += 1
            self._kind = kind
        return self._index


Said = Callable[[_Chat], None]


def _text(text: str, is_cited: bool) -> Said:
    def add(chat: _Chat) -> None:
        index = chat.part("text")
        chat.events.append(TextDelta(text, index))
        if is_cited:
            chat.events.append(TextDelta("", index, metadata=cited([CITATION])))

    return add


def _reasoning(text: str, plan: bool) -> Said:
    def add(chat: _Chat) -> None:
        index = chat.part("plan" if plan else "thinking")
        chat.events.append(ReasoningDelta(text, index, metadata=PLANNED if plan else None))

    return add


def _block(kind: str, value: Any) -> Said:
    block = {"type": f"new_{kind}", "content": value}
    return lambda chat: chat.events.append(
        TextDelta("", chat.part("block"), metadata={NAME: {"block": block}})
    )


def _call(id: str, name: str) -> Said:
    def add(chat: _Chat) -> None:
        chat.calls.append(chat.part("call"))
        chat.events.append(ToolCallStart(chat.calls[-1], id, name))

    return add


def _arguments(which: int, fragment: str) -> Said:
    """A fragment for any of the calls so far: calls interleave."""

    def add(chat: _Chat) -> None:
        if chat.calls:
            chat.events.append(ToolCallDelta(chat.calls[which % len(chat.calls)], fragment))

    return add


fragments = st.builds(_arguments, st.integers(0, 9), texts)
said = st.one_of(
    st.builds(_text, texts, st.booleans()),
    st.builds(_reasoning, texts, st.booleans()),
    st.builds(_block, words, st.none() | words | st.lists(words, max_size=2)),
    st.builds(_call, words, words),
    fragments,
    fragments,
)
counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    output=st.integers(0, 10**9),
    cached_input=counts,
    reasoning=counts,
    provenance=st.sampled_from(["reported", "estimated", "partial"]),
    metadata=st.none() | st.just({NAME: {"billed_units": {"search_units": 1}}}),
)
endings: st.SearchStrategy[tuple[FinishReason, str | None]] = st.sampled_from(
    [
        ("stop", "COMPLETE"),
        ("stop", "STOP_SEQUENCE"),
        ("length", "MAX_TOKENS"),
        ("tool_calls", "TOOL_CALL"),
        ("content_filter", "ERROR_TOXIC"),
        ("unknown", "the moon was full"),
    ]
)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as Cohere can say it."""
    chat = _Chat()
    for add in draw(st.lists(said, max_size=10)):
        add(chat)
    reason, raw_reason = draw(endings)
    finish = Finish(reason, raw_reason, draw(st.none() | usages))
    return Start(draw(words.filter(bool)), ""), *chat.events, finish


@given(chats(), framings(), st.data())
def test_any_slicing_of_any_chat_gives_its_events(
    events: tuple[Event, ...], frame: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    body = frame(encoded(events))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert read(CHAT, sliced(body, cuts)) == Outcome(events, None)


@given(chats())
def test_a_whole_answer_says_what_the_stream_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    body = json.encode(CHAT.encode_response(reply))
    again = outcome_of(CHAT.decode_response(body)).reply
    assert again.id == reply.id
    assert again.text == reply.text
    assert sorted(again.reasoning) == sorted(reply.reasoning)
    assert [call.id for call in again.tool_calls] == [call.id for call in reply.tool_calls]
    assert again.finish == reply.finish
    assert read(CHAT, by(body, 5)).reply == again


@given(st.binary(max_size=200), st.data())
def test_any_slicing_of_any_bytes_gives_the_same_outcome(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(CHAT, body)
    assert read(CHAT, sliced(body, cuts)) == whole
    assert read(CHAT, by(body, 1)) == whole


kinds = st.sampled_from(
    [
        "message-start",
        "content-start",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "citation-start",
        "message-end",
        "debug",
    ]
)
keys = st.sampled_from(
    [
        "message",
        "content",
        "text",
        "thinking",
        "type",
        "tool_plan",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "citations",
        "content_index",
        "sources",
        "finish_reason",
        "usage",
        "tokens",
        "error",
        "logprobs",
    ]
)
scalars = st.none() | st.booleans() | st.integers(-1, 2) | st.floats() | st.text(max_size=3)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=12,
)
holders = anything | st.fixed_dictionaries(
    {"message": st.dictionaries(keys, st.dictionaries(keys, anything) | anything)}
)
strange = st.fixed_dictionaries({"type": kinds, "delta": holders, "index": st.integers(0, 2)})


@given(st.lists(strange | st.dictionaries(keys, anything), min_size=1, max_size=6))
def test_events_of_any_shape_are_events_or_an_error_of_ours(values: list[dict[str, Any]]) -> None:
    body = b"".join(b"data: " + json.encode(value) + b"\n\n" for value in values)
    for outcome in (read(CHAT, body), outcome_of(CHAT.decode_response(json.encode(values[0])))):
        assert outcome.finish or (outcome.error and issubclass(outcome.error, PenstockError))


@given(st.fixed_dictionaries({"message": st.dictionaries(keys, anything), "usage": anything}))
def test_answers_of_any_shape_are_events_or_an_error_of_ours(value: dict[str, Any]) -> None:
    outcome = outcome_of(CHAT.decode_response(json.encode(value)))
    assert outcome.finish or (outcome.error and issubclass(outcome.error, PenstockError))


@pytest.mark.parametrize("inner", [b'{"a":', b"["])
def test_deep_nesting_is_an_error_of_ours(inner: bytes) -> None:
    body = b'{"type":"content-start","message":' + inner * 100_000
    assert read(CHAT, b"data: " + body + b"\n\n").error
    assert outcome_of(CHAT.decode_response(body)).error


def test_every_split_gives_the_same_error_after_the_same_events() -> None:
    body = encoded(brief(EVERYTHING))
    half = body[: body.index(b"event: ", len(body) // 2)]
    failures = (
        half + b'data: {"type": "content-delta", "index": 0}\n\n' + body,
        half + b'data: {"type": "content-delta"]\n\n' + body,
        half + b'data: {"message": "it broke"}\n\n' + body,
        half + b'data: {"type": "message-end", "delta": {"finish_reason": "ERROR"}}\n\n' + body,
        half,
        b"\n <!doctype html>" + body,
    )
    for failure in failures:
        whole = read(CHAT, failure)
        assert whole.error
        assert not whole.finish
        assert read(CHAT, by(failure, 1)) == whole
        for cut in range(0, len(failure) + 1, 3):
            assert read(CHAT, sliced(failure, [cut])) == whole, cut
        decoder = CHAT.decoder()
        assert read(decoder, failure).error
        assert list(decoder.feed(body)) == []
        assert list(decoder.close()) == []


def test_what_follows_the_end_is_ignored() -> None:
    decoder = CHAT.decoder()
    assert read(decoder, encoded(PLAIN)).finish
    for more in (b"", b"more", b"data: {\n\n", b"\xff", b"<html>", encoded(PLAIN)):
        assert list(decoder.feed(more)) == []
        assert list(decoder.close()) == []
    assert read(CHAT, encoded(PLAIN) + b"data: {\n\n" + encoded(PLAIN)) == Outcome(PLAIN, None)


def test_done_alone_is_no_end() -> None:
    body = encoded(PLAIN)
    end = body.index(b"event: message-end")
    assert read(CHAT, body[:end] + b"data: [DONE]\n\n").error is StreamTruncated
    assert read(CHAT, b"data: [DONE]\n\n").error is EmptyStream


def test_an_error_amid_a_stream_never_reads_as_its_end() -> None:
    encoder = CHAT.encoder(ChatRequest())
    body = b"".join(map(encoder.encode, PLAIN[:2])) + encoder.error(StreamTruncated("it was cut"))
    outcome = read(CHAT, body)
    assert outcome.failure == (StreamFailed, "it was cut", None, None, None)
    assert outcome.events == PLAIN[:2]
