"""Ollama's streams as callers read them: the lines, the calls, the words."""

from __future__ import annotations

import json
import re
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
from penstock.protocols import call_ids
from penstock.protocols.functions import as_object
from penstock.protocols.ollama_chat import OllamaChat, OllamaGenerate, encode
from penstock.types import ChatRequest, Usage
from protocols.reading import outcome_of, read

CHAT = OllamaChat()
GENERATE = OllamaGenerate()


def lines(*events: Event, chat: OllamaChat = CHAT) -> list[dict[str, Any]]:
    encoder = chat.encoder(ChatRequest(model="asked"))
    body = b"".join(map(encoder.encode, events)) + encoder.close()
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


def said(*events: Event) -> list[dict[str, Any]]:
    """What each line's message says, its role aside."""
    messages = [line["message"] for line in lines(*events, Finish())]
    assert all(message.pop("role") == "assistant" for message in messages)
    return messages[:-1]


def call(id: str, name: str, arguments: dict[str, Any], number: int) -> dict[str, Any]:
    function = {"index": number, "name": name, "arguments": arguments}
    return {"content": "", "tool_calls": [{"id": id, "function": function}]}


USAGE = Usage(3, 4, cached_input=1, cache_write=1, reasoning=2)


def test_a_stream_has_ollamas_shape() -> None:
    first, last = lines(Start("id", "m"), TextDelta("Hi"), Finish("stop", "stop", USAGE))
    time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert time.fullmatch(first.pop("created_at"))
    assert time.fullmatch(last.pop("created_at"))
    message = {"role": "assistant", "content": "Hi"}
    assert first == {"model": "m", "message": message, "done": False}
    assert last == {
        "model": "m",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 3,
        "eval_count": 4,
    }


def test_a_prompts_answer_is_called_response() -> None:
    events = (Start("id", "m"), ReasoningDelta("Hm"), TextDelta("Hi", 1), Finish("stop", "stop"))
    for line in (streamed := lines(*events, chat=GENERATE)):
        line.pop("created_at")
    assert streamed == [
        {"model": "m", "response": "", "thinking": "Hm", "done": False},
        {"model": "m", "response": "Hi", "done": False},
        {"model": "m", "response": "", "done": True, "done_reason": "stop"},
    ]
    whole = GENERATE.encode_response(collect(events))
    assert (whole["response"], whole["thinking"], whole["done"]) == ("Hi", "Hm", True)
    assert "message" not in whole


def test_the_model_that_was_asked_answers_where_none_is_named() -> None:
    assert lines(TextDelta("a"), Finish())[0]["model"] == "asked"


def test_a_call_is_said_whole_as_soon_as_it_is_over() -> None:
    encoder = CHAT.encoder(ChatRequest())
    assert encoder.encode(ToolCallStart(0, "a", "f")) == b""
    assert encoder.encode(ToolCallDelta(0, '{"x":')) == b""
    assert encoder.encode(ToolCallDelta(0, "1}")) == b""
    assert b'"arguments":{"x":1}' in encoder.encode(TextDelta("Now", 1))


def test_calls_whose_arguments_come_in_turn_keep_them_apart() -> None:
    assert said(
        ToolCallStart(0, "a", "f"),
        ToolCallStart(1, "b", "g"),
        ToolCallDelta(1, '{"y"'),
        ToolCallDelta(0, '{"x": 1}'),
        ToolCallDelta(1, ": 2}"),
        ToolCallStart(2, "c", "h"),
        TextDelta("Now", 3),
    ) == [
        call("a", "f", {"x": 1}, 0),
        call("b", "g", {"y": 2}, 1),
        {"content": "Now"},
        call("c", "h", {}, 2),
    ]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("", {}),
        ("null", {}),
        ('{"a": "я\\n"}', {"a": "я\n"}),
        ('{\n  "a": 1\n}', {"a": 1}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_become_an_object_whatever_the_model_wrote(arguments: str, meant: Any) -> None:
    start, piece = ToolCallStart(0, "a", "f"), ToolCallDelta(0, arguments)
    assert said(start, piece) == [call("a", "f", meant, 0)]
    whole = CHAT.encode_response(collect([start, piece, Finish()]))
    assert whole["message"]["tool_calls"] == call("a", "f", meant, 0)["tool_calls"]


def test_arguments_without_a_call_are_a_call_without_a_name() -> None:
    function = {"index": 0, "name": "", "arguments": {"a": 1}}
    unnamed = {"content": "", "tool_calls": [{"function": function}]}
    assert said(ToolCallDelta(0, '{"a":1}')) == [unnamed]


def test_an_id_that_we_made_is_told_to_a_caller() -> None:
    made = call_ids.make("answer", 0)
    assert said(ToolCallStart(0, made, "f"))[0]["tool_calls"][0]["id"] == made


def test_what_says_nothing_is_no_line() -> None:
    foreign: dict[str, Any] = {"anthropic_messages": {"citations": []}}
    assert said(Start(), TextDelta(""), ReasoningDelta("", 0, "signed")) == []
    assert said(TextDelta("", metadata=foreign)) == []
    assert said(TextDelta("a", metadata=foreign)) == [{"content": "a"}]


@pytest.mark.parametrize(
    ("reason", "raw_reason", "word"),
    [
        ("stop", "stop", "stop"),
        ("stop", "end_turn", "stop"),
        ("stop", None, "stop"),
        ("length", "max_tokens", "length"),
        ("tool_calls", "tool_use", "stop"),
        ("content_filter", "SAFETY", "content_filter"),
        ("unknown", "load", "load"),
        ("unknown", None, None),
    ],
)
def test_reasons_are_ollamas_own_words(
    reason: FinishReason, raw_reason: str | None, word: str | None
) -> None:
    events = (TextDelta("a"), Finish(reason, raw_reason))
    assert lines(*events)[-1].get("done_reason") == word
    assert CHAT.encode_response(collect(events)).get("done_reason") == word


def test_numbers_are_counted_as_ollama_counts_them() -> None:
    apart = Usage(3, 4, cached_input=10, cache_write=5, reasoning=2, cached_apart=True)
    last = lines(TextDelta("a"), Finish("stop", "stop", apart))[-1]
    assert (last["prompt_eval_count"], last["eval_count"]) == (18, 4)
    estimated = Finish("stop", "stop", Usage(None, 5, provenance="estimated"))
    assert lines(TextDelta("a"), estimated)[-1]["provenance"] == "estimated"


def test_half_a_character_waits_for_the_other_half() -> None:
    def stream(first: str, second: str) -> bytes:
        line = '{"model":"m","message":{"content":"%s"},"done":%s}\n'
        return (line % (first, "false") + line % (second, "true")).encode()

    for halves, text in (
        (("Hi\\ud83d", "\\ude42!"), "Hi🙂!"),
        (("Hi\\ud83d", "?"), "Hi\ufffd?"),
        (("Hi", "!\\ud83d"), "Hi!\ufffd"),
    ):
        outcome = read(CHAT, stream(*halves))
        assert outcome.reply.text == text
        assert outcome.finish


def test_an_answer_of_an_old_version_ends_without_a_reason() -> None:
    outcome = outcome_of(CHAT.decode_response(b'{"message": {"content": "Hi"}, "done": true}'))
    assert outcome.finish == Finish("unknown", None)
    call = b'{"message": {"tool_calls": [{"function": {"name": "f"}}]}, "done": true}'
    reply = outcome_of(CHAT.decode_response(call)).reply
    assert reply.finish == Finish("tool_calls", None)
    assert (reply.tool_calls[0].name, reply.tool_calls[0].arguments) == ("f", "")


def test_what_a_caller_is_not_told_is_declared() -> None:
    reply = collect(
        [
            Start("id", "m"),
            ReasoningDelta("Hm", 0, "signed"),
            TextDelta("No", 1, True),
            TextDelta("Hi", 2, metadata={"citations": [{"url": "u"}]}),
            ToolCallStart(3, "a", "f"),
            Finish("tool_calls", "tool_use", USAGE),
        ]
    )
    lost = {"citations", "id", "reasoning.signature", "refusal"}
    lost |= {"usage.cached_input", "usage.cache_write", "usage.reasoning"}
    assert set(CHAT.answer_loss(reply)) == lost
    assert set(GENERATE.answer_loss(reply)) == lost | {"tool_calls"}


def test_arguments_that_go_on_are_not_read_again_for_every_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def reads(text: str) -> Any:
        read.append(text)
        return as_object(text)

    monkeypatch.setattr(encode, "as_object", reads)
    words = [TextDelta("x", 1)] * 50
    begun: list[Event] = [ToolCallStart(0, "t", "f"), ToolCallDelta(0, '{"a": {"b": 1}')]
    assert len(lines(*begun, *words, ToolCallDelta(0, "}"), ToolCallDelta(0, "\n"), *words)) == 101
    assert read == ['{"a": {"b": 1}', '{"a": {"b": 1}}\n']
