"""Anthropic's streams as callers read them: the frames, the blocks, the words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import protocols
from penstock.events import (
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest, Message, TextPart, Usage
from protocols.reading import outcome_of, read

MESSAGES = AnthropicMessages()
NAME = "anthropic_messages"


def stream(*events: Event) -> bytes:
    encoder = MESSAGES.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def frames(*events: Event) -> list[dict[str, Any]]:
    """The data of each event; its ``event`` line says the same type."""
    said = []
    for frame in stream(*events).decode().removesuffix("\n\n").split("\n\n"):
        named, _, data = frame.partition("\ndata: ")
        value = json.loads(data)
        assert named == f"event: {value['type']}"
        said.append(value)
    return said


def outline(*events: Event) -> str:
    """Which block began, went on or ended, in order."""
    short = {"content_block_start": "+", "content_block_delta": ".", "content_block_stop": "-"}
    return " ".join(
        short[frame["type"]] + str(frame["index"])
        for frame in frames(*events)
        if frame["type"] in short
    )


USAGE = Usage(3, 4, cached_input=1, cache_write=2, cached_apart=True)


def test_a_stream_has_anthropics_shape() -> None:
    said = frames(Start("msg_1", "m"), TextDelta("Hi"), Finish("stop", "end_turn", USAGE))
    assert [frame["type"] for frame in said] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    message = said[0]["message"]
    assert (message["id"], message["model"], message["role"]) == ("msg_1", "m", "assistant")
    assert (message["content"], message["stop_reason"]) == ([], None)
    assert {"input_tokens", "output_tokens"} <= set(message["usage"])
    assert said[4]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert said[4]["usage"] == {
        "input_tokens": 3,
        "output_tokens": 4,
        "cache_read_input_tokens": 1,
        "cache_creation_input_tokens": 2,
    }


def test_a_stream_without_a_start_begins_all_the_same() -> None:
    for events in ([TextDelta("Hi")], [ReasoningDelta("Hm")], [ToolCallStart(0, "t", "f")], []):
        said = frames(*events, Finish("stop", "end_turn"))
        assert said[0]["type"] == "message_start"
        assert said[0]["message"]["model"] == "asked"
        assert said[-1]["type"] == "message_stop"


def test_blocks_open_and_close_one_after_the_other() -> None:
    assert (
        outline(
            Start(),
            ReasoningDelta("a", 0),
            ReasoningDelta("", 0, "s"),
            TextDelta("b", 1),
            TextDelta("", 1),
            TextDelta("c", 4),
            ToolCallStart(5, "t1", "f"),
            ToolCallDelta(5, ""),
            ToolCallDelta(5, '{"a":'),
            ToolCallDelta(5, "1}"),
            ToolCallStart(6, "t2", "f"),
            ToolCallDelta(6, "{}"),
            TextDelta("d", 7),
            Finish(),
        )
        == "+0 .0 .0 -0 +1 .1 -1 +2 .2 -2 +3 .3 .3 -3 +4 .4 -4 +5 .5 -5"
    )


INTERLEAVED: tuple[Event, ...] = (
    Start("i", "m"),
    ToolCallStart(0, "t1", "f"),
    ToolCallStart(1, "t2", "g"),
    ToolCallDelta(1, '{"b"'),
    ToolCallDelta(0, '{"a": 1}'),
    ToolCallDelta(1, ": 2}"),
    ToolCallStart(2, "t3", "h"),
    ToolCallDelta(0, " "),
    Finish("tool_calls", "tool_use"),
)


def test_calls_whose_arguments_come_in_turn_keep_them_apart() -> None:
    assert outline(*INTERLEAVED) == "+0 +1 .1 .0 .1 -0 -1 +2 .0 -2"
    assert read(MESSAGES, stream(*INTERLEAVED)).events == INTERLEAVED


def test_many_open_calls_cost_no_more_than_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    read_again: list[int] = []
    loads = protocols.json.loads

    def counted(data: bytes) -> Any:
        read_again.append(len(data))
        return loads(data)

    monkeypatch.setattr(protocols.json, "loads", counted)
    piece, count = '{"a":{"b":"' + "x" * 200, 300
    events: list[Event] = [Start()]
    for index in range(count):
        events += [ToolCallStart(index, f"t{index}", "f"), ToolCallDelta(index, piece)]
        events.append(ToolCallDelta(0, '"}' if index % 2 else '"}x'))
    ended = [ToolCallDelta(index, '"}}') for index in range(count)]
    said = outline(*events, *ended, Finish())
    assert said.count("+") == said.count("-") == count
    assert sum(read_again) < 3 * count * len(piece)


def test_arguments_without_a_call_are_a_call_without_a_name() -> None:
    events = (Start("i", "m"), ToolCallDelta(0, "{}"), Finish("tool_calls", "tool_use"))
    (call,) = read(MESSAGES, stream(*events)).reply.tool_calls
    assert (call.name, call.arguments) == ("", "{}")


def test_what_says_nothing_opens_no_block() -> None:
    silent = (TextDelta(""), ReasoningDelta(""), TextDelta("", metadata={"openai_chat": {"a": 1}}))
    assert outline(Start(), *silent, Finish()) == ""


def test_a_server_tools_input_comes_as_a_piece_as_anthropic_says_it() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "я"}}
    _, begun, piece, ended, *_ = frames(
        TextDelta("", 0, metadata={NAME: {"block": block}}), Finish()
    )
    assert begun["content_block"] == {**block, "input": {}}
    assert piece["delta"] == {"type": "input_json_delta", "partial_json": '{"q":"я"}'}
    assert ended["type"] == "content_block_stop"


@pytest.mark.parametrize(
    ("reason", "raw_reason", "said"),
    [
        ("stop", "stop", "end_turn"),
        ("stop", None, "end_turn"),
        ("stop", "stop_sequence", "stop_sequence"),
        ("length", "length", "max_tokens"),
        ("length", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("tool_calls", "function_call", "tool_use"),
        ("content_filter", "content_filter", "refusal"),
        ("unknown", "odd", "odd"),
        ("unknown", None, None),
    ],
)
def test_stop_reasons_are_anthropics_own_words(
    reason: FinishReason, raw_reason: str | None, said: str | None
) -> None:
    finish = Finish(reason, raw_reason)
    assert frames(TextDelta("a"), finish)[-2]["delta"]["stop_reason"] == said
    reply = Reply("i", "m", Message("assistant", (TextPart("a"),)), finish)
    assert MESSAGES.encode_response(reply)["stop_reason"] == said


def test_numbers_that_nobody_said_are_not_read_back_as_said() -> None:
    outcome = read(MESSAGES, stream(Start("i", "m"), TextDelta("a"), Finish("stop", "end_turn")))
    assert outcome.finish
    assert outcome.finish.usage is None
    estimated = Finish("stop", "end_turn", Usage(0, 5, cached_apart=True, provenance="estimated"))
    assert read(MESSAGES, stream(Start("i", "m"), TextDelta("a"), estimated)).finish == estimated
    half = stream(Start("i", "m"), TextDelta("a"), Finish(usage=Usage(output=5)))
    usage = read(MESSAGES, half).reply.usage
    assert usage == Usage(0, 5, cached_apart=True, provenance="partial")


def test_half_a_character_waits_for_the_other_half() -> None:
    halves = stream(Start("i", "m"), TextDelta("Hi"), TextDelta("🙂"), TextDelta("!"), Finish())
    one, other = b'"text":"\\ud83d"', b'"text":"\\ude42!"'
    halves = halves.replace('"text":"🙂"'.encode(), one).replace(b'"text":"!"', other)
    events = read(MESSAGES, halves).events
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hi", "🙂!"]
    lone = halves.replace(other, b'"text":"?"')
    assert read(MESSAGES, lone).reply.text == "Hi\ufffd?"
    last = halves.replace(other, b'"text":""')
    assert read(MESSAGES, last).reply.text == "Hi\ufffd"


def test_a_server_tools_input_that_was_cut_is_kept_as_text() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": '{"q": "ab'}
    events = (
        Start("i", "m"),
        TextDelta("", 0, metadata={NAME: {"block": block}}),
        Finish("length", "max_tokens"),
    )
    assert read(MESSAGES, stream(*events)).events == events


def test_a_block_that_grows_in_an_unknown_way_is_kept_whole() -> None:
    body = stream(Start("i", "m"), TextDelta("x"), Finish("stop", "end_turn"))
    body = body.replace(b'{"type":"text","text":""}', b'{"type":"compaction","content":null}')
    piece = b'{"type":"compaction_delta","content":"a"}'
    body = body.replace(b'{"type":"text_delta","text":"x"}', piece)
    (part,) = read(MESSAGES, body).reply.message.content
    assert part == TextPart("", {NAME: {"block": {"type": "compaction", "content": "a"}}})


def test_an_openai_answer_is_told_in_anthropics_words() -> None:
    said: tuple[Event, ...] = (
        Start("chatcmpl-1", "gpt"),
        ReasoningDelta("Hm", 0),
        TextDelta("Hi", 1),
        TextDelta("No.", 2, True),
        ToolCallStart(3, "c1", "f", {"openai_chat": {"extra_content": {}}}),
        ToolCallDelta(3, '{"a":1}'),
        Finish("tool_calls", "tool_calls", Usage(7, 8)),
    )
    expected = (
        *said[:3],
        TextDelta("No.", 2),
        ToolCallStart(3, "c1", "f"),
        said[5],
        Finish("tool_calls", "tool_use", Usage(7, 8, cached_apart=True)),
    )
    assert read(MESSAGES, stream(*said)).events == expected
    again = OpenAIChat().encoder(ChatRequest())
    assert b"tool_calls" in b"".join(map(again.encode, expected))


def test_a_whole_answer_names_what_it_cannot_read_as_arguments() -> None:
    events = (ToolCallStart(0, "t", "f"), ToolCallDelta(0, '{"a'), Finish("length", "max_tokens"))
    message = MESSAGES.encode_response(collect(events))
    assert message["content"][0]["input"] == {"INVALID_JSON": '{"a'}
    assert outcome_of(MESSAGES.decode_response(json.dumps(message).encode())).finish


@pytest.mark.parametrize("pieces", [["4 + 4"], ["4 ", "+ 4"], [" ", "4 + 4"]])
def test_arguments_that_are_no_object_are_held_in_one(pieces: list[str]) -> None:
    """Free text of an OpenAI custom tool: Anthropic's own SDK would fail on it at the end."""
    said = [ToolCallDelta(0, piece) for piece in pieces]
    body = stream(Start("i", "m"), ToolCallStart(0, "t", "f"), *said, Finish("tool_calls"))
    (call,) = read(MESSAGES, body).reply.tool_calls
    assert json.loads(call.arguments) == {"INVALID_JSON": "".join(pieces)}
