"""Converse's answers as callers read them: the frames, the blocks, the words."""

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
from penstock.protocols.aws_eventstream import EventStreamDecoder, read_headers, split_frame
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.types import CITATIONS, ChatRequest, Message, RefusalPart, TextPart, Usage
from protocols.reading import outcome_of, read

CONVERSE = BedrockConverse()
NAME = "bedrock_converse"


def stream(*events: Event) -> bytes:
    encoder = CONVERSE.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def frames(*events: Event) -> list[tuple[str, dict[str, Any]]]:
    """Type and payload of each frame."""
    said = []
    for frame in EventStreamDecoder().feed(stream(*events)):
        raw, payload = split_frame(frame)
        headers = read_headers(raw)
        assert list(headers) == [":event-type", ":content-type", ":message-type"]
        assert headers[":message-type"] == "event"
        said.append((str(headers[":event-type"]), json.loads(payload)))
    return said


def outline(*events: Event) -> str:
    """Which block began, went on or ended, in order."""
    short = {"contentBlockStart": "+", "contentBlockDelta": ".", "contentBlockStop": "-"}
    said = [(kind, value) for kind, value in frames(*events) if kind in short]
    return " ".join(short[kind] + str(value["contentBlockIndex"]) for kind, value in said)


def test_a_stream_has_bedrocks_shape() -> None:
    usage = Usage(3, 4, 10, cached_input=1, cache_write=2, cached_apart=True)
    assert frames(Start("id", "m"), TextDelta("Hi"), Finish("stop", "end_turn", usage)) == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        (
            "metadata",
            {
                "usage": {
                    "inputTokens": 3,
                    "outputTokens": 4,
                    "totalTokens": 10,
                    "cacheReadInputTokens": 1,
                    "cacheWriteInputTokens": 2,
                }
            },
        ),
    ]


def test_a_stream_without_a_start_begins_all_the_same() -> None:
    for events in ([TextDelta("Hi")], [ReasoningDelta("Hm")], [ToolCallStart(0, "t", "f")], []):
        said = frames(*events, Finish("stop", "end_turn"))
        assert said[0] == ("messageStart", {"role": "assistant"})
        assert [kind for kind, _ in said[-2:]] == ["messageStop", "metadata"]


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
        == ".0 .0 -0 .1 -1 .2 -2 +3 .3 .3 -3 +4 .4 -4 .5 -5"
    )


INTERLEAVED: tuple[Event, ...] = (
    Start(),
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
    assert read(CONVERSE, stream(*INTERLEAVED)).events == INTERLEAVED


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
    events = (Start(), ToolCallDelta(0, "{}"), Finish("tool_calls", "tool_use"))
    (call,) = read(CONVERSE, stream(*events)).reply.tool_calls
    assert (call.name, call.arguments) == ("", "{}")


def test_what_says_nothing_opens_no_block() -> None:
    silent = (TextDelta(""), ReasoningDelta(""), TextDelta("", metadata={"openai_chat": {"a": 1}}))
    assert outline(Start(), *silent, Finish()) == ""


def test_what_bedrocks_own_tools_did_is_said_as_bedrock_says_it() -> None:
    call = {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use"}
    result = {"toolUseId": "s", "status": "success", "type": "nova_grounding_result"}
    blocks = (
        {"toolUse": {**call, "input": {"q": "я"}}},
        {"toolResult": {**result, "content": [{"text": "[HIDDEN]"}]}},
    )
    said = frames(*(TextDelta("", i, metadata={NAME: {"block": b}}) for i, b in enumerate(blocks)))
    assert said[1:] == [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": call}}),
        (
            "contentBlockDelta",
            {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"q":"я"}'}}},
        ),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolResult": result}}),
        (
            "contentBlockDelta",
            {"contentBlockIndex": 1, "delta": {"toolResult": [{"text": "[HIDDEN]"}]}},
        ),
        ("contentBlockStop", {"contentBlockIndex": 1}),
    ]


@pytest.mark.parametrize(
    ("reason", "raw_reason", "said"),
    [
        ("stop", "stop", "end_turn"),
        ("stop", None, "end_turn"),
        ("stop", "stop_sequence", "stop_sequence"),
        ("length", "length", "max_tokens"),
        ("length", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("tool_calls", "tool_calls", "tool_use"),
        ("content_filter", "refusal", "content_filtered"),
        ("content_filter", "guardrail_intervened", "guardrail_intervened"),
        ("unknown", "malformed_tool_use", "malformed_tool_use"),
        ("unknown", None, None),
    ],
)
def test_stop_reasons_are_bedrocks_own_words(
    reason: FinishReason, raw_reason: str | None, said: str | None
) -> None:
    finish = Finish(reason, raw_reason)
    assert frames(TextDelta("a"), finish)[-2] == ("messageStop", {"stopReason": said})
    reply = Reply("i", "m", Message("assistant", (TextPart("a"),)), finish)
    assert CONVERSE.encode_response(reply)["stopReason"] == said


def test_numbers_of_another_sense_are_counted_anew() -> None:
    usage = Usage(10, 5, cached_input=4, reasoning=2, reasoning_apart=True)
    said = frames(TextDelta("a"), Finish("stop", "stop", usage))[-1][1]["usage"]
    assert said == {
        "inputTokens": 6,
        "outputTokens": 7,
        "totalTokens": 17,
        "cacheReadInputTokens": 4,
    }


def test_numbers_that_nobody_said_are_not_read_back_as_said() -> None:
    events = (Start(), TextDelta("a"), Finish("stop", "end_turn"))
    assert frames(*events)[-1][1]["usage"]["inputTokens"] == 0
    assert read(CONVERSE, stream(*events)).events == events
    estimated = Finish(
        "stop", "end_turn", Usage(None, 5, cached_apart=True, provenance="estimated")
    )
    assert read(CONVERSE, stream(*events[:2], estimated)).finish == estimated


CITED = {CITATIONS: [{"url": "https://a", "title": "t", "text": "x", "start": 0, "end": 1}]}


def test_citations_of_another_protocol_are_told() -> None:
    events = (Start(), TextDelta("a"), TextDelta("", metadata=CITED), Finish("stop", "end_turn"))
    location = {"web": {"url": "https://a"}}
    citation = {"title": "t", "location": location, "sourceContent": [{"text": "x"}]}
    assert frames(*events)[2][1]["delta"] == {"citation": citation}
    (block,) = CONVERSE.encode_response(collect(events))["output"]["message"]["content"]
    assert block == {"citationsContent": {"content": [{"text": "a"}], "citations": [citation]}}
    told = read(CONVERSE, stream(*events)).reply
    again = outcome_of(
        CONVERSE.decode_response(json.dumps(CONVERSE.encode_response(told)).encode())
    )
    assert again.reply == told


def test_what_an_answer_cannot_say_is_declared() -> None:
    finish = Finish("stop", "stop", Usage(1, 2, reasoning=1))
    reply = Reply("i", "m", Message("assistant", (RefusalPart("No."),)), finish)
    assert CONVERSE.answer_loss(reply) == ("id", "model", "refusal", "usage.reasoning")
    content = CONVERSE.encode_response(reply)["output"]["message"]["content"]
    assert content == [{"text": "No."}]


def test_halves_of_characters_are_mended() -> None:
    assert read(CONVERSE, stream(TextDelta("a\ud83d"), Finish())).reply.text == "a\ufffd"
