"""What services make of OpenAI Responses: nothing is said twice, and nothing is left out."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import MalformedStream, StreamTruncated
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import json
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import TextPart
from protocols.reading import Outcome, by, outcome_of, read

RESPONSES = OpenAIResponses()
NAME = "openai_responses"

Json = dict[str, Any]


def stream(*frames: Json) -> bytes:
    return b"".join(b"data: " + json.encode(frame) + b"\n\n" for frame in frames)


def said(*frames: Json) -> tuple[Event, ...]:
    """The events between the first and the last."""
    body = stream(CREATED, *frames)
    outcome = read(RESPONSES, body)
    assert not outcome.failure, outcome.failure
    assert read(RESPONSES, by(body, 1)) == outcome
    assert isinstance(outcome.events[0], Start)
    assert isinstance(outcome.events[-1], Finish)
    return outcome.events[1:-1]


def event(kind: str, output_index: int | None = 0, **more: Any) -> Json:
    place = {} if output_index is None else {"output_index": output_index}
    return {"type": f"response.{kind}", **place, **more}


def completed(*output: Json, **more: Any) -> Json:
    response = {"id": "r", "model": "m", "status": "completed", "output": list(output), **more}
    return {"type": "response.completed", "response": response}


def message(*texts: str, id: str = "msg_1") -> Json:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": id, "role": "assistant", "content": content}


def call(arguments: str = "", **more: Any) -> Json:
    item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f"}
    return {**item, "arguments": arguments, **more}


def raw(**marks: Any) -> Json:
    return {NAME: {"raw": marks}}


CREATED: Json = {"type": "response.created", "response": {"id": "r", "model": "m", "output": []}}
ADDED = event("output_item.added", item=message())
DELTA = event("output_text.delta", item_id="msg_1", content_index=0, delta="Hi")
DONE = event("output_item.done", item=message("Hi there"))
NO_PLACE = event("output_text.delta", None, item_id="msg_1", delta=" there")
HI = TextDelta("Hi", 0, metadata=raw(id="msg_1"))


@pytest.mark.parametrize(
    "frames",
    [
        [ADDED, DELTA, event("output_text.done", text="Hi there"), DONE, completed()],
        [ADDED, DELTA, DONE, completed(message("Hi there"))],
        [ADDED, DELTA, completed(message("Hi there", id="msg_other"))],
        [ADDED, ADDED, DELTA, DONE, DONE, completed(message("Hi there"))],
        [
            ADDED,
            DELTA,
            event("content_part.done", part=message("Hi there")["content"][0]),
            completed(message("Hi there")),
        ],
        [ADDED, DELTA, DELTA | {"delta": " there"}, completed(message("something else"))],
        [DELTA, event("output_text.delta", None, delta=" there"), completed()],
        [ADDED, DELTA, NO_PLACE, completed(message("Hi there"))],
        [ADDED, DELTA | {"output_index": 1}, DONE, completed(message("Hi there"))],
        [
            ADDED,
            DELTA | {"item_id": "msg_2"},
            DELTA | {"item_id": "msg_3", "delta": " there"},
            event("output_item.done", item=message("Hi there", id="msg_4")),
            completed(),
        ],
    ],
    ids=range(10),
)
def test_a_text_is_said_once_however_it_is_told(frames: list[Json]) -> None:
    assert said(*frames) == (HI, TextDelta(" there", 0))


@pytest.mark.parametrize(
    "frames", [[DONE, completed()], [completed(message("Hi there"))], [ADDED, DONE, completed()]]
)
def test_a_text_without_pieces_comes_whole(frames: list[Json]) -> None:
    assert said(*frames) == (TextDelta("Hi there", 0, metadata=raw(id="msg_1")),)


def test_items_that_share_a_place_are_kept_apart() -> None:
    other = event("output_item.done", item=message("You", id="msg_2"))
    frames = (ADDED, DELTA, event("output_item.done", item=message("Hi")), other)
    events = (HI, TextDelta("You", 1, metadata=raw(id="msg_2")))
    assert said(*frames, completed()) == events
    assert said(*frames, completed(message("Hi"), message("You", id="msg_2"))) == events


def test_a_final_item_that_was_never_streamed_is_told_at_the_end() -> None:
    first = message("Before", id="msg_0")
    assert said(ADDED, DELTA, completed(first, message("Hi"))) == (
        HI,
        TextDelta("Before", 1, metadata=raw(id="msg_0")),
    )


def test_arguments_are_said_once_however_they_are_told() -> None:
    start = ToolCallStart(0, "c", "f", raw(id="fc_1"))
    added = event("output_item.added", item=call())
    piece = event("function_call_arguments.delta", delta='{"a"')
    done = event("function_call_arguments.done", arguments='{"a": 1}')
    rest = (ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ": 1}"))
    assert said(added, piece, done, completed(call('{"a": 1}'))) == (start, *rest)
    assert said(added, piece, completed(call('{"a": 1}', id="fc_2"))) == (start, *rest)
    assert said(completed(call('{"a": 1}'))) == (start, ToolCallDelta(0, '{"a": 1}'))


def test_a_call_waits_for_its_name() -> None:
    piece = event("function_call_arguments.delta", item_id="fc_1", delta="{}")
    done = event("output_item.done", item=call("{}"))
    start = ToolCallStart(0, "c", "f", raw(id="fc_1"))
    assert said(piece, done, completed()) == (start, ToolCallDelta(0, "{}"))
    (nameless, _) = said(piece, completed())
    assert nameless == ToolCallStart(0, "fc_1", "", raw(id="fc_1"))


def test_calls_whose_arguments_come_in_turn_keep_them_apart() -> None:
    frames = [
        event("output_item.added", 0, item=call()),
        event("output_item.added", 1, item=call(id="fc_2", call_id="d")),
        event("function_call_arguments.delta", 1, delta="1"),
        event("function_call_arguments.delta", 0, delta="2"),
        event("function_call_arguments.delta", 1, delta="3"),
    ]
    assert said(*frames, completed())[2:] == (
        ToolCallDelta(1, "1"),
        ToolCallDelta(0, "2"),
        ToolCallDelta(1, "3"),
    )


def reasoning(*summary: str, words: tuple[str, ...] = (), **more: Any) -> Json:
    item: Json = {"type": "reasoning", "id": "rs_1", **more}
    item["summary"] = [{"type": "summary_text", "text": text} for text in summary]
    item["content"] = [{"type": "reasoning_text", "text": text} for text in words]
    return item


def test_summaries_of_one_item_are_one_part() -> None:
    pieces = [
        event("reasoning_summary_text.delta", summary_index=0, delta="One"),
        event("reasoning_summary_part.done", summary_index=0, part={"text": "One."}),
        event("reasoning_summary_text.delta", summary_index=1, delta="Two"),
    ]
    added = event("output_item.added", item=reasoning())
    done = event("output_item.done", item=reasoning("One.", "Two", encrypted_content="s"))
    outcome = read(RESPONSES, stream(CREATED, added, *pieces, done, completed()))
    assert outcome.events[1:-1] == (
        ReasoningDelta("One", 0, "", raw(id="rs_1")),
        ReasoningDelta(".", 0),
        ReasoningDelta("\n\nTwo", 0, "", raw(starts=[6])),
        ReasoningDelta("", 0, "s"),
    )
    assert outcome.reply.reasoning == "One.\n\nTwo"
    assert RESPONSES.encode_response(outcome.reply)["output"] == [
        {key: item for key, item in done["item"].items() if key != "content"}
    ]


def test_reasoning_in_its_own_words_says_so() -> None:
    item = reasoning("Short", words=("long",), encrypted_content="s")
    assert said(completed(item)) == (
        ReasoningDelta("Short", 0, "", raw(id="rs_1")),
        ReasoningDelta("long", 1, "", raw(id="rs_1", kind="reasoning_text")),
        ReasoningDelta("", 1, "s"),
    )


def test_signed_reasoning_of_no_words_keeps_its_place() -> None:
    added = event("output_item.added", 0, item=reasoning())
    text = [event("output_item.added", 1, item=message()), DELTA | {"output_index": 1}]
    done = event("output_item.done", 0, item=reasoning(encrypted_content="s"))
    outcome = read(RESPONSES, stream(CREATED, added, *text, done, completed()))
    thought, answer = outcome.reply.message.content
    assert answer == TextPart("Hi", raw(id="msg_1"))
    assert getattr(thought, "signature", "") == "s"


def test_half_a_character_waits_for_the_other_half() -> None:
    body = stream(CREATED, ADDED, DELTA, DELTA | {"delta": "ONE"}, DELTA | {"delta": "OTHER!"})
    body = body.replace(b"ONE", b"\\ud83d").replace(b"OTHER", b"\\ude42")
    only_one = body[: body.rindex(b"data: ")]
    assert b"ude42" not in only_one
    end = stream(completed(message("Hi🙂!")))
    for said in (body, only_one):
        assert read(RESPONSES, said + end).events[1:-1] == (HI, TextDelta("🙂!", 0))
    assert read(RESPONSES, only_one + stream(completed())).reply.text == "Hi\ufffd"
    lone = only_one + stream(DELTA | {"delta": "?"}, completed())
    assert read(RESPONSES, lone).reply.text == "Hi\ufffd?"


def test_what_was_invented_later_is_kept_or_skipped() -> None:
    item = {"type": "new_call", "id": "n", "x": [1]}
    frames = [
        {"type": "keepalive", "sequence_number": 3},
        event("new_call.in_progress", item_id="n"),
        event("output_item.added", item={**item, "x": []}),
        event("output_item.done", item=item),
        event("content_part.added", 1, part={"type": "new_part"}),
    ]
    block = TextDelta("", 0, metadata={NAME: {"block": item}})
    assert said(*frames, completed()) == (block,)
    assert said(*frames, completed(item)) == (block,)


def test_links_come_with_the_text_that_they_are_about() -> None:
    link = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}
    added = event("output_text.annotation.added", content_index=0, annotation=link)
    tail = TextDelta(
        "", 0, metadata={"citations": [{"url": "u", "title": "t", "start": 0, "end": 2}]}
    )
    assert said(ADDED, DELTA, added, completed()) == (HI, tail)
    part = {"type": "output_text", "text": "Hi", "annotations": [link]}
    done = event("content_part.done", content_index=0, part=part)
    whole = {**message(), "content": [part]}
    assert said(ADDED, DELTA, added, done, completed(whole)) == (HI, tail)


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("completed", None, "stop"),
        ("complete", None, "stop"),
        ("incomplete", {"reason": "max_output_tokens"}, "length"),
        ("incomplete", {"reason": "content_filter"}, "content_filter"),
        ("incomplete", {"reason": "new"}, "unknown"),
        ("incomplete", None, "unknown"),
        ("queued", None, "unknown"),
    ],
)
def test_the_status_says_how_an_answer_ended(status: str, details: Any, reason: str) -> None:
    body = completed(message("Hi"), status=status, incomplete_details=details)["response"]
    finish = outcome_of(RESPONSES.decode_response(json.encode(body))).finish
    assert finish
    assert (finish.reason, finish.raw_reason) == (reason, status)


def test_done_without_a_completed_response_is_no_end() -> None:
    outcome = read(RESPONSES, stream(CREATED, ADDED, DELTA, DONE) + b"data: [DONE]\n\n")
    assert outcome.error is StreamTruncated
    assert outcome.events[1:] == (HI, TextDelta(" there", 0))


def test_a_response_that_says_nothing_is_an_answer() -> None:
    outcome = read(RESPONSES, stream(CREATED, completed()))
    assert outcome == Outcome((Start("r", "m"), Finish("stop", "completed")), None)


@pytest.mark.parametrize(
    "frame",
    [
        b"[]",
        b"{}",
        b"{",
        b'{"type": 5}',
        b'{"type": "response.created"}',
        b'{"type": "response.completed", "response": null}',
        b'{"type": "response.completed", "response": {"output": {}}}',
        b'{"type": "response.completed", "response": {"output": [5]}}',
        b'{"type": "response.completed", "response": {"output": [{}]}}',
        b'{"type": "response.output_item.added", "item": null}',
        b'{"type": "response.output_item.done", "item": {}}',
        b'{"type": "response.output_item.done", "item": {"type": "message", "content": "x"}}',
        b'{"type": "response.output_text.delta", "delta": {}}',
        b'{"type": "response.function_call_arguments.done", "arguments": {}}',
        b'{"type": "response.content_part.done", "part": []}',
    ],
)
def test_what_the_protocol_does_not_allow_is_malformed(frame: bytes) -> None:
    assert read(RESPONSES, b"data: " + frame + b"\n\n" + stream(completed())).error is (
        MalformedStream
    )
