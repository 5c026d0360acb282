"""OpenAI chat answers as services really send them, one oddity at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from time import process_time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.errors import (
    ContentFiltered,
    EmptyStream,
    MalformedStream,
    PenstockError,
    RateLimited,
    StreamFailed,
    StreamTruncated,
    Unavailable,
    UnexpectedAnswer,
)
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import framed
from penstock.protocols import json as wire
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.sse import MAX_EVENT
from penstock.types import ChatRequest, Message, Usage
from protocols.reading import Outcome, by, outcome_of, read, sliced
from protocols.strategies import USAGE_TOO, values

CHAT = OpenAIChat()
DONE = b"data: [DONE]\n\n"
START = Start("c1", "m")


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(delta: object = None, finish: str | None = None, **more: Any) -> bytes:
    """A chunk with one choice; without a delta, one without choices."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    choices = [] if delta is None and finish is None else [choice]
    return event({"id": "c1", "model": "m", "choices": choices, **more})


def say(text: str) -> bytes:
    return chunk({"content": text})


def call(**fields: Any) -> bytes:
    return chunk({"tool_calls": [fields]})


STOP = chunk({}, "stop")


def events(*pieces: bytes) -> list[Event]:
    """The events of a stream that ends well, read in two ways."""
    outcome = read(CHAT, b"".join(pieces))
    assert outcome == read(CHAT, pieces)
    assert outcome.failure is None
    return list(outcome.events)


def middle(*pieces: bytes) -> list[Event]:
    """The events between ``Start`` and ``Finish``."""
    first, *said, last = events(*pieces, STOP, DONE)
    assert (first, last) == (START, Finish("stop", "stop"))
    return said


# How a stream ends


def test_a_stream_begins_with_start_and_ends_with_finish() -> None:
    body = (chunk({"role": "assistant", "content": ""}), say("Hi"), STOP, DONE)
    assert events(*body) == [START, TextDelta("Hi"), Finish("stop", "stop")]


def test_usage_comes_in_a_last_chunk_without_choices() -> None:
    body = (say("x"), STOP, chunk(usage={"prompt_tokens": 3, "completion_tokens": 4}), DONE)
    assert events(*body)[-1] == Finish("stop", "stop", Usage(3, 4))


def test_usage_on_every_chunk_is_not_added_up() -> None:
    body = [chunk({"content": "x"}, usage={"completion_tokens": n}) for n in (1, 2, 3)]
    assert events(*body, STOP, DONE)[-1] == Finish("stop", "stop", Usage(output=3))


def test_usage_that_is_null_later_does_not_undo_what_was_said() -> None:
    body = (chunk({"content": "x"}, usage={"completion_tokens": 1}), STOP, DONE)
    assert events(*body)[-1] == Finish("stop", "stop", Usage(output=1))


def test_groq_says_usage_under_a_name_of_its_own() -> None:
    body = (say("x"), chunk({}, "stop", x_groq={"usage": {"completion_tokens": 9}}), DONE)
    assert events(*body)[-1] == Finish("stop", "stop", Usage(output=9))


def test_a_finish_reason_may_come_twice_and_the_last_counts() -> None:
    body = (say("x"), chunk({}, "tool_calls"), chunk({"content": ""}, "stop"), DONE)
    assert events(*body)[-1] == Finish("stop", "stop")


def test_a_finish_reason_may_come_with_the_last_text() -> None:
    assert events(chunk({"content": "x"}, "length"), DONE) == [
        START,
        TextDelta("x"),
        Finish("length", "length"),
    ]


def test_without_a_finish_reason_done_ends_the_stream_for_a_reason_unknown() -> None:
    assert events(say("x"), DONE)[-1] == Finish("unknown", None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("insufficient_system_resource", "unknown"),
    ],
)
def test_finish_reasons_keep_the_service_s_own_word(raw: str, reason: Any) -> None:
    assert events(say("x"), chunk({}, raw), DONE)[-1] == Finish(reason, raw)


def test_without_done_a_stream_ends_well_only_if_the_body_ended_properly() -> None:
    body = say("x") + STOP
    assert read(CHAT, body, delimited=True).events[-1] == Finish("stop", "stop")
    assert read(CHAT, body, delimited=False).error is StreamTruncated
    assert read(CHAT, body + DONE, delimited=False).finish


@pytest.mark.parametrize("delimited", [True, False])
def test_an_empty_finish_reason_is_none(delimited: bool) -> None:
    """Some services send ``""`` on each chunk until the end."""
    body = chunk({"content": "x"}, "") + chunk({"content": "y"}, "")
    assert read(CHAT, body, delimited).error is StreamTruncated
    assert read(CHAT, body + DONE).events[-1] == Finish("unknown", None)


@pytest.mark.parametrize(
    "more", [DONE, say("late"), b"data: {\n\n", b"data: x", b"\xff", b"<html>"]
)
def test_nothing_after_done_counts(more: bytes) -> None:
    body = say("x") + STOP + DONE
    assert read(CHAT, body + more) == read(CHAT, body)
    assert read(CHAT, [body, more]) == read(CHAT, body)
    assert read(CHAT, by(body + more, 1)) == read(CHAT, body)


def test_done_may_have_spaces_around_it() -> None:
    assert read(CHAT, say("x") + STOP + b"data:   [DONE] \r\n\r\n").finish


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n \r\n",
        b": nothing\n\n",
        b"event: ping\n\n",
        DONE,
        chunk() + DONE,
        chunk({"role": "assistant", "content": ""}) + DONE,
        chunk({"content": None, "tool_calls": []}) + DONE,
        event({}) + DONE,
    ],
)
def test_a_stream_that_said_nothing_is_an_error(body: bytes) -> None:
    outcome = read(CHAT, body)
    assert outcome.error is EmptyStream
    assert not outcome.finish
    assert read(CHAT, by(body, 1)) == outcome


def test_an_answer_may_be_empty_if_the_service_says_why_it_ended() -> None:
    assert events(chunk({}, "content_filter"), DONE) == [
        START,
        Finish("content_filter", "content_filter"),
    ]


# What a chunk may look like


def test_start_waits_for_a_chunk_that_says_who_answers() -> None:
    """Azure's first chunk has no choices and empty names."""
    first = event({"id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": []})
    assert events(first, say("x"), STOP, DONE)[0] == START


def test_ids_and_models_may_change_within_a_stream_and_the_first_count() -> None:
    other = event({"id": "c2", "model": "n", "choices": [{"delta": {"content": "y"}}]})
    assert events(say("x"), other, STOP, DONE)[0] == START
    assert middle(say("x"), other) == [TextDelta("x"), TextDelta("y")]


@pytest.mark.parametrize(
    "odd",
    [
        chunk(None, "stop").replace(b'"stop"', b"null"),
        chunk({"content": None}),
        chunk({"tool_calls": None}),
        chunk({"tool_calls": []}),
        chunk({"content": "", "reasoning_content": "", "refusal": None, "obfuscation": "abc"}),
        chunk(),
        event({"id": "c1", "model": "m"}),
        event({"id": "c1", "model": "m", "choices": None, "usage": None, "error": None}),
        event({"choices": [{"index": 1, "delta": {"content": "another answer"}}]}),
        b": OPENROUTER PROCESSING\n\n",
        b"event: ping\n\n",
    ],
)
def test_what_says_nothing_is_passed_over(odd: bytes) -> None:
    assert middle(say("x"), odd, say("y"), odd) == [TextDelta("x"), TextDelta("y")]


def test_of_several_choices_the_first_is_read() -> None:
    both = [{"index": n, "delta": {"content": text}} for n, text in ((1, "b"), (0, "a"))]
    other_ends = [{"index": 1, "delta": {}, "finish_reason": "length"}]
    body = (event({"id": "c1", "model": "m", "choices": both}), event({"choices": other_ends}))
    assert middle(*body) == [TextDelta("a")]
    assert read(CHAT, b"".join(body)).error is StreamTruncated


def test_content_may_be_an_object_where_json_was_asked() -> None:
    assert middle(chunk({"content": {"город": 1}})) == [TextDelta('{"город":1}')]


def test_content_may_be_a_list_of_text_and_thinking() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, {"type": "odd"}]},
        {"type": "text", "text": "Hi"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "thinking", "thinking": "odd"},
    ]
    assert middle(chunk({"content": parts})) == [ReasoningDelta("Hm", 0), TextDelta("Hi", 1)]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(key: str) -> None:
    body = (chunk({key: "Hm", "content": ""}), chunk({key: "!", "content": None}), say("Hi"))
    assert middle(*body) == [ReasoningDelta("Hm", 0), ReasoningDelta("!", 0), TextDelta("Hi", 1)]


def test_reasoning_under_both_names_is_said_once() -> None:
    said = chunk({"reasoning_content": "Hm", "reasoning": "Hm"})
    assert middle(said) == [ReasoningDelta("Hm", 0)]


def test_a_signature_may_come_in_a_delta_of_its_own() -> None:
    details = [{"type": "reasoning.text", "text": "", "signature": "s1"}]
    body = (chunk({"reasoning": "Hm"}), chunk({"reasoning_details": details}))
    assert middle(*body) == [ReasoningDelta("Hm", 0), ReasoningDelta("", 0, "s1")]


def test_reasoning_details_that_hold_more_are_kept_as_they_came() -> None:
    details = [{"type": "reasoning.encrypted", "data": "eA==", "format": "x-v1", "index": 0}]
    kept = {"openai_chat": {"reasoning_details": details}}
    assert middle(chunk({"reasoning_details": details})) == [ReasoningDelta("", 0, "", kept)]


def test_think_tags_stay_in_the_text() -> None:
    assert middle(say("<think>Hm</think>Hi")) == [TextDelta("<think>Hm</think>Hi")]


def test_a_refusal_is_text_of_a_kind_of_its_own() -> None:
    body = (say("Well"), chunk({"refusal": "I can"}), chunk({"refusal": "not"}), say("!"))
    assert middle(*body) == [
        TextDelta("Well", 0),
        TextDelta("I can", 1, True),
        TextDelta("not", 1, True),
        TextDelta("!", 2),
    ]


def test_annotations_and_audio_ride_on_the_text() -> None:
    notes = [{"type": "url_citation", "url_citation": {"url": "https://a.example"}}]
    kept = {
        "openai_chat": {"audio": {"id": "a"}, "raw": {"annotations": notes}},
        "citations": [{"url": "https://a.example"}],
    }
    body = (say("x"), chunk({"content": "y", "annotations": notes, "audio": {"id": "a"}}))
    assert middle(*body) == [TextDelta("x"), TextDelta("y", 0, False, kept)]


def test_a_thought_signature_beside_text_is_not_lost() -> None:
    body = (say("x"), chunk({"content": "y", "thought_signature": "s"}), say("z"))
    assert middle(*body) == [
        TextDelta("x", 0),
        ReasoningDelta("", 1, "s"),
        TextDelta("y", 2),
        TextDelta("z", 2),
    ]


# Tool calls


def test_arguments_come_in_fragments_by_index() -> None:
    body = (
        call(index=0, id="a", type="function", function={"name": "f", "arguments": ""}),
        call(index=0, function={"arguments": '{"x": "\\'}),
        call(index=0, function={"arguments": 'n"}'}),
    )
    assert middle(*body) == [
        ToolCallStart(0, "a", "f"),
        ToolCallDelta(0, '{"x": "\\'),
        ToolCallDelta(0, 'n"}'),
    ]


def test_several_calls_interleave() -> None:
    body = (
        chunk({"tool_calls": [
            {"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}},
            {"index": 1, "id": "b", "function": {"name": "g", "arguments": "2"}},
        ]}),
        call(index=0, function={"arguments": "3"}),
        call(index=1, function={"arguments": "4"}),
        say("Done"),
        call(index=0, function={"arguments": "5"}),
    )  # fmt: skip
    assert middle(*body) == [
        ToolCallStart(0, "a", "f"),
        ToolCallDelta(0, "1"),
        ToolCallStart(1, "b", "g"),
        ToolCallDelta(1, "2"),
        ToolCallDelta(0, "3"),
        ToolCallDelta(1, "4"),
        TextDelta("Done", 2),
        ToolCallDelta(0, "5"),
    ]


@pytest.mark.parametrize("first", [-1, 0, 1, 7])
def test_indexes_may_begin_anywhere(first: int) -> None:
    body = (
        call(index=first, id="a", function={"name": "f", "arguments": "1"}),
        call(index=first + 1, id="b", function={"name": "g", "arguments": "2"}),
        call(index=first, function={"arguments": "3"}),
    )
    assert middle(*body)[-1] == ToolCallDelta(0, "3")


def test_a_known_index_with_a_new_id_and_a_name_begins_a_new_call() -> None:
    body = (
        call(index=0, id="a", function={"name": "f", "arguments": "{}"}),
        call(index=0, id="b", function={"name": "f", "arguments": "1"}),
        call(index=0, function={"arguments": "2"}),
    )
    assert middle(*body) == [
        ToolCallStart(0, "a", "f"),
        ToolCallDelta(0, "{}"),
        ToolCallStart(1, "b", "f"),
        ToolCallDelta(1, "1"),
        ToolCallDelta(1, "2"),
    ]


@pytest.mark.parametrize("id", [None, "", "a"])
@pytest.mark.parametrize("name", [None, "", "f"])
@pytest.mark.parametrize("type", [None, "", "function"])
def test_a_continuation_may_repeat_or_blank_its_id_and_name(
    id: str | None, name: str | None, type: str | None
) -> None:
    body = (
        call(index=0, id="a", type="function", function={"name": "f", "arguments": "1"}),
        call(index=0, id=id, type=type, function={"name": name, "arguments": "2"}),
    )
    said = [ToolCallStart(0, "a", "f"), ToolCallDelta(0, "1"), ToolCallDelta(0, "2")]
    assert middle(*body) == said


def test_without_an_index_the_id_decides() -> None:
    body = (
        call(id="a", function={"name": "f", "arguments": "1"}),
        call(id="b", function={"name": "g", "arguments": "2"}),
        call(id="a", function={"arguments": "3"}),
    )
    assert middle(*body) == [
        ToolCallStart(0, "a", "f"),
        ToolCallDelta(0, "1"),
        ToolCallStart(1, "b", "g"),
        ToolCallDelta(1, "2"),
        ToolCallDelta(0, "3"),
    ]


def test_an_index_may_be_left_out_once_the_id_is_known() -> None:
    body = (
        call(index=3, id="a", function={"name": "f"}),
        call(id="a", function={"arguments": "1"}),
    )
    assert middle(*body) == [ToolCallStart(0, "a", "f"), ToolCallDelta(0, "1")]


def test_without_index_and_id_a_name_begins_a_call() -> None:
    body = (
        call(function={"name": "f", "arguments": "1"}),
        call(function={"arguments": "2"}),
        call(function={"name": "f", "arguments": "3"}),
    )
    assert middle(*body) == [
        ToolCallStart(0, "", "f"),
        ToolCallDelta(0, "1"),
        ToolCallDelta(0, "2"),
        ToolCallStart(1, "", "f"),
        ToolCallDelta(1, "3"),
    ]


def test_fragments_wait_for_the_name() -> None:
    body = (
        call(index=0, function={"arguments": "1"}),
        call(index=0, id="a", function={"arguments": "2"}),
        call(index=0, function={"name": "f", "arguments": "3"}),
    )
    assert middle(*body) == [ToolCallStart(0, "a", "f"), ToolCallDelta(0, "123")]


def test_a_call_that_never_gets_a_name_is_told_all_the_same() -> None:
    body = (call(index=0, id="a", function={"arguments": "1"}),)
    assert middle(*body) == [ToolCallStart(0, "a", ""), ToolCallDelta(0, "1")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (None, []),
        ("", []),
        ("null", [ToolCallDelta(0, "null")]),
        ('{"a"', [ToolCallDelta(0, '{"a"')]),
        ("{}{}", [ToolCallDelta(0, "{}{}")]),
        ({"a": 1}, [ToolCallDelta(0, '{"a":1}')]),
    ],
)
def test_arguments_stay_as_they_came(arguments: object, said: list[Event]) -> None:
    body = call(index=0, id="a", function={"name": "f", "arguments": arguments})
    assert middle(body) == [ToolCallStart(0, "a", "f"), *said]


def test_a_custom_call_has_input_instead_of_arguments() -> None:
    body = (
        call(index=0, id="a", type="custom", custom={"name": "sql", "input": ""}),
        call(index=0, custom={"input": "SELECT 1"}),
    )
    kept = {"openai_chat": {"type": "custom"}}
    assert middle(*body) == [ToolCallStart(0, "a", "sql", kept), ToolCallDelta(0, "SELECT 1")]


def test_the_legacy_function_call_is_a_tool_call_of_that_type() -> None:
    body = (
        chunk({"role": "assistant", "content": None, LEGACY: {"name": "f", "arguments": ""}}),
        chunk({LEGACY: {"arguments": "1"}}),
        chunk({LEGACY: {"arguments": "2"}}),
        chunk({}, LEGACY),
        DONE,
    )
    assert events(*body)[1:] == [
        ToolCallStart(0, "", "f", {"openai_chat": {"type": LEGACY}}),
        ToolCallDelta(0, "1"),
        ToolCallDelta(0, "2"),
        Finish("tool_calls", LEGACY),
    ]


LEGACY = "function_call"


def test_what_else_rides_on_a_call_is_kept() -> None:
    extra = {"google": {"thought_signature": "s"}}
    body = call(index=0, id="a", function={"name": "f"}, extra_content=extra)
    assert middle(body) == [ToolCallStart(0, "a", "f", {"openai_chat": {"extra_content": extra}})]


# Halves of characters


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (b'{"content": %s}', [TextDelta("a"), TextDelta("😀b")]),
        (b'{"refusal": %s}', [TextDelta("a", 0, True), TextDelta("😀b", 0, True)]),
        (b'{"reasoning": %s}', [ReasoningDelta("a"), ReasoningDelta("😀b")]),
        (b'{"reasoning_content": %s}', [ReasoningDelta("a"), ReasoningDelta("😀b")]),
        (
            b'{"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": %s}}]}',
            [ToolCallStart(0, "", "f"), ToolCallDelta(0, "a"), ToolCallDelta(0, "😀b")],
        ),
    ],
)
def test_half_a_character_waits_for_the_other_half(delta: bytes, said: list[Event]) -> None:
    body = [
        b'data: {"id": "c1", "model": "m", "choices": [{"delta": %s}]}\n\n' % (delta % text)
        for text in (b'"a\\ud83d"', b'""', b'"\\ude00b"')
    ]
    assert middle(*body) == said


@pytest.mark.parametrize("before", [[], [say("a")]])
def test_a_half_alone_at_the_end_is_replaced(before: list[bytes]) -> None:
    assert middle(*before, say("\ud83d"))[-1] == TextDelta("\ufffd", 0)


@pytest.mark.parametrize("key", ["content", "refusal", "reasoning"])
def test_halves_of_different_texts_are_not_joined(key: str) -> None:
    body = (
        chunk({key: "a\ud83d"}),
        chunk({"tool_calls": [{"index": 0, "id": "\ud83d", "function": {"name": "f\ude00"}}]}),
        chunk({"reasoning": "b\ude00"}) if key != "reasoning" else say("b\ude00"),
        say("c"),
    )
    said = Outcome(tuple(events(*body, STOP, DONE)), None).reply
    assert "😀" not in said.text + said.reasoning + said.refusal
    assert said.tool_calls[0].id == "\ufffd"
    (said.text + said.reasoning + said.refusal).encode()


def test_text_after_joined_halves_is_read_fast_again() -> None:
    body = (say("a\ud83d"), say("\ude00"), say("b"), say("\ud83d\ude00"), say("c"))
    assert "".join(map(str, middle(*body))) == "a😀b😀c"


# Errors


@pytest.mark.parametrize("before", [[], [TextDelta("x")]])
def test_an_error_object_ends_the_stream(before: list[Event]) -> None:
    error = {"message": "Bad tool", "type": "invalid_request_error", "code": "tool_use_failed"}
    body = [say("x")] * len(before) + [
        b"event: error\n" + event({"error": {**error, "param": "t"}})
    ]
    outcome = read(CHAT, [*body, say("late"), STOP, DONE])
    assert outcome.events == ((START, *before) if before else ())
    assert outcome.failure == (StreamFailed, *error.values(), "t")


def test_an_error_may_come_beside_the_last_choice() -> None:
    error = {"code": 502, "message": "Provider disconnected"}
    body = (say("x"), chunk({"content": "y"}, "error", error=error), DONE)
    outcome = read(CHAT, body)
    assert outcome.events == (START, TextDelta("x"), TextDelta("y"))
    assert outcome.failure == (StreamFailed, "Provider disconnected", None, "502", None)


def test_an_error_before_anything_was_said_is_of_its_own_kind() -> None:
    limited = event({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}})
    assert read(CHAT, limited).error is RateLimited
    assert read(CHAT, say("x") + limited).error is StreamFailed
    overloaded = event({"error": {"message": "Too busy", "code": 503}})
    assert read(CHAT, overloaded).error is Unavailable
    assert read(CHAT, say("x") + overloaded).error is StreamFailed
    filtered = event({"error": {"message": "No", "code": "content_filter"}})
    assert read(CHAT, filtered).error is ContentFiltered


def test_a_chunk_may_be_the_error_itself() -> None:
    """A flat error body, which says so in ``object``, amid a stream; even [DONE] may follow."""
    error = event({"object": "error", "message": "Boom", "type": "InternalError", "code": 500})
    failure = (StreamFailed, "Boom", "InternalError", "500", None)
    assert read(CHAT, [say("x"), error, DONE]) == Outcome((START, TextDelta("x")), failure)
    assert outcome_of(CHAT.decode_response(error[6:])).failure == (Unavailable, *failure[1:])


@pytest.mark.parametrize(
    "error", ["Boom", {"message": "Boom"}, {"error": "Boom"}, {"detail": "Boom"}]
)
def test_errors_come_in_many_shapes(error: object) -> None:
    failure = read(CHAT, [say("x"), event({"error": error}), DONE]).failure
    assert failure
    assert failure[:2] == (StreamFailed, "Boom")


@pytest.mark.parametrize(
    "wrong",
    [
        b"data: {\n\n",
        b"data: \n\n",
        b"data: hello\n\n",
        b"data: []\n\n",
        b'data: "x"\n\n',
        b"data: null\n\n",
        b'data: {"choices": [}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xed\xa0\xbd"}}]}\n\n',
        b"data: " + b"[" * 5000 + b"\n\n",
        b"data: " + b'{"a": ' * 5000 + b"\n\n",
        event({"choices": {}}),
        event({"choices": [None]}),
        event({"choices": [[]]}),
        event({"choices": [{"index": "0"}]}),
        event({"choices": [{"delta": []}]}),
        event({"choices": [{"delta": {"tool_calls": {}}}]}),
        event({"choices": [{"delta": {"tool_calls": ["x"]}}]}),
        event({"choices": [{"delta": {"tool_calls": [{"index": "0"}]}}]}),
        event({"choices": [{"delta": {"tool_calls": [{"function": "f"}]}}]}),
        event({"choices": [{"delta": {"content": ["x"]}}]}),
        event({"choices": [{"finish_reason": 1}]}),
        event({"usage": []}),
    ],
    ids=lambda wrong: repr(wrong[:50]),
)  # fmt: skip
def test_a_malformed_event_is_an_error_after_the_events_before_it(wrong: bytes) -> None:
    body = say("x") + say("y") + wrong + say("z") + STOP + DONE
    outcome = read(CHAT, body)
    assert outcome.events == (START, TextDelta("x"), TextDelta("y"))
    assert outcome.error is MalformedStream
    assert read(CHAT, by(body, 1)) == outcome


def test_the_error_says_what_is_wrong_but_shows_no_data() -> None:
    failure = read(CHAT, event({"choices": [{"index": "secret"}]})).failure
    assert failure
    assert "secret" not in failure[1]
    assert "got `str`" in failure[1]


# Other bodies than a stream


@pytest.mark.parametrize(
    "page", [b"<html>", b"<!DOCTYPE html>", b"\n\n \t<html>", b"\xef\xbb\xbf<html>", b"<"]
)
def test_a_web_page_is_an_error_even_with_status_200(page: bytes) -> None:
    for body in (page, page + b"\n\n" + say("x") + STOP + DONE):
        assert read(CHAT, body).error is UnexpectedAnswer
        assert read(CHAT, by(body, 1)) == read(CHAT, body)
        assert outcome_of(CHAT.decode_response(body)) == read(CHAT, body)


WHOLE: dict[str, Any] = {
    "id": "c1",
    "model": "m",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Hi \u2028 мир",
                "reasoning": "Hm",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
WHOLE_EVENTS = (
    START,
    ReasoningDelta("Hm", 0),
    TextDelta("Hi \u2028 мир", 1),
    ToolCallStart(2, "a", "f"),
    ToolCallDelta(2, "{}"),
    ToolCallStart(3, "b", "g"),
    Finish("tool_calls", "tool_calls", Usage(1, 2, 3)),
)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("around", [b"", b"\r\n \t\n", b"\xef\xbb\xbf"])
def test_a_whole_answer_where_a_stream_was_asked_reads_the_same(
    indent: int | None, around: bytes
) -> None:
    body = around + json.dumps(WHOLE, indent=indent).encode() + around.strip(b"\xef\xbb\xbf")
    assert outcome_of(CHAT.decode_response(body)) == Outcome(WHOLE_EVENTS, None)
    for delimited in (True, False):
        assert read(CHAT, body, delimited) == Outcome(WHOLE_EVENTS, None)
    for cut in range(len(body) + 1):
        assert read(CHAT, sliced(body, [cut])) == Outcome(WHOLE_EVENTS, None)


def test_a_decoder_knows_whether_the_body_is_a_whole_answer_and_holds_all_of_it() -> None:
    decoder = CHAT.decoder()
    body = json.dumps(WHOLE).encode()
    assert list(decoder.feed(body[:9])) == []
    assert (decoder.whole, decoder.pending) == (True, 9)
    assert list(decoder.feed(body[9:])) == []
    assert (decoder.whole, decoder.pending) == (True, len(body))
    stream = CHAT.decoder()
    assert len(list(stream.feed(b"\n" + say("x") + say("y")[:5]))) == 2
    assert (stream.whole, stream.pending) == (False, 5)


def test_a_stream_where_a_whole_answer_was_asked_reads_the_same() -> None:
    body = say("x") + STOP + DONE
    assert outcome_of(CHAT.decode_response(b"\xef\xbb\xbf" + body)) == read(CHAT, body)
    assert outcome_of(CHAT.decode_response(say("x"))).error is StreamTruncated


@pytest.mark.parametrize(
    "wrong",
    [
        b"{}",
        b'{"choices": []}',
        b'{"choices": null, "error": null}',
        b'{"choices": {}}',
        b'{"choices": [{"message": []}]}',
        b'{"object": "list", "data": []}',
        b'{"detail": "Not Found"}',
        json.dumps(WHOLE).encode() + b"{}",
        b"{" + json.dumps(WHOLE).encode() + b"}",
    ],
)
def test_other_json_is_not_an_answer(wrong: bytes) -> None:
    assert outcome_of(CHAT.decode_response(wrong)).error is UnexpectedAnswer
    assert read(CHAT, wrong).error is UnexpectedAnswer
    assert read(CHAT, by(wrong, 1)) == read(CHAT, wrong)


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        ('"index":10,"message":{"content":"Hi"}', EmptyStream),
        ('"index":0,"message":{"content":["Hi"]}', MalformedStream),
        ('"index":0,"message":{"content":[{"type":"text","text":"Hi"}]}', None),
    ],
)
def test_a_glance_at_a_whole_answer_sees_what_reading_it_would(
    choice: str, error: type[PenstockError] | None
) -> None:
    body = b'{"choices":[{%s,"finish_reason":"stop"}]}' % choice.encode()
    assert outcome_of(CHAT.decode_response(body)).error is error
    with pytest.raises(error) if error else nullcontext():
        CHAT.check_response(body)


@pytest.mark.parametrize("wrong", [b"[]", b"null", b'"x"', b"OK", b"upstream error", b"\xff\xfe"])
def test_what_is_neither_json_nor_a_stream_is_an_error(wrong: bytes) -> None:
    assert outcome_of(CHAT.decode_response(wrong)).error
    assert read(CHAT, wrong).error


def test_an_error_in_a_whole_answer_with_status_200_is_raised() -> None:
    body = event({"error": {"message": "No", "code": "content_filter", "param": "prompt"}})[6:]
    failure = (ContentFiltered, "No", None, "content_filter", "prompt")
    assert outcome_of(CHAT.decode_response(body)) == read(CHAT, body) == Outcome((), failure)


# Limits


def test_a_whole_answer_where_a_stream_was_asked_has_the_limit_of_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = json.dumps(WHOLE).encode()
    for limit, finished in ((len(body), True), (len(body) - 1, False)):
        monkeypatch.setattr(framed, "MAX_EVENT", limit)
        for pieces in ([body], list(by(body, 1)), list(sliced(body, [len(body) - 1]))):
            outcome = read(CHAT, pieces)
            assert bool(outcome.finish) == finished
            assert outcome.error is (None if finished else UnexpectedAnswer)


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_an_event_may_have_eight_mebibytes_and_those_before_it_come_first(excess: int) -> None:
    frame = len(say("")) - 2
    long = "x" * (MAX_EVENT - frame + excess)
    body = say("a") + say(long) + say("b") + STOP + DONE
    outcome = read(CHAT, body)
    if excess > 0:
        assert outcome.events == (START, TextDelta("a"))
        assert outcome.error is MalformedStream
    else:
        assert [len(str(said)) for said in outcome.events] == [0, 1, len(long), 1, 0]
    assert read(CHAT, by(body, 1_000_003)) == outcome


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        say("x" * 2**20) + STOP + DONE,
        b" " * 2**19 + say("x") + STOP + DONE,
        b"\n" * 2**19 + say("x") + STOP + DONE,
        json.dumps({**WHOLE, "pad": "x" * 2**19}).encode(),
        b"".join(say(f"слово {n}") for n in range(2_000)) + STOP + DONE,
        b"".join(call(id=f"c{n}", function={"name": "f"}) for n in range(2_000)) + STOP + DONE,
        b"".join(call(index=0, function={"arguments": "x"}) for _ in range(2_000)) + STOP + DONE,
    ],
    ids=["one event", "spaces", "line ends", "a whole answer", "text", "calls", "a nameless call"],
)
def test_a_body_fed_byte_by_byte_takes_time_in_proportion(body: bytes) -> None:
    began = process_time()
    assert read(CHAT, by(body, 1)).finish
    assert process_time() - began < 10  # its square takes a minute


# Whatever comes


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.data())
def test_reading_fast_and_reading_slowly_say_the_same(
    kinds: list[str], data: st.DataObject
) -> None:
    """The usual chunk has a reader of its own; with one more key it goes the long way round."""
    deltas: dict[str, st.SearchStrategy[Any]] = {
        "a": st.fixed_dictionaries({"content": st.text()}),
        "b": st.fixed_dictionaries({"content": st.text() | st.none(), "reasoning": st.text()}),
        "c": st.fixed_dictionaries({"content": st.text(), "annotations": st.lists(st.just({}))}),
        "d": st.fixed_dictionaries({"tool_calls": st.just([{"function": {"name": "f"}}])}),
    }
    said = [data.draw(deltas[kind]) for kind in kinds]
    fast = read(CHAT, [*map(chunk, said), STOP, DONE])
    slow = read(CHAT, [*(chunk(delta, x_groq={}) for delta in said), STOP, DONE])
    assert fast == slow


FULL: dict[str, Any] = {
    "id": "c1",
    "model": "m",
    "object": "chat.completion.chunk",
    "choices": [
        {
            "index": 0,
            "delta": {
                "role": "assistant",
                "content": "Hi",
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "a",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {},
                    },
                    {"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}},
                ],
                "reasoning_content": "Hm",
                "reasoning": "Hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "s"}],
                "refusal": "No",
                "function_call": {"name": "f", "arguments": ""},
                "annotations": [{}],
                "audio": {},
                "thought_signature": "t",
            },
            "message": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
    "x_groq": {"usage": {}},
    "error": None,
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a value."""
    yield path
    if isinstance(value, dict | list):
        keys: Iterable[Any] = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from places(value[key], (*path, key))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy of a value with something odd in one place."""
    if not path:
        return odd
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return changed


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2.5,
    10**30,
    "",
    "0",
    "\ud83d",
    "\ude00",
    [],
    {},
    [None],
    ["x"],
    [[]],
    [{}],
    {"a": 1},
    {"text": {"a": 1}},
    [{"type": "thinking", "thinking": "x"}],
    [{"type": "thinking", "thinking": [5, {"text": 5}]}],
    [{"type": "text", "text": 5}],
    [{"signature": {}}],
    {"code": 429, "message": [1]},
]


def use(outcome: Outcome) -> None:
    """Everything that is done with events: they are shown, collected, written and asked back."""
    encoder = CHAT.encoder(ChatRequest(metadata=USAGE_TOO))
    for said in outcome.events:
        str(said).encode()
        encoder.encode(said)
    reply = outcome.reply
    wire.encode(CHAT.encode_response(reply))
    wire.encode(CHAT.encode_request(ChatRequest(messages=(Message("user"), reply.message))))


@pytest.mark.parametrize("path", list(places(FULL)), ids=lambda path: ".".join(map(str, path)))
def test_an_odd_value_anywhere_is_read_or_refused(path: tuple[Any, ...]) -> None:
    for odd in ODD:
        value = put(FULL, path, odd)
        body = say("x") + event(value) + say("y")
        for end in (STOP + DONE, event(value) + DONE):
            use(read(CHAT, body + end))
        message = json.dumps(value).replace('"delta"', '"message"').encode()
        use(outcome_of(CHAT.decode_response(message)))
        assert isinstance(CHAT.decode_error(400, message), PenstockError)


@given(values, st.sampled_from(list(places(FULL))))
@example("\ud83d", ("choices", 0, "delta", "content"))
def test_any_json_anywhere_is_read_or_refused(odd: Any, path: tuple[Any, ...]) -> None:
    body = say("x") + event(put(FULL, path, odd)) + STOP + DONE
    outcome = read(CHAT, body)
    use(outcome)
    assert read(CHAT, by(body, 3)) == outcome


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", range(880, 1001, 8))
@pytest.mark.parametrize("place", ['{"choices":[{"delta":{"content":%s}}]}', '{"error":%s}'])
def test_deep_nesting_is_read_or_refused(place: str, depth: int, opening: str) -> None:
    """About as deep as the interpreter goes."""
    deep = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    body = (place % deep).encode()
    read(CHAT, say("x") + b"data: " + body + b"\n\n" + STOP + DONE)
    outcome_of(CHAT.decode_response(body.replace(b"delta", b"message")))
    assert isinstance(CHAT.decode_error(500, body), PenstockError)
