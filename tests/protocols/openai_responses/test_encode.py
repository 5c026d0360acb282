"""How OpenAI Responses are written: the life of every item, and what a caller is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import RateLimited, StreamTruncated
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
from penstock.protocols import call_ids, functions
from penstock.protocols.openai_responses import OpenAIResponses, writing
from penstock.types import ChatRequest, Usage
from protocols.reading import outcome_of, read

RESPONSES = OpenAIResponses()
NAME = "openai_responses"


def stream(*events: Event) -> bytes:
    encoder = RESPONSES.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def frames(data: bytes) -> list[dict[str, Any]]:
    """The data of each event; its ``event`` line says the same type, and its number is the next."""
    said = []
    for number, frame in enumerate(data.decode().removesuffix("\n\n").split("\n\n")):
        named, _, text = frame.partition("\ndata: ")
        value = json.loads(text)
        assert named == f"event: {value['type']}"
        assert value["sequence_number"] == number
        said.append(value)
    return said


def kinds(*events: Event) -> list[str]:
    return [frame["type"].removeprefix("response.") for frame in frames(stream(*events))]


MESSAGE = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]


def test_a_stream_has_openais_shape() -> None:
    events = (Start("resp_1", "m"), TextDelta("Hi"), Finish("stop", "completed", Usage(3, 4)))
    assert kinds(*events) == ["created", "in_progress", *MESSAGE, "completed"]
    created, _, added, _, delta, done, part, item, last = frames(stream(*events))
    assert created["response"]["status"] == "in_progress"
    assert (created["response"]["id"], created["response"]["model"]) == ("resp_1", "m")
    id = added["item"]["id"]
    assert id.startswith("msg_")
    assert delta["item_id"] == done["item_id"] == item["item"]["id"] == id
    assert (delta["output_index"], delta["content_index"], delta["delta"]) == (0, 0, "Hi")
    assert (done["text"], part["part"]["text"]) == ("Hi", "Hi")
    response = last["response"]
    assert response["output"] == [item["item"]]
    assert (response["status"], response["error"]) == ("completed", None)
    usage = response["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (3, 4, 7)
    assert usage["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}
    assert set(created["response"]) == set(response)
    assert stream(*events) == stream(*events)  # ids are the same every time


def test_a_stream_without_a_start_begins_all_the_same() -> None:
    for events in ([TextDelta("Hi")], [ReasoningDelta("Hm")], [ToolCallStart(0, "t", "f")], []):
        said = frames(stream(*events, Finish("stop", "completed")))
        assert said[0]["type"] == "response.created"
        assert said[0]["response"]["model"] == "asked"
        assert said[-1]["type"] == "response.completed"


def test_items_open_and_close_one_after_the_other() -> None:
    assert kinds(
        ReasoningDelta("a", 0),
        ReasoningDelta("", 0, "s"),
        TextDelta("b", 1),
        TextDelta("No.", 2, True),
        ToolCallStart(3, "t1", "f"),
        ToolCallDelta(3, "{}"),
        TextDelta("c", 4),
        Finish(),
    )[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        *MESSAGE[:-1],
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        *MESSAGE,
    ]


INTERLEAVED: tuple[Event, ...] = (
    Start("i", "m"),
    ToolCallStart(0, "t1", "f"),
    ToolCallStart(1, "t2", "g"),
    ToolCallDelta(1, '{"b"'),
    ToolCallDelta(0, '{"a": 1}'),
    ToolCallDelta(1, ": 2}"),
    ToolCallStart(2, "t3", "h"),
    ToolCallDelta(0, " "),
    ToolCallDelta(2, "{}"),
    Finish("tool_calls", "completed"),
)
FOREIGN: tuple[Event, ...] = (
    Start("chatcmpl-1", "gpt"),
    ReasoningDelta("Hm", 0),
    ReasoningDelta("…", 0),
    ReasoningDelta("", 0, "c2ln"),
    ReasoningDelta("Again", 1),
    TextDelta("Hi", 2),
    TextDelta("", 2, metadata={"citations": [{"title": "t", "text": "words"}]}),
    TextDelta("No.", 3, True),
    ToolCallStart(4, "c1", "f"),
    ToolCallDelta(4, '{"a":1}'),
    Finish("tool_calls", "completed", Usage(7, 8, reasoning=2)),
)


@pytest.mark.parametrize("events", [INTERLEAVED, FOREIGN], ids=["interleaved", "foreign"])
def test_what_another_protocol_said_reads_back_the_same(events: tuple[Event, ...]) -> None:
    assert read(RESPONSES, stream(*events)).events == events
    whole = json.dumps(RESPONSES.encode_response(collect(events))).encode()
    assert outcome_of(RESPONSES.decode_response(whole)).reply == collect(events)


def test_more_arguments_after_their_end_are_in_the_final_response() -> None:
    last = frames(stream(*INTERLEAVED))[-1]["response"]
    assert [item["arguments"] for item in last["output"]] == ['{"a": 1} ', '{"b": 2}', "{}"]


def test_no_arguments_are_an_empty_object() -> None:
    """Clients parse them as JSON: OpenAI's models say ``{}``."""
    custom = {NAME: {"type": "custom"}}
    calls = (ToolCallStart(0, "a", "f"), ToolCallStart(1, "b", "g", custom))
    events = (Start("i", "m"), *calls, Finish("tool_calls", "completed"))
    said = frames(stream(*events))
    pieces = [frame["delta"] for frame in said if frame["type"].endswith("arguments.delta")]
    done = [frame["arguments"] for frame in said if frame["type"].endswith("arguments.done")]
    assert (pieces, done) == (["{}"], ["{}"])
    for output in (
        said[-1]["response"]["output"],
        RESPONSES.encode_response(collect(events))["output"],
    ):
        assert [item.get("arguments", item.get("input")) for item in output] == ["{}", ""]


def test_many_open_calls_take_no_more_time_than_they_are_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_so_far = []

    def counted(text: str) -> dict[str, Any] | None:
        read_so_far.append(len(text))
        return functions.as_object(text)

    monkeypatch.setattr(writing, "as_object", counted)
    encoder = RESPONSES.encoder(ChatRequest(model="asked"))
    for index in range(100):
        encoder.encode(ToolCallStart(index, f"c{index}", "f"))
        for _ in range(20):
            encoder.encode(ToolCallDelta(0, '{"a": "'))
            encoder.encode(ToolCallDelta(index, '{"a": "'))
    assert sum(read_so_far) < 4 * 100 * 40 * len('{"a": "')


def test_arguments_without_a_call_are_a_call_without_a_name() -> None:
    events = (Start("i", "m"), ToolCallDelta(0, "{}"), Finish("tool_calls"))
    (call,) = read(RESPONSES, stream(*events)).reply.tool_calls
    assert (call.name, call.arguments) == ("", "{}")
    assert call_ids.is_made(call.id)


def test_a_call_without_an_id_gets_one_by_which_it_can_be_answered() -> None:
    start = (ToolCallStart(0, "", "f"), ToolCallStart(1, "", "f"))
    events = (Start("i", "m"), *start, Finish("tool_calls", "completed"))
    ids = [call.id for call in read(RESPONSES, stream(*events)).reply.tool_calls]
    assert ids == [call_ids.make("i", 0), call_ids.make("i", 1)]
    whole = RESPONSES.encode_response(collect(events))
    assert [item["call_id"] for item in whole["output"]] == ids


def test_what_says_nothing_opens_no_item() -> None:
    silent = (TextDelta(""), ReasoningDelta(""), TextDelta("", metadata={"openai_chat": {"a": 1}}))
    assert kinds(Start(), *silent, Finish()) == ["created", "in_progress", "completed"]


def test_no_two_items_share_an_id() -> None:
    marks = {NAME: {"raw": {"id": "msg_1"}}}
    events = (
        TextDelta("a", 0, metadata=marks),
        ToolCallStart(1, "c", "f"),
        TextDelta("b", 2, metadata=marks),
        Finish(),
    )
    ids = [item["id"] for item in frames(stream(*events))[-1]["response"]["output"]]
    assert ids[0] == "msg_1"
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("reason", "raw_reason", "status", "why"),
    [
        ("stop", "end_turn", "completed", None),
        ("stop", None, "completed", None),
        ("tool_calls", "tool_use", "completed", None),
        ("length", "max_tokens", "incomplete", "max_output_tokens"),
        ("content_filter", "refusal", "incomplete", "content_filter"),
        ("unknown", "odd", "odd", None),
        ("unknown", None, None, None),
    ],
)
def test_the_end_is_told_in_openais_own_words(
    reason: FinishReason, raw_reason: str | None, status: str | None, why: str | None
) -> None:
    events = (Start("i", "m"), TextDelta("a"), Finish(reason, raw_reason))
    last = frames(stream(*events))[-1]
    response = last["response"]
    assert last["type"] == f"response.{'incomplete' if why else 'completed'}"
    assert response["status"] == status
    assert (response["incomplete_details"] or {}).get("reason") == why
    whole = RESPONSES.encode_response(collect(events))
    assert (whole["status"], whole["incomplete_details"]) == (
        response["status"],
        response["incomplete_details"],
    )


def test_numbers_that_nobody_said_are_not_read_back_as_said() -> None:
    start, text = Start("i", "m"), TextDelta("a")
    for usage in (None, Usage(None, 5, provenance="estimated"), Usage(cached_input=0)):
        finish = Finish("stop", "completed", usage)
        assert read(RESPONSES, stream(start, text, finish)).finish == finish


def test_foreign_numbers_are_told_in_openais_sense() -> None:
    apart = Usage(1, 2, None, 3, 4, 5, cached_apart=True, reasoning_apart=True)
    usage = frames(stream(Finish("stop", "x", apart)))[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (8, 7)


def test_an_error_amid_a_stream_is_told_twice_as_openai_does() -> None:
    encoder = RESPONSES.encoder(ChatRequest(model="m"))
    data = encoder.encode(Start("i", "m")) + encoder.encode(TextDelta("a"))
    data += encoder.error(StreamTruncated("it was cut"))
    error, failed = frames(data)[-2:]
    assert (error["type"], error["code"], error["message"]) == (
        "error",
        "server_error",
        "it was cut",
    )
    response = failed["response"]
    assert (response["id"], response["status"]) == ("i", "failed")
    assert response["error"] == {"code": "server_error", "message": "it was cut"}


def test_an_error_before_the_first_word_is_a_failed_response_too() -> None:
    said = frames(RESPONSES.encoder(ChatRequest()).error(RateLimited("slow down")))
    assert [frame["type"] for frame in said] == [
        *("response.created", "response.in_progress"),
        *("error", "response.failed"),
    ]
    assert said[-1]["response"]["error"]["code"] == "rate_limit_exceeded"
