"""Gemini's streams obey the laws: how a body is cut says nothing, decoding undoes encoding, and
a stream that was cut never ends well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from json import dumps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.errors import (
    EmptyStream,
    MalformedStream,
    PenstockError,
    StreamFailed,
    StreamTruncated,
    UnexpectedAnswer,
)
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
from penstock.protocols import call_ids, json
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.types import CITATIONS, ChatRequest, Usage
from protocols.reading import Outcome, brief, by, cuts, outcome_of, read, sliced
from protocols.strategies import AWKWARD, framings, texts, words

GEMINI = GeminiGenerate()
NAME = "gemini_generate"
SSE = ChatRequest(model="asked")
ARRAY = ChatRequest(model="asked", metadata={NAME: {"raw": {"alt": "json"}}})
CODE = {"executableCode": {"language": "PYTHON", "code": "print('я')"}, "thoughtSignature": "YQ=="}
RAN = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "я\n"}}
PICTURE = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}


def signed(**kept: Any) -> dict[str, Any]:
    return {NAME: {"thoughtSignature": "c2ln", **kept}}


EVERYTHING: tuple[Event, ...] = (
    Start("resp_1", "модель"),
    ReasoningDelta("Думаю… 🤔", 0),
    ReasoningDelta(" so.", 0),
    ReasoningDelta("", 0, "c2lnbmVk"),
    ReasoningDelta("And ", 1),
    *(TextDelta(text, 2) for text in AWKWARD),
    TextDelta("", 3, metadata=signed()),
    TextDelta("Here:", 4),
    TextDelta(" signed", 5, metadata=signed(partMetadata={"a": 1})),
    TextDelta("", 6, metadata={NAME: {"block": CODE}}),
    TextDelta("", 7, metadata={NAME: {"block": RAN}}),
    TextDelta("", 8, metadata={NAME: {"block": PICTURE}}),
    ToolCallStart(9, call_ids.make("resp_1", 0), "погода", signed()),
    ToolCallDelta(9, '{"город":"Москва\\n","n":[1,2.5,null]}'),
    ToolCallStart(10, "own_id", "time"),
    ToolCallDelta(10, "{}"),
    TextDelta("", 2, metadata={CITATIONS: [{"url": "u", "title": "t", "start": 0, "end": 5}]}),
    TextDelta("", 5, metadata={CITATIONS: [{"text": "source"}]}),
    Finish(
        "tool_calls",
        "STOP",
        Usage(
            7,
            8,
            25,
            cached_input=1,
            reasoning=10,
            reasoning_apart=True,
            metadata={NAME: {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}]}},
        ),
        {
            NAME: {
                "groundingMetadata": {
                    "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
                    "groundingSupports": [
                        {
                            "segment": {"endIndex": 10, "text": "Здрав"},
                            "groundingChunkIndices": [0],
                        }
                    ],
                },
                "citationMetadata": {"citations": [{"text": "source"}]},
                "finishMessage": "Model generated function call(s).",
                "promptFeedback": {"safetyRatings": []},
                "answer": {"newField": 1},
                "raw": {"createTime": "2026-01-01T00:00:00Z"},
            }
        },
    ),
)
PLAIN: tuple[Event, ...] = (
    Start("resp_2", "m"),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish("length", "MAX_TOKENS", Usage(3, 4, reasoning_apart=True)),
)
samples = pytest.mark.parametrize("events", [EVERYTHING, PLAIN], ids=["everything", "plain"])
each_brief = pytest.mark.parametrize(
    "events", [brief(EVERYTHING), PLAIN], ids=["everything", "plain"]
)
framed = pytest.mark.parametrize("request_", [SSE, ARRAY], ids=["SSE", "array"])


def encoded(events: tuple[Event, ...], request: ChatRequest = SSE) -> bytes:
    encoder = GEMINI.encoder(request)
    return b"".join(map(encoder.encode, events)) + encoder.close()


@each_brief
@framed
def test_every_split_in_two_gives_the_same_events(
    events: tuple[Event, ...], request_: ChatRequest
) -> None:
    body = encoded(events, request_)
    whole = Outcome(events, None)
    assert read(GEMINI, body) == whole
    assert read(GEMINI, by(body, 1)) == whole
    for cut in range(0, len(body) + 1, 1 if request_ is SSE else 3):
        assert read(GEMINI, sliced(body, [cut])) == whole, cut


@samples
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_cut_before_the_last_chunk_is_an_error_and_so_is_a_body_without_an_end(
    events: tuple[Event, ...], end: bytes
) -> None:
    body = encoded(events).replace(b"\r\n", end)
    stop = body.rindex(b"}") + 1
    for cut in cuts(GEMINI, body):
        check_cut(cut.endless, events)
        if cut.at >= stop:
            assert cut.delimited == Outcome(events, None)
        else:
            check_cut(cut.delimited, events)


@samples
def test_a_cut_before_the_arrays_own_end_is_an_error_however_the_body_ended(
    events: tuple[Event, ...],
) -> None:
    body = encoded(events, ARRAY)
    stop = body.rindex(b"]") + 1
    for cut in cuts(GEMINI, body):
        for outcome in (cut.delimited, cut.endless):
            if cut.at >= stop:
                assert outcome == Outcome(events, None)
            else:
                check_cut(outcome, events)


def check_cut(outcome: Outcome, events: tuple[Event, ...]) -> None:
    assert outcome.error is StreamTruncated or (outcome.error, outcome.events) == (EmptyStream, ())
    assert outcome.events == events[: len(outcome.events)]
    assert not outcome.finish


Part = tuple[str, Callable[[int], list[Event]]]


def _text(said: list[str]) -> Part:
    return "text", lambda index: [TextDelta(text, index) for text in said]


def _signed(text: str, signature: str) -> Part:
    kept = {NAME: {"thoughtSignature": signature}}
    return "", lambda index: [TextDelta(text, index, metadata=kept)]


def _thought(said: list[str], signature: str) -> Part:
    def events(index: int) -> list[Event]:
        end = [ReasoningDelta("", index, signature)] if signature else []
        return [*(ReasoningDelta(text, index) for text in said), *end]

    return "" if signature else "thought", events


def _call(id: str, name: str, arguments: dict[str, Any], signature: str) -> Part:
    kept = {NAME: {"thoughtSignature": signature}} if signature else None
    said = json.encode(arguments).decode()
    return "", lambda index: [ToolCallStart(index, id, name, kept), ToolCallDelta(index, said)]


def _block(kind: str, value: Any) -> Part:
    block = {f"new{kind}": value, "thoughtSignature": kind}
    return "", lambda index: [TextDelta("", index, metadata={NAME: {"block": block}})]


parts = st.one_of(
    st.builds(_text, st.lists(texts, min_size=1, max_size=3)),
    st.builds(_signed, texts | st.just(""), words),
    st.builds(_thought, st.lists(texts, min_size=1, max_size=3), st.just("") | words),
    st.builds(
        _call,
        words,
        words,
        st.dictionaries(words, st.none() | st.booleans() | st.integers() | texts, max_size=3),
        st.just("") | words,
    ),
    st.builds(_block, words, st.booleans() | words | st.lists(words, max_size=2)),
)
counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    total=counts,
    cached_input=counts,
    reasoning=counts,
    reasoning_apart=st.just(True),
    provenance=st.sampled_from(["reported", "estimated", "partial"]),
    metadata=st.none() | st.just({NAME: {"trafficType": "ON_DEMAND"}}),
)
endings: st.SearchStrategy[tuple[FinishReason, str | None]] = st.sampled_from(
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("content_filter", "MODEL_ARMOR"),
        ("unknown", "MALFORMED_FUNCTION_CALL"),
        ("unknown", "the moon was full"),
        ("unknown", None),
    ]
)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as Gemini can say it."""
    said: list[Event] = []
    before, index = "", -1
    for kind, part in draw(st.lists(parts, max_size=6)):
        index += not kind or kind != before
        said.extend(part(index))
        before = kind
    reason, raw_reason = draw(endings)
    if reason == "stop" and any(isinstance(event, ToolCallStart) for event in said):
        reason = "tool_calls"
    finish = Finish(reason, raw_reason, draw(st.none() | usages))
    return Start(draw(words), draw(words)), *_joined(said), finish


def _joined(said: list[Event]) -> Iterator[Event]:
    """Signed thoughts go on the unsigned ones before them."""
    shift, before = 0, None
    for event in said:
        index: int = getattr(event, "index", 0)
        goes_on = isinstance(before, ReasoningDelta) and isinstance(event, ReasoningDelta)
        if (
            goes_on
            and index != getattr(before, "index", 0)
            and not getattr(before, "signature", "")
        ):
            shift += 1
        before = event
        yield _at(event, index - shift)


def _at(event: Event, index: int) -> Event:
    moved: Event = replace(event, index=index)
    return moved


@given(chats(), framings(), st.data())
def test_any_slicing_of_any_chat_gives_its_events(
    events: tuple[Event, ...], frame: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    body = frame(encoded(events).replace(b"\r\n", b"\n"))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert read(GEMINI, sliced(body, cuts)) == Outcome(events, None)


@given(chats(), st.data())
def test_any_slicing_of_any_array_gives_its_events(
    events: tuple[Event, ...], data: st.DataObject
) -> None:
    body = encoded(events, ARRAY)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert json.loads(body)
    assert read(GEMINI, sliced(body, cuts), delimited=False) == Outcome(events, None)


@given(chats())
def test_a_whole_answer_says_what_the_stream_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    body = json.encode(GEMINI.encode_response(reply))
    assert outcome_of(GEMINI.decode_response(body)).reply == reply


@given(st.sampled_from([b"", b"[", b"[{", b"data: {"]), st.binary(max_size=200), st.data())
def test_any_slicing_of_any_bytes_gives_the_same_outcome(
    head: bytes, rest: bytes, data: st.DataObject
) -> None:
    body = head + rest
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(GEMINI, body)
    assert not whole.finish
    assert read(GEMINI, sliced(body, cuts)) == whole
    assert read(GEMINI, by(body, 1)) == whole


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of everything in a JSON value."""
    yield path
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield from nodes(value[key], (*path, key))


def altered(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = altered(value[path[0]], path[1:], new)
    return copy


RICH: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "a", "thought": True, "thoughtSignature": "s"},
                    {"text": "b"},
                    {"functionCall": {"id": "i", "name": "f", "args": {"a": 1}}},
                    {
                        "functionCall": {
                            "name": "g",
                            "partialArgs": [{"jsonPath": "$.a[0]", "stringValue": "x"}],
                            "willContinue": True,
                        }
                    },
                    {"executableCode": {"code": "x"}},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
            "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 1, "uri": "u"}]},
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
                "groundingSupports": [
                    {
                        "segment": {"startIndex": 0, "endIndex": 1, "text": "b"},
                        "groundingChunkIndices": [0],
                    }
                ],
            },
        }
    ],
    "promptFeedback": {"blockReason": "SAFETY"},
    "usageMetadata": {"promptTokenCount": 1},
    "modelVersion": "m",
    "responseId": "r",
}
HUGE = 10**400


@pytest.mark.parametrize(
    "new", [None, True, 0, -1, HUGE, 1.5, "", "x", [], [None], [[]], {}, {"a": {}}], ids=repr
)
def test_whatever_stands_in_a_wrong_place_is_read_or_an_error_of_ours(new: Any) -> None:
    for path in nodes(RICH):
        value = dumps(altered(RICH, path, new)).encode()
        for body in (value, b"data: " + value + b"\n\n", b"[" + value + b"]"):
            outcome = read(GEMINI, body)  # which raises nothing but errors of ours
            assert outcome.finish or outcome.error
            assert read(GEMINI, by(body, 5)) == outcome
            if outcome.finish:
                GEMINI.encode_response(outcome.reply)
                encoded(outcome.events)


def test_what_is_nested_too_deeply_is_an_error() -> None:
    deep = b'{"candidates":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert read(GEMINI, deep).error is UnexpectedAnswer
    assert read(GEMINI, b"data: " + deep + b"\n\n").error is MalformedStream
    assert read(GEMINI, b"[" + deep + b"]").error is MalformedStream


def test_every_split_gives_the_same_error_after_the_same_events() -> None:
    sse, array = encoded(brief(EVERYTHING)), encoded(brief(EVERYTHING), ARRAY)
    half = sse[: sse.index(b"data: ", len(sse) // 2)]
    half_array = array[: array.index(b"\n,\r\n", len(array) // 2)]
    failures = (
        half + b'data: {"candidates": 5}\n\n' + sse,
        half + b'data: {"candidates": [}\n\n' + sse,
        half + b'data: {"error": {"code": 503, "message": "y", "status": "UNAVAILABLE"}}\n\n' + sse,
        half,
        half_array + b",{]}" + array,
        half_array + b", 5]",
        half_array + b',{"error": {"code": 503, "message": "y"}}]',
        half_array + b"]",
        b"[]",
        b"[ {} ]",
        b"\n <!doctype html>" + sse,
    )
    for failure in failures:
        whole = read(GEMINI, failure)
        assert whole.error
        assert not whole.finish
        assert read(GEMINI, by(failure, 1)) == whole
        for cut in range(0, len(failure) + 1, 7):
            assert read(GEMINI, sliced(failure, [cut])) == whole, cut
        decoder = GEMINI.decoder()
        assert read(decoder, failure).error
        assert list(decoder.feed(sse)) == []
        assert list(decoder.close()) == []


@framed
def test_an_error_amid_a_stream_never_reads_as_its_end(request_: ChatRequest) -> None:
    encoder = GEMINI.encoder(request_)
    body = b"".join(map(encoder.encode, PLAIN[:3])) + encoder.error(StreamTruncated("it was cut"))
    outcome = read(GEMINI, body)
    assert outcome.failure
    assert outcome.failure[:3] == (StreamFailed, "it was cut", "UNAVAILABLE")
    assert outcome.events == PLAIN[:3]
    first = GEMINI.encoder(request_).error(PenstockError("no"))
    assert read(GEMINI, first).error


def test_after_the_end_nothing_more_comes() -> None:
    for request in (SSE, ARRAY):
        decoder = GEMINI.decoder()
        assert read(decoder, encoded(PLAIN, request)).finish
        for more in (b"", b"more", b"data: {\n\n", b"\xff", b"<html>", encoded(PLAIN)):
            assert list(decoder.feed(more)) == []
            assert list(decoder.close()) == []
    assert read(GEMINI, encoded(PLAIN, ARRAY) + b"more").events == PLAIN


def test_an_element_that_never_ends_is_refused() -> None:
    decoder = GEMINI.decoder()
    list(decoder.feed(b"[{"))
    for _ in range(7):
        assert list(decoder.feed(b" " * (1 << 20))) == []
    with pytest.raises(MalformedStream, match="longer than"):
        list(decoder.feed(b" " * (1 << 20)))


def test_what_waits_of_an_array_is_counted() -> None:
    decoder = GEMINI.decoder()
    assert decoder.pending == 0
    list(decoder.feed(b'[{"a": "]}'))
    assert decoder.pending == len(b'{"a": "]}')
    list(decoder.feed(b'"}'))
    assert decoder.pending == 0


def test_the_same_events_in_the_usual_chunks_take_the_short_way() -> None:
    body = encoded(PLAIN)
    slow = body.replace(b'"role":"model"', b'"role":"model","x":1')
    assert read(GEMINI, slow) == read(GEMINI, body)
