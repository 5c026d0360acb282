"""The streams of OpenAI Responses obey the laws: how a body is cut says nothing, decoding undoes
encoding, and a stream that was cut never ends well."""

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
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import ChatRequest, Usage
from protocols.reading import Outcome, brief, by, outcome_of, read, sliced
from protocols.strategies import AWKWARD, framings, texts, values, words

RESPONSES = OpenAIResponses()
NAME = "openai_responses"
LINK = {"url": "https://a.example", "title": "трава", "start": 0, "end": 5}
CITED = {"citations": [LINK]}
FILED: dict[str, Any] = {
    "citations": [{"title": "a.txt"}],
    NAME: {
        "annotations": [{"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 3}]
    },
}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "a"}}
INCOMPLETE = {NAME: {"raw": {"incomplete_details": {"reason": "max_output_tokens"}}}}


def raw(**marks: Any) -> dict[str, Any]:
    return {NAME: {"raw": marks}}


EVERYTHING: tuple[Event, ...] = (
    Start("resp_1", "модель"),
    ReasoningDelta("Думаю… 🤔", 0, "", raw(id="rs_1")),
    ReasoningDelta("", 0, "c2lnbmVk"),
    ReasoningDelta("One\n\nand a half", 1, "", raw(id="rs_2")),
    ReasoningDelta("\n\nTwo", 1, "", raw(starts=[17])),
    ReasoningDelta(" more", 1),
    ReasoningDelta("So it", 2, "", raw(id="rs_2", kind="reasoning_text")),
    ReasoningDelta(" thought", 2),
    ReasoningDelta("", 2, "c2ln", {NAME: {"format": "v1"}}),
    ReasoningDelta("", 3, "b25seSBzaWduZWQ=", raw(id="rs_3")),
    TextDelta(AWKWARD[0], 4, metadata={NAME: {"raw": {"id": "msg_1"}, "item": {"phase": "x"}}}),
    *(TextDelta(text, 4) for text in AWKWARD[1:]),
    TextDelta("", 4, metadata=CITED),
    TextDelta("more", 5, metadata={NAME: {"raw": {"id": "msg_1"}, "item": {"phase": "x"}}}),
    TextDelta("", 5, metadata=FILED),
    TextDelta("", 6, metadata={NAME: {"block": SEARCH}}),
    TextDelta("I will", 7, True, raw(id="msg_2")),
    TextDelta(" not.", 7, True),
    ToolCallStart(8, "call_a", "погода", {NAME: {"raw": {"id": "fc_1"}, "namespace": "n"}}),
    ToolCallDelta(8, '{"город": "Мос'),
    ToolCallDelta(8, 'ква\\n"}'),
    ToolCallStart(9, "call_b", "time", raw(id="fc_2")),
    ToolCallStart(10, "call_c", "math", {NAME: {"raw": {"id": "ctc_1"}, "type": "custom"}}),
    ToolCallDelta(10, "4 + 4"),
    ToolCallDelta(9, "{}"),
    Finish(
        "tool_calls",
        "completed",
        Usage(7, 8, 15, 1, 0, 3, metadata={NAME: {"cost": 1.5}}),
        {NAME: {"service_tier": "flex"}},
    ),
)
PLAIN: tuple[Event, ...] = (
    Start("resp_2", "m"),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish("length", "incomplete", Usage(3, 4), INCOMPLETE),
)
each_sample = pytest.mark.parametrize("events", [EVERYTHING, PLAIN], ids=["everything", "plain"])
each_brief = pytest.mark.parametrize(
    "events", [brief(EVERYTHING), PLAIN], ids=["everything", "plain"]
)


def encoded(events: tuple[Event, ...]) -> bytes:
    encoder = RESPONSES.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


@each_sample
def test_decoding_undoes_encoding(events: tuple[Event, ...]) -> None:
    body = encoded(events)
    assert read(RESPONSES, body) == Outcome(events, None)
    assert read(RESPONSES, by(body, 1)) == Outcome(events, None)


@each_brief
def test_every_split_in_two_gives_the_same_events(events: tuple[Event, ...]) -> None:
    body = encoded(events)
    whole = Outcome(events, None)
    for cut in range(0, len(body) + 1, 1 if len(body) < 10_000 else 13):
        assert read(RESPONSES, sliced(body, [cut])) == whole, cut


@each_sample
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_cut_anywhere_before_the_last_event_is_an_error(
    events: tuple[Event, ...], end: bytes
) -> None:
    body = encoded(events).replace(b"\n", end)
    stop = body.rindex(b"}") + 1
    near = range(stop - 60, len(body) + 1)
    for cut in sorted({*range(0, len(body), 61), *near}):
        for delimited in (True, False):
            outcome = read(RESPONSES, body[:cut], delimited)
            if cut >= stop:
                assert outcome == Outcome(events, None)
                continue
            assert outcome.error in (EmptyStream, StreamTruncated)
            assert outcome.events == events[: len(outcome.events)]
            assert not outcome.finish


Part = Callable[[int], list[Event]]


def _text(said: list[str], tail: dict[str, Any] | None, refusal: bool) -> Part:
    def part(index: int) -> list[Event]:
        first, *rest = said
        head = raw(id=f"msg_{index}")
        end = [TextDelta("", index, refusal, tail)] if tail and not refusal else []
        pieces = (TextDelta(text, index, refusal) for text in rest)
        return [TextDelta(first, index, refusal, head), *pieces, *end]

    return part


def _reasoning(said: list[str], signature: str, kind: str) -> Part:
    def part(index: int) -> list[Event]:
        head = raw(id=f"rs_{index}", **({"kind": kind} if kind and said else {}))
        if not said:
            return [ReasoningDelta("", index, signature, head)]
        first, *rest = said
        end = [ReasoningDelta("", index, signature)] if signature else []
        more: list[Event] = []
        length = len(first)
        for text in rest:
            more.append(ReasoningDelta("\n\n" + text, index, "", raw(starts=[length + 2])))
            length += len(text) + 2
        return [ReasoningDelta(first, index, "", head), *more, *end]

    return part


def _call(id: str, name: str, pieces: list[str], custom: bool) -> Part:
    def part(index: int) -> list[Event]:
        kept: dict[str, Any] = {"raw": {"id": f"fc_{index}"}}
        kept |= {"type": "custom"} if custom else {}
        start = ToolCallStart(index, f"{id}{index}", name, {NAME: kept})
        said = pieces or [] if custom else pieces or ["{}"]
        return [start, *(ToolCallDelta(index, piece) for piece in said)]

    return part


def _block(kind: str, value: Any) -> Part:
    block = {"type": f"new_{kind}", "content": value}
    return lambda index: [TextDelta("", index, metadata={NAME: {"block": block}})]


pieces = st.lists(texts, max_size=3)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(
        _text,
        st.lists(texts, min_size=1, max_size=3),
        st.sampled_from([None, CITED, FILED]),
        st.booleans(),
    ),
    st.builds(_reasoning, pieces, st.just("") | words, st.sampled_from(["", "reasoning_text"])),
    st.builds(_call, words, words, pieces, st.booleans()),
    st.builds(_block, words, values),
)
counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    total=counts,
    cached_input=counts,
    cache_write=counts,
    reasoning=counts,
    provenance=st.sampled_from(["reported", "estimated", "partial"]),
    metadata=st.sampled_from(
        [None, {NAME: {"cost": 0.5}}, {NAME: {"input_tokens_details": {"audio_tokens": 1}}}]
    ),
)
endings: st.SearchStrategy[tuple[FinishReason, str | None, Any]] = st.sampled_from(
    [
        ("stop", "completed", None),
        ("stop", "complete", None),
        ("length", "incomplete", INCOMPLETE),
        ("content_filter", "incomplete", raw(incomplete_details={"reason": "content_filter"})),
        ("unknown", "incomplete", raw(incomplete_details={"reason": "steered"})),
        ("unknown", "the moon was full", None),
        ("unknown", None, None),
    ]
)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as OpenAI Responses can say it."""
    drawn = draw(st.lists(parts, max_size=6))
    said = [event for index, part in enumerate(drawn) for event in part(index)]
    reason, raw_reason, kept = draw(endings)
    if reason == "stop" and any(isinstance(event, ToolCallStart) for event in said):
        reason = "tool_calls"
    finish = Finish(reason, raw_reason, draw(st.none() | usages), kept)
    return Start(draw(words), draw(words)), *said, finish


@given(chats(), framings(), st.data())
def test_any_slicing_of_any_chat_gives_its_events(
    events: tuple[Event, ...], frame: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    body = frame(encoded(events))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert read(RESPONSES, sliced(body, cuts)) == Outcome(events, None)


@given(chats())
def test_a_whole_answer_says_what_the_stream_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    whole = json.encode(RESPONSES.encode_response(reply))
    assert outcome_of(RESPONSES.decode_response(whole)).reply == reply


@given(st.binary(max_size=200), st.data())
def test_any_slicing_of_any_bytes_gives_the_same_outcome(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(RESPONSES, body)
    assert read(RESPONSES, sliced(body, cuts)) == whole
    assert read(RESPONSES, by(body, 1)) == whole


KINDS = sorted(
    {line[7:].decode() for line in encoded(EVERYTHING).split(b"\n") if line[:7] == b"event: "}
)
FIELDS = (
    "response",
    "item",
    "part",
    "delta",
    "text",
    "arguments",
    "annotation",
    "item_id",
    "output_index",
    "content_index",
    "summary_index",
    "output",
    "content",
    "summary",
    "error",
    "usage",
    "status",
    "incomplete_details",
    "encrypted_content",
    "id",
    "name",
    "call_id",
)
odd = st.recursive(
    values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        st.builds(
            lambda kind, rest: {**rest, "type": kind},
            st.sampled_from(["message", "reasoning", "function_call", "output_text", "refusal"]),
            st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        ),
    ),
    max_leaves=8,
)
frames = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), odd, max_size=5),
)


@given(st.lists(frames | odd, max_size=5))
def test_whatever_a_service_sends_nothing_but_our_own_errors_comes_of_it(said: list[Any]) -> None:
    stream = b"".join(b"data: " + json.encode(frame) + b"\n\n" for frame in said)
    end = encoded(PLAIN).rpartition(b"event: ")[2]
    for body in (stream, stream + b"event: " + end):
        outcome = read(RESPONSES, body)
        assert read(RESPONSES, by(body, 7)) == outcome
    for value in said:
        outcome_of(RESPONSES.decode_response(json.encode(value)))
        outcome_of(RESPONSES.decode_response(json.encode({"output": [value], "status": "x"})))


def test_every_split_gives_the_same_error_after_the_same_events() -> None:
    body = encoded(brief(EVERYTHING))
    half = body[: body.index(b"event: ", len(body) // 3)]
    failures = (
        half + b'data: {"type": "response.output_text.delta", "delta": 5}\n\n' + body,
        half + b'data: {"type": "response.output_text.delta"]\n\n' + body,
        half + b'data: {"type": "error", "code": "server_error", "message": "y"}\n\n' + body,
        half,
        b"\n <!doctype html>" + body,
    )
    for failure in failures:
        whole = read(RESPONSES, failure)
        assert whole.error
        assert not whole.finish
        assert read(RESPONSES, by(failure, 1)) == whole
        for cut in range(0, len(failure) + 1, 31):
            assert read(RESPONSES, sliced(failure, [cut])) == whole, cut
        decoder = RESPONSES.decoder()
        assert read(decoder, failure).error
        assert list(decoder.feed(body)) == []
        assert list(decoder.close()) == []


def test_after_the_end_nothing_more_comes() -> None:
    decoder = RESPONSES.decoder()
    assert read(decoder, encoded(PLAIN)).finish
    for more in (b"", b"more", b"data: {\n\n", b"\xff", b"<html>", encoded(PLAIN)):
        assert list(decoder.feed(more)) == []
        assert list(decoder.close()) == []


def test_what_follows_the_end_in_the_same_bytes_is_ignored() -> None:
    more = b"data: [DONE]\n\ndata: {\n\n" + encoded(PLAIN)
    assert read(RESPONSES, encoded(PLAIN) + more) == Outcome(PLAIN, None)


def test_an_error_amid_a_stream_never_reads_as_its_end() -> None:
    for error in (StreamTruncated("it was cut"), PenstockError("it was cut", code="x")):
        encoder = RESPONSES.encoder(ChatRequest())
        body = b"".join(map(encoder.encode, PLAIN[:2])) + encoder.error(error)
        outcome = read(RESPONSES, body)
        assert outcome.failure
        assert outcome.failure[:2] == (StreamFailed, "it was cut")
        assert outcome.events == PLAIN[:2]
