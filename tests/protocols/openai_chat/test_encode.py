"""OpenAI chat answers as callers read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from penstock.errors import (
    ConfigError,
    ConnectionFailed,
    ContentFiltered,
    InvalidRequest,
    PenstockError,
    RateLimited,
    StreamStalled,
    Unauthorized,
    UnknownModel,
)
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols import json as wire
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest, ModelInfo, Usage
from protocols.reading import outcome_of, read
from protocols.strategies import chats

CHAT = OpenAIChat()
NAME = "openai_chat"
ASKED = ChatRequest(model="asked")


def chunks(*events: Event, **extra: Any) -> list[Any]:
    """The JSON of each chunk, ``[DONE]`` aside."""
    encoder = CHAT.encoder(ChatRequest(model="asked", metadata={"openai_chat": {"raw": extra}}))
    body = b"".join(map(encoder.encode, events)) + encoder.close()
    payloads = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    return [json.loads(payload) for payload in payloads if payload != "[DONE]"]


def deltas(*events: Event) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(*events)]


@given(chats())
def test_a_whole_answer_says_what_the_stream_said(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    body = wire.encode(CHAT.encode_response(reply))
    again = outcome_of(CHAT.decode_response(body)).reply
    assert (again.id, again.model) == (reply.id, reply.model)
    assert (again.text, again.reasoning) == (reply.text, reply.reasoning)
    assert again.refusal == reply.refusal
    assert sorted(map(str, again.tool_calls)) == sorted(map(str, reply.tool_calls))
    assert again.finish == reply.finish


@given(chats())
def test_every_chunk_is_one_event_of_one_line(events: tuple[Event, ...]) -> None:
    encoder = CHAT.encoder(ChatRequest())
    for event in events:
        data = encoder.encode(event)
        for frame in data.removesuffix(b"\n\n").split(b"\n\n"):
            assert frame.startswith(b"data: ")
            assert not {b"\n", b"\r"} & {frame[i : i + 1] for i in range(len(frame))}


def test_no_arguments_are_an_empty_object() -> None:
    """Clients parse them as JSON: OpenAI's models say ``{}``."""
    custom = {NAME: {"type": "custom"}}
    events = (
        Start("c1", "m"),
        ToolCallStart(0, "a", "f"),
        ToolCallStart(1, "b", "g", custom),
        ToolCallStart(2, "c", "h"),
        ToolCallDelta(0, ""),
        ToolCallDelta(2, '{"x":1}'),
        Finish("tool_calls", "tool_calls"),
    )
    said = outcome_of(CHAT.decode_response(wire.encode(CHAT.encode_response(collect(events)))))
    encoder = CHAT.encoder(ASKED)
    stream = b"".join(encoder.encode(event) for event in events)
    for reply in (said.reply, read(CHAT, stream).reply):
        assert [call.arguments for call in reply.tool_calls] == ["{}", "", '{"x":1}']


def test_all_chunks_of_a_stream_name_the_same_answer() -> None:
    said = chunks(Start("c1", "m"), TextDelta("x"), ReasoningDelta("y"), Finish("stop", "stop"))
    assert {(c["id"], c["model"], c["object"]) for c in said} == {
        ("c1", "m", "chat.completion.chunk")
    }
    assert len({c["created"] for c in said}) == 1


def test_without_names_the_model_that_was_asked_answers() -> None:
    (chunk,) = chunks(TextDelta("x"))
    assert chunk["model"] == "asked"
    assert chunk["id"].startswith("chatcmpl-")


def test_the_first_chunk_says_the_role() -> None:
    assert deltas(Start()) == [{"role": "assistant", "content": ""}]


def test_usage_is_told_only_to_who_asked() -> None:
    finish = Finish("stop", "stop", Usage(1, 2, 3))
    assert [c["choices"] for c in chunks(finish)] == [
        [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    ]
    told = chunks(finish, stream_options={"include_usage": True})
    numbers = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert (told[-1]["choices"], told[-1]["usage"]) == ([], numbers)
    assert len(chunks(finish, stream_options={"include_usage": False})) == 1
    assert len(chunks(finish, stream_options="odd")) == 1


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finish("stop", "end_turn"), "stop"),
        (Finish("length", "MAX_TOKENS"), "length"),
        (Finish("tool_calls", "tool_use"), "tool_calls"),
        (Finish("tool_calls", "function_call"), "function_call"),
        (Finish("unknown", "pause_turn"), "pause_turn"),
        (Finish("unknown", None), None),
    ],
)
def test_finish_reasons_are_openai_s_words_and_never_invented(
    finish: Finish, reason: str | None
) -> None:
    said = chunks(TextDelta("x"), finish)
    assert [c["choices"][0]["finish_reason"] for c in said[1:]] == ([reason] if reason else [])
    reply = collect([Start(), TextDelta("x"), finish])
    assert CHAT.encode_response(reply)["choices"][0]["finish_reason"] == reason


def test_tool_calls_are_numbered_in_the_order_they_began() -> None:
    said = deltas(
        ToolCallStart(3, "a", "f"),
        ToolCallStart(7, "b", "g"),
        ToolCallDelta(3, "1"),
        ToolCallDelta(7, "2"),
    )
    f, g = {"name": "f", "arguments": ""}, {"name": "g", "arguments": ""}
    assert [delta["tool_calls"] for delta in said] == [
        [{"index": 0, "id": "a", "type": "function", "function": f}],
        [{"index": 1, "id": "b", "type": "function", "function": g}],
        [{"index": 0, "function": {"arguments": "1"}}],
        [{"index": 1, "function": {"arguments": "2"}}],
    ]


def test_arguments_without_a_beginning_are_told_all_the_same() -> None:
    (delta,) = deltas(ToolCallDelta(5, "1"))
    assert delta == {"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]}


CUSTOM = ToolCallStart(0, "a", "sql", {NAME: {"type": "custom"}})
LEGACY = ToolCallStart(0, "", "f", {NAME: {"type": "function_call"}})


def test_a_custom_call_has_input() -> None:
    first, second = deltas(CUSTOM, ToolCallDelta(0, "x"))
    custom = {"name": "sql", "input": ""}
    assert first["tool_calls"] == [{"index": 0, "id": "a", "type": "custom", "custom": custom}]
    assert second["tool_calls"] == [{"index": 0, "custom": {"input": "x"}}]
    message = whole(CUSTOM, ToolCallDelta(0, "x"))
    said = {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "x"}}
    assert message["tool_calls"] == [said]


def test_the_legacy_function_call_goes_back_where_it_came_from() -> None:
    assert deltas(LEGACY, ToolCallDelta(0, "x")) == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "x"}},
    ]
    message = whole(LEGACY, ToolCallDelta(0, "x"))
    assert message["function_call"] == {"name": "f", "arguments": "x"}
    assert "tool_calls" not in message


def whole(*events: Event) -> Any:
    return CHAT.encode_response(collect(events))["choices"][0]["message"]


def test_a_whole_answer_keeps_all_reasoning_and_what_rides_on_the_text() -> None:
    notes = [{"type": "url_citation", "n": 1}], [{"type": "url_citation", "n": 2}]
    details = {"type": "reasoning.encrypted", "data": "x"}
    message = whole(
        ReasoningDelta("Hm", 0, "s1"),
        TextDelta("a", 1, False, {NAME: {"annotations": notes[0]}}),
        TextDelta("b", 1, False, {NAME: {"annotations": notes[1]}}),
        ReasoningDelta("…", 2, "", {NAME: {"reasoning_details": [details]}}),
        TextDelta("No", 3, True),
        TextDelta("!", 4, True),
    )
    assert message == {
        "role": "assistant",
        "content": "ab",
        "annotations": [*notes[0], *notes[1]],
        "reasoning_content": "Hm…",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "s1"}, details],
        "refusal": "No!",
    }


def test_a_whole_answer_without_text_has_null() -> None:
    assert whole(ToolCallStart(0, "a", "f"))["content"] is None


def test_lone_halves_of_characters_are_replaced_not_refused() -> None:
    half = "\ud83d"
    said = deltas(TextDelta(half), ReasoningDelta(half), ToolCallStart(0, half, half))
    assert said[0] == {"content": "\ufffd"}
    assert said[1] == {"reasoning_content": "\ufffd"}


# Errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x", param="messages"), 400),
        (UnknownModel("x"), 404),
        (Unauthorized("x"), 401),
        (ContentFiltered("x"), 400),
        (RateLimited("x"), 429),
        (ConfigError("x"), 500),
        (ConnectionFailed("x"), 502),
        (StreamStalled("x"), 504),
    ],
)
def test_an_error_has_a_status_and_names_itself(error: PenstockError, status: int) -> None:
    code, body = CHAT.encode_error(error)
    assert code == status
    assert body["error"]["message"] == "x"
    assert body["error"]["param"] == error.param
    again = CHAT.decode_error(code, wire.encode(body))
    assert (again.message, again.param) == (error.message, error.param)


def test_an_error_keeps_the_service_s_own_words() -> None:
    _, body = CHAT.encode_error(RateLimited("x", type="requests", code="rate_limit_exceeded"))
    said = {"message": "x", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    assert body == {"error": said}
    _, body = CHAT.encode_error(UnknownModel("x"))
    assert (body["error"]["type"], body["error"]["code"]) == ("unknown_model", "unknown_model")


def test_an_error_amid_a_stream_has_no_done_after_it() -> None:
    encoder = CHAT.encoder(ChatRequest())
    body = encoder.encode(TextDelta("x")) + encoder.error(StreamStalled("Too slow"))
    assert b"[DONE]" not in body + encoder.close()
    failure = read(CHAT, body).failure
    assert failure
    assert failure[1:4] == ("Too slow", "stream_stalled", "stream_stalled")


# Models


def test_models_are_listed_both_ways() -> None:
    assert CHAT.models_request("key") == ("GET", "/models", b"")
    assert CHAT.key_headers("key") == {"Authorization": "Bearer key"}
    listed = CHAT.encode_models([ModelInfo("a"), ModelInfo("я")])
    assert CHAT.decode_models(wire.encode(listed)) == (ModelInfo("a"), ModelInfo("я"))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": {}}', b'{"data": [{}]}', b"<html>"])
def test_what_is_not_a_model_list_is_an_error(body: bytes) -> None:
    with pytest.raises(PenstockError, match="model list"):
        CHAT.decode_models(body)
