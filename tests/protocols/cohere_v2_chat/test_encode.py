"""Cohere's streams as callers read them: the frames, the blocks, the words."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
from penstock.protocols.cohere_v2_chat import CohereChat, encode
from penstock.protocols.functions import as_object
from penstock.types import CITATIONS, ChatRequest, Metadata, Usage
from protocols.reading import outcome_of, read

CHAT = CohereChat()
NAME = "cohere_v2_chat"
PLANNED: Metadata = {NAME: {"raw": {"tool_plan": True}}}


def stream(*events: Event) -> bytes:
    encoder = CHAT.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def frames(*events: Event) -> list[dict[str, Any]]:
    """The data of each event; its ``event`` line says the same type."""
    said = []
    *all_frames, done = stream(*events).decode().removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    for frame in all_frames:
        named, _, data = frame.partition("\ndata: ")
        value = json.loads(data)
        assert named == f"event: {value['type']}"
        said.append(value)
    return said


def outline(*events: Event) -> str:
    """What began, went on or ended, in order."""
    short = {"start": "+", "delta": ".", "end": "-"}
    said = []
    for frame in frames(*events):
        what, _, how = frame["type"].rpartition("-")
        if what != "message":
            said.append(f"{what}{frame.get('index', '')}{short[how]}")
    return " ".join(said)


USAGE = Usage(3, 4, cached_input=1, cache_write=1, reasoning=2)


def test_a_stream_has_coheres_shape() -> None:
    start, begun, piece, ended, end = frames(
        Start("id", "m"), TextDelta("Hi"), Finish("stop", "COMPLETE", USAGE)
    )
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
    assert start == {
        "type": "message-start",
        "id": "id",
        "delta": {"message": {**message, "citations": []}},
    }
    content = {"type": "text", "text": ""}
    assert begun == {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": content}},
    }
    assert piece == {
        "type": "content-delta",
        "index": 0,
        "delta": {"message": {"content": {"text": "Hi"}}},
    }
    assert ended == {"type": "content-end", "index": 0}
    tokens = {"input_tokens": 3, "output_tokens": 4, "reasoning_tokens": 2}
    usage = {"tokens": tokens, "cached_tokens": 1}
    assert end == {
        "type": "message-end",
        "delta": {"finish_reason": "COMPLETE", "usage": usage},
    }


def test_a_stream_without_a_start_begins_all_the_same() -> None:
    for events in ([TextDelta("Hi")], [ReasoningDelta("Hm")], [ToolCallStart(0, "t", "f")], []):
        said = frames(*events, Finish("stop", "COMPLETE"))
        assert (said[0]["type"], said[-1]["type"]) == ("message-start", "message-end")


def test_blocks_open_and_close_one_after_the_other() -> None:
    assert (
        outline(
            Start(),
            ReasoningDelta("a", 0),
            TextDelta("b", 1),
            TextDelta("", 1),
            TextDelta("c", 4),
            ReasoningDelta("d", 5, metadata=PLANNED),
            ToolCallStart(6, "t1", "f"),
            ToolCallDelta(6, ""),
            ToolCallDelta(6, '{"a":'),
            ToolCallDelta(6, "1}"),
            ToolCallStart(7, "t2", "f"),
            TextDelta("e", 8),
            Finish(),
        )
        == "content0+ content0. content0- content1+ content1. content1- content2+ content2. "
        "content2- tool-plan. tool-call0+ tool-call0. tool-call0. tool-call0- tool-call1+ "
        "tool-call1- content3+ content3. content3-"
    )


INTERLEAVED: tuple[Event, ...] = (
    Start("i", ""),
    ToolCallStart(0, "t1", "f"),
    ToolCallStart(1, "t2", "g"),
    ToolCallDelta(1, '{"b"'),
    ToolCallDelta(0, '{"a": 1}'),
    ToolCallDelta(1, ": 2}"),
    ToolCallStart(2, "t3", "h"),
    ToolCallDelta(0, " "),
    Finish("tool_calls", "TOOL_CALL"),
)


def test_calls_whose_arguments_come_in_turn_keep_them_apart() -> None:
    assert read(CHAT, stream(*INTERLEAVED)).events == INTERLEAVED


def test_arguments_without_a_call_are_a_call_without_a_name() -> None:
    events = (Start("i", ""), ToolCallDelta(0, "{}"), Finish("tool_calls", "TOOL_CALL"))
    (call,) = read(CHAT, stream(*events)).reply.tool_calls
    assert (call.name, call.arguments) == ("", "{}")


def test_what_says_nothing_opens_no_block() -> None:
    foreign: Metadata = {"openai_chat": {"a": 1}}
    silent = (TextDelta(""), ReasoningDelta(""), ReasoningDelta("", 0, "signed"))
    assert outline(Start(), *silent, TextDelta("", metadata=foreign), Finish()) == ""


@pytest.mark.parametrize(
    ("reason", "raw_reason", "word"),
    [
        ("stop", "stop", "COMPLETE"),
        ("stop", None, "COMPLETE"),
        ("stop", "STOP_SEQUENCE", "STOP_SEQUENCE"),
        ("length", "length", "MAX_TOKENS"),
        ("tool_calls", "tool_use", "TOOL_CALL"),
        ("content_filter", "SAFETY", "ERROR_TOXIC"),
        ("unknown", "odd", "odd"),
        ("unknown", None, None),
    ],
)
def test_reasons_are_coheres_own_words(
    reason: FinishReason, raw_reason: str | None, word: str | None
) -> None:
    events = (TextDelta("a"), Finish(reason, raw_reason))
    assert frames(*events)[-1]["delta"]["finish_reason"] == word
    assert CHAT.encode_response(collect(events))["finish_reason"] == word


def test_numbers_are_counted_as_cohere_counts_them() -> None:
    apart = Usage(3, 4, cached_input=10, cache_write=5, reasoning=2, cached_apart=True)
    usage = frames(Finish("stop", "COMPLETE", apart))[-1]["delta"]["usage"]
    tokens = {"input_tokens": 18, "output_tokens": 4, "reasoning_tokens": 2}
    assert usage == {"tokens": tokens, "cached_tokens": 10}


def test_numbers_that_are_whole_become_integers() -> None:
    usage = {"tokens": {"input_tokens": 5.0, "x": 1.5}, "billed_units": {"input_tokens": 2.0}}
    body = {"id": "i", "message": {"content": "Hi"}, "finish_reason": "COMPLETE", "usage": usage}
    finish = outcome_of(CHAT.decode_response(json.dumps(body).encode())).finish
    assert finish
    kept = {"tokens": {"x": 1.5}, "billed_units": {"input_tokens": 2}}
    assert finish.usage == Usage(5, metadata={NAME: kept})


def test_citations_of_another_protocol_are_said_in_coheres_words() -> None:
    link = {"url": "https://a.example", "title": "A", "text": "Ruby is a language", "start": 0}
    events = (
        Start("i", ""),
        ReasoningDelta("Hm", 0),
        TextDelta("Ruby is.", 1),
        TextDelta("", 1, metadata={CITATIONS: [{**link, "end": 4}]}),
        Finish("stop", "COMPLETE"),
    )
    document = {"title": "A", "url": "https://a.example", "text": "Ruby is a language"}
    source = {"type": "document", "id": "https://a.example"}
    source |= {"document": {"id": "https://a.example", **document}}  # type: ignore[dict-item]
    citation = {"start": 0, "end": 4, "text": "Ruby", "sources": [source], "content_index": 1}
    citation["type"] = "TEXT_CONTENT"
    said = [frame for frame in frames(*events) if frame["type"] == "citation-start"]
    place = {"type": "citation-start", "index": 0}
    assert said == [{**place, "delta": {"message": {"citations": citation}}}]
    whole = CHAT.encode_response(collect(events))
    assert whole["message"]["citations"] == [citation]
    for again in (read(CHAT, stream(*events)).reply, _again(whole)):
        metadata = again.message.content[1].metadata  # type: ignore[union-attr]
        assert metadata
        assert metadata[CITATIONS] == [{**link, "end": 4}]


def _again(whole: dict[str, Any]) -> Any:
    return outcome_of(CHAT.decode_response(json.dumps(whole).encode())).reply


def test_each_citation_belongs_to_the_text_that_it_names() -> None:
    blocks = [{"type": "text", "text": text} for text in ("One", "Two")]
    citations: list[Any] = [
        {"start": 0, "end": n, "content_index": n, "sources": []} for n in (0, 1, 9)
    ]
    message = {"content": blocks, "citations": citations}
    reply = _again({"id": "i", "message": message, "finish_reason": "COMPLETE"})
    kept = [part.metadata[NAME]["citations"] for part in reply.message.content]
    assert kept == [citations[:1], citations[1:]]


def test_half_a_character_waits_for_the_other_half() -> None:
    plain = stream(
        Start("i"),
        TextDelta("a"),
        TextDelta("b"),
        ReasoningDelta("c", 1, metadata=PLANNED),
        ToolCallStart(2, "t", "f"),
        ToolCallDelta(2, "d"),
        Finish("stop", "COMPLETE"),
    )
    for first in (b'"text":"a"', b'"text":"b"', b'"tool_plan":"c"', b'"arguments":"d"'):
        lone = plain.replace(first, first[:-1] + b'\\ud83d"')
        outcome = read(CHAT, lone)
        assert outcome.finish
        reply = outcome.reply
        assert "\ufffd" in reply.text + reply.reasoning + reply.tool_calls[0].arguments
        assert read(CHAT, iter([lone])) == outcome
    joined = plain.replace(b'"text":"a"', b'"text":"a\\ud83d"')
    joined = joined.replace(b'"text":"b"', b'"text":"\\ude42b"')
    assert read(CHAT, joined).reply.text == "a🙂b"


def test_a_block_that_grows_in_an_unknown_way_is_kept_whole() -> None:
    body = stream(Start("i"), TextDelta("x"), Finish("stop", "COMPLETE"))
    body = body.replace(b'{"type":"text","text":""}', b'{"type":"audio","data":"a"}')
    body = body.replace(b'{"text":"x"}', b'{"data":"b","n":1}')
    (part,) = read(CHAT, body).reply.message.content
    block = {"type": "audio", "data": "ab", "n": 1}
    assert getattr(part, "metadata", None) == {NAME: {"block": block}}


def test_a_call_without_an_id_gets_one() -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    message = {"tool_calls": [call, call]}
    reply = _again({"id": "i", "message": message, "finish_reason": "TOOL_CALL"})
    first, second = reply.tool_calls
    assert first.id
    assert first.id != second.id


def test_what_a_caller_is_not_told_is_declared() -> None:
    reply = collect(
        [
            Start("id", "m"),
            ReasoningDelta("Hm", 0, "signed"),
            TextDelta("No", 1, True),
            TextDelta("Hi", 2, metadata={CITATIONS: [{"url": "u"}]}),
            ToolCallStart(3, "a", "f"),
            Finish("tool_calls", "tool_use", USAGE),
        ]
    )
    lost = {"model", "reasoning.signature", "refusal", "usage.cache_write"}
    assert set(CHAT.answer_loss(reply)) == lost


def test_arguments_that_go_on_are_not_read_again_for_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def reads(text: str) -> Any:
        read.append(text)
        return as_object(text)

    monkeypatch.setattr(encode, "as_object", reads)
    begun: list[Event] = []
    for number in range(20):
        begun += [ToolCallStart(number, "t", "f"), ToolCallDelta(number, '{"a": {}')]
    over: list[Event] = [ToolCallDelta(number, "}") for number in range(20)]
    said = outline(*begun, *over, ToolCallStart(20, "t", "f"), Finish())
    assert said.endswith(
        " ".join(f"tool-call{n}-" for n in range(20)) + " tool-call20+ tool-call20-"
    )
    assert len(read) == 19 + 20
