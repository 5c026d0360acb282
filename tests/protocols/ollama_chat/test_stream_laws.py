"""Ollama's streams obey the laws: how a body is cut says nothing, decoding undoes encoding, and a
stream that was cut never ends well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import (
    EmptyStream,
    MalformedStream,
    PenstockError,
    StreamFailed,
    StreamTruncated,
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
from penstock.protocols import json
from penstock.protocols.ollama_chat import OllamaChat, OllamaGenerate
from penstock.types import ChatRequest, Usage
from protocols.reading import Outcome, brief, by, cuts, outcome_of, read, sliced
from protocols.strategies import AWKWARD, texts, words

CHAT = OllamaChat()
GENERATE = OllamaGenerate()
NAME = "ollama_chat"
LOGPROBS = [{"token": "Hi", "logprob": -0.5}]
IMAGES = {"type": "images", "images": ["iVBORw0KGgo="]}

EVERYTHING: tuple[Event, ...] = (
    Start("", "модель"),
    ReasoningDelta("Думаю… 🤔", 0),
    ReasoningDelta("\n", 0),
    *(TextDelta(text, 1) for text in AWKWARD),
    TextDelta("Hi", 1, metadata={NAME: {"logprobs": LOGPROBS}}),
    TextDelta("", 2, metadata={NAME: {"block": IMAGES}}),
    TextDelta("Here:", 3),
    ToolCallStart(4, "call_a", "погода"),
    ToolCallDelta(4, '{"город":"Мос\\nква","n":[1.5,null]}'),
    ToolCallStart(5, "call_b", "time"),
    ToolCallDelta(5, "{}"),
    TextDelta("And?", 6),
    ReasoningDelta("Hm", 7),
    Finish(
        "tool_calls",
        "stop",
        Usage(7, 8, metadata={NAME: {"total_duration": 123456789, "load_duration": 0}}),
        {NAME: {"remote_model": "m", "context": [1, 2]}},
    ),
)
PLAIN: tuple[Event, ...] = (
    Start("", "m"),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish("length", "length", Usage(3, 4)),
)
each_sample = pytest.mark.parametrize("events", [EVERYTHING, PLAIN], ids=["everything", "plain"])
each_brief = pytest.mark.parametrize(
    "events", [brief(EVERYTHING), PLAIN], ids=["everything", "plain"]
)


def encoded(events: tuple[Event, ...], chat: OllamaChat = CHAT) -> bytes:
    encoder = chat.encoder(ChatRequest(model="asked"))
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
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"], ids=["LF", "CRLF", "blank lines"])
def test_a_cut_anywhere_before_the_last_line_is_an_error(
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
        self.calls = 0
        self._index = -1
        self._kind = ""

    def part(self, kind: str) -> int:
        if kind != self._kind or kind == "call":
            self._index += 1
            self._kind = kind
        return self._index


Said = Callable[[_Chat], None]


def _text(text: str) -> Said:
    return lambda chat: chat.events.append(TextDelta(text, chat.part("text")))


def _reasoning(text: str) -> Said:
    return lambda chat: chat.events.append(ReasoningDelta(text, chat.part("reasoning")))


def _call(id: str, name: str, arguments: dict[str, Any]) -> Said:
    def add(chat: _Chat) -> None:
        index = chat.part("call")
        chat.calls += 1
        said = json.encode(arguments).decode()
        chat.events.extend([ToolCallStart(index, id, name), ToolCallDelta(index, said)])

    return add


values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts
calls = st.builds(_call, words, words, st.dictionaries(words, values, max_size=3))
said = st.one_of(st.builds(_text, texts), st.builds(_reasoning, texts), calls)
counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    output=st.integers(0, 10**9),
    provenance=st.sampled_from(["reported", "estimated", "partial"]),
    metadata=st.none() | st.just({NAME: {"total_duration": 5}}),
)
endings: st.SearchStrategy[tuple[FinishReason, str | None]] = st.sampled_from(
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("unknown", "the moon was full"),
    ]
)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as Ollama can say it."""
    chat = _Chat()
    for add in draw(st.lists(said, max_size=8)):
        add(chat)
    reason, raw_reason = draw(endings)
    if chat.calls and reason in ("stop", "unknown"):
        reason = "tool_calls"
        raw_reason = "stop"
    finish = Finish(reason, raw_reason, draw(st.none() | usages))
    return Start("", draw(words)), *chat.events, finish


@st.composite
def framings(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A way to write the same lines: line ends, blank lines, no last line end."""
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n"]))
    head = draw(st.sampled_from([b"", b"\n", b"\xef\xbb\xbf"]))
    last = draw(st.booleans())

    def frame(stream: bytes) -> bytes:
        framed = head + stream.replace(b"\n", end)
        return framed if last else framed.rstrip()

    return frame


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
    assert again.model == reply.model
    assert (again.text, again.reasoning) == (reply.text, reply.reasoning)
    assert again.tool_calls == reply.tool_calls
    assert again.finish == reply.finish
    assert read(CHAT, by(body, 5)).reply == again


@given(chats())
def test_a_prompts_answer_says_all_but_the_calls(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    body = json.encode(GENERATE.encode_response(reply))
    for again in (
        outcome_of(GENERATE.decode_response(body)),
        read(GENERATE, encoded(events, GENERATE)),
    ):
        assert (again.reply.text, again.reply.reasoning) == (reply.text, reply.reasoning)
        assert again.reply.tool_calls == ()
        assert again.reply.usage == reply.usage


@given(st.binary(max_size=200), st.data())
def test_any_slicing_of_any_bytes_gives_the_same_outcome(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(CHAT, body)
    assert read(CHAT, sliced(body, cuts)) == whole
    assert read(CHAT, by(body, 1)) == whole


keys = st.sampled_from(
    [
        "model",
        "created_at",
        "message",
        "content",
        "thinking",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "images",
        "response",
        "done",
        "done_reason",
        "error",
        "logprobs",
        "prompt_eval_count",
        "eval_count",
        "role",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(keys, anything, max_size=8), min_size=1, max_size=3))
def test_lines_of_any_shape_are_events_or_an_error_of_ours(lines: list[dict[str, Any]]) -> None:
    body = b"\n".join(map(json.encode, lines))
    for outcome in (read(CHAT, body), outcome_of(CHAT.decode_response(body))):
        assert outcome.finish or (outcome.error and issubclass(outcome.error, PenstockError))


@pytest.mark.parametrize("inner", [b'{"a":', b"["])
def test_deep_nesting_is_an_error_of_ours(inner: bytes) -> None:
    body = b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":' + inner * 100_000
    assert read(CHAT, body + b"\n").error
    assert outcome_of(CHAT.decode_response(body)).error


def test_a_key_that_is_passed_over_must_be_readable_in_the_last_line() -> None:
    body = b'{"message":{"content":"Hi"},"done":true,"done_reason":"stop","new":"\xff"}\n'
    outcome = read(CHAT, body)
    assert (outcome.error, outcome.events[1:]) == (MalformedStream, (TextDelta("Hi", 0),))


def test_every_split_gives_the_same_error_after_the_same_events() -> None:
    body = encoded(brief(EVERYTHING))
    half = body[: body.index(b"\n", len(body) // 2) + 1]
    failures = (
        half + b'{"message": {"content": 5}}\n' + body,
        half + b'{"message": {"content": "a"]\n' + body,
        half + b'{"error": "it broke"}\n' + body,
        half + b"no\n" + body,
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
    for more in (b"", b"more", b"{\n", b"\xff", b"<html>", encoded(PLAIN)):
        assert list(decoder.feed(more)) == []
        assert list(decoder.close()) == []
    assert read(CHAT, encoded(PLAIN) + b"{\n" + encoded(PLAIN)) == Outcome(PLAIN, None)


def test_an_error_amid_a_stream_never_reads_as_its_end() -> None:
    for chat in (CHAT, GENERATE):
        encoder = chat.encoder(ChatRequest())
        body = b"".join(map(encoder.encode, PLAIN[:2])) + encoder.error(StreamTruncated("cut"))
        outcome = read(chat, body)
        assert outcome.failure == (StreamFailed, "cut", None, None, None)
        assert outcome.events == PLAIN[:2]
