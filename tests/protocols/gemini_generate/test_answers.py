"""Gemini's answers as they are said: parts, signatures, calls, citations, ends; and how others'
answers are told in Gemini's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import EmptyStream, MalformedStream, StreamTruncated
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
from penstock.protocols.gemini_generate import GeminiGenerate, encode
from penstock.types import CITATIONS, ChatRequest, TextPart, ToolCallPart, Usage
from protocols.reading import Outcome, outcome_of, read

GEMINI = GeminiGenerate()
NAME = "gemini_generate"


def chunk(*parts: Any, **about: Any) -> dict[str, Any]:
    content = {"parts": list(parts), "role": "model"}
    return {"candidates": [{"content": content, "index": 0, **about}], "responseId": "r"}


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in chunks)


def said(*chunks: Any) -> tuple[Event, ...]:
    """What a stream of these chunks says, between its start and its end."""
    outcome = read(GEMINI, sse(*chunks, chunk(finishReason="STOP")))
    assert outcome.failure is None
    assert isinstance(outcome.events[0], Start)
    return outcome.events[1:-1]


def stream(*events: Event) -> bytes:
    encoder = GEMINI.encoder(ChatRequest(model="asked"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def frames(*events: Event) -> list[dict[str, Any]]:
    parts = stream(*events).decode().removesuffix("\r\n\r\n").split("\r\n\r\n")
    return [json.loads(frame.removeprefix("data: ")) for frame in parts]


def kept(**said: Any) -> dict[str, Any]:
    return {NAME: said}


def test_a_signed_text_is_a_part_of_its_own() -> None:
    signed = {"text": "b", "thoughtSignature": "s"}
    events = said(chunk({"text": "a"}), chunk(signed), chunk({"text": "c"}), chunk({"text": "d"}))
    assert events == (
        TextDelta("a", 0),
        TextDelta("b", 1, metadata=kept(thoughtSignature="s")),
        TextDelta("c", 2),
        TextDelta("d", 2),
    )


def test_signatures_go_back_on_the_very_parts_they_came_on() -> None:
    parts = [
        {"text": "Hm", "thought": True},
        {"text": "a"},
        {"text": "", "thoughtSignature": "s1"},
        {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s2"},
        {"functionCall": {"name": "f", "args": {}}},
        {"functionCall": {"name": "g"}},
        {"executableCode": {"code": "1"}, "thoughtSignature": "s3"},
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB"}, "thoughtSignature": "s4"},
    ]
    reply = collect(GEMINI.decode_response(json.dumps(chunk(*parts)).encode()))
    body = GEMINI.encode_request(ChatRequest(messages=(reply.message,)))
    assert body["contents"] == [{"role": "model", "parts": parts}]


def test_calls_without_ids_get_ids_of_the_answers_own() -> None:
    calls = [
        {"functionCall": {"name": "f", "args": {"b": 1, "a": 2}}},
        {"functionCall": {"name": "g"}},
    ]
    one, other = call_ids.make("r", 0), call_ids.make("r", 1)
    events = (
        ToolCallStart(0, one, "f"),
        ToolCallDelta(0, '{"b":1,"a":2}'),
        ToolCallStart(1, other, "g"),
    )
    assert said(chunk(*calls)) == said(chunk(calls[0]), chunk(calls[1])) == events
    finish = read(GEMINI, sse(chunk(*calls, finishReason="STOP"))).finish
    assert finish
    assert (finish.reason, finish.raw_reason) == ("tool_calls", "STOP")


@pytest.mark.parametrize(
    ("number", "reason", "word"),
    [
        (1, "stop", "STOP"),
        (2, "length", "MAX_TOKENS"),
        (3, "content_filter", "SAFETY"),
        (4, "content_filter", "RECITATION"),
        (5, "unknown", "OTHER"),
        (8, "unknown", "8"),
    ],
)
def test_reasons_are_read_as_numbers_too(number: int, reason: str, word: str) -> None:
    finish = read(GEMINI, sse(chunk({"text": "a"}, finishReason=number))).finish
    assert finish
    assert (finish.reason, finish.raw_reason) == (reason, word)
    assert read(GEMINI, sse(chunk({"text": "a"}, finishReason=0))).error is StreamTruncated


def test_answers_without_an_id_have_calls_with_ids_all_the_same() -> None:
    bodies = [chunk({"functionCall": {"name": name}}, finishReason="STOP") for name in "fg"]
    for body in bodies:
        del body["responseId"]
    ids = {read(GEMINI, sse(body)).reply.tool_calls[0].id for body in bodies}
    assert len(ids) == 2
    assert all(map(call_ids.is_made, ids))


def piece(path: str, value: Any, **more: Any) -> dict[str, Any]:
    kind = "stringValue" if isinstance(value, str) else "numberValue"
    return {"jsonPath": path, ("nullValue" if value is None else kind): value, **more}


def test_arguments_in_pieces_are_put_together() -> None:
    goes_on = {"willContinue": True}
    calls = [
        {"name": "f", "id": "i", **goes_on},
        {"partialArgs": [piece("$.city", "Mos", **goes_on)], **goes_on},
        {"partialArgs": [piece("$.city", "cow"), piece("$.d[0].n", 3)], **goes_on},
        {"partialArgs": [piece("$.d[1]", None), piece("$['a b'].c", "x")], **goes_on},
        {},
        {"name": "g", "partialArgs": [{"jsonPath": "$.x", "boolValue": True}]},
        {},
    ]
    events = said(*(chunk({"functionCall": call}) for call in calls))
    assert events == (
        ToolCallStart(0, "i", "f"),
        ToolCallDelta(0, '{"city":"Moscow","d":[{"n":3},null],"a b":{"c":"x"}}'),
        ToolCallStart(1, call_ids.make("r", 1), "g"),
        ToolCallDelta(1, '{"x":true}'),
    )


def test_arguments_that_were_still_going_on_at_the_end_are_said() -> None:
    call = {"name": "f", "id": "i", "partialArgs": [piece("$.a", "x")], "willContinue": True}
    assert said(chunk({"functionCall": call}))[1:] == (ToolCallDelta(0, '{"a":"x"}'),)


@pytest.mark.parametrize(
    "path", ["", "a", "$", "$x", "$.a[", "$[0]", "$.a[5]", "$.", "$.a.b.", "$" + ".a" * 101]
)
def test_arguments_for_no_place_are_an_error(path: str) -> None:
    call = {"name": "f", "partialArgs": [piece(path, "x")]}
    assert read(GEMINI, sse(chunk({"functionCall": call}))).error is MalformedStream


def test_the_last_usage_holds_and_leaves_the_thoughts_out_of_the_output() -> None:
    first = {**chunk({"text": "a"}), "usageMetadata": {"promptTokenCount": 1}}
    usage = {"promptTokenCount": 2, "candidatesTokenCount": 3, "thoughtsTokenCount": 4}
    last = {**chunk(finishReason="STOP"), "usageMetadata": usage}
    found = read(GEMINI, sse(first, first, last)).reply.usage
    assert found == Usage(2, 3, reasoning=4, reasoning_apart=True)
    assert Usage(2, 3, reasoning=4, reasoning_apart=True).in_sense().output == 7
    plain = read(GEMINI, sse(first, chunk({"text": "b"}, finishReason="STOP"), first)).reply.usage
    assert plain == Usage(1, reasoning_apart=True)


def test_a_usage_in_another_sense_is_told_in_geminis() -> None:
    usage = Usage(2, 9, 20, cached_input=4, cache_write=5, reasoning=6, cached_apart=True)
    (value,) = frames(Finish("stop", "stop", usage))
    assert value["usageMetadata"] == {
        "promptTokenCount": 11,
        "candidatesTokenCount": 3,
        "totalTokenCount": 20,
        "cachedContentTokenCount": 4,
        "thoughtsTokenCount": 6,
    }


def test_a_refused_question_is_an_answer_of_nothing() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r", "modelVersion": "m"}
    finish = Finish("content_filter", None, None, kept(promptFeedback={"blockReason": "SAFETY"}))
    whole = Outcome((Start("r", "m"), finish), None)
    for data in (json.dumps(body).encode(), sse(body), json.dumps([body]).encode()):
        assert read(GEMINI, data) == whole
    assert read(GEMINI, sse(body), delimited=False).error is StreamTruncated
    assert frames(*whole.events) == [body]


def test_more_may_be_said_after_the_reason_of_the_end() -> None:
    events = said(chunk({"text": "a"}, finishReason="MAX_TOKENS"), chunk({"text": "b"}))
    assert events == (TextDelta("a", 0), TextDelta("b", 0))


def test_an_answer_of_nothing_is_an_error() -> None:
    for body in (sse({"usageMetadata": {}}), sse(chunk()), b"[]", b"[{}]"):
        assert read(GEMINI, body).error in (EmptyStream, StreamTruncated)
    whole = json.dumps({"candidates": [], "usageMetadata": {}}).encode()
    assert read(GEMINI, whole).error is EmptyStream


def test_other_candidates_are_not_mixed_in() -> None:
    two = chunk({"text": "a"})
    two["candidates"].append({**chunk({"text": "x"})["candidates"][0], "index": 1})
    other = chunk({"text": "y"}, index=1)
    assert said(two, other, chunk({"text": "b"}), other) == (TextDelta("a", 0), TextDelta("b", 0))


def test_half_a_character_waits_for_the_other_half() -> None:
    halves = sse(
        chunk({"text": "Hi\ud83d"}), chunk({"text": "\ude42!"}), chunk(finishReason="STOP")
    )
    assert read(GEMINI, halves).reply.text == "Hi🙂!"
    lone = sse(chunk({"text": "a"}), chunk({"text": "b\ud83d"}, finishReason="STOP"))
    assert read(GEMINI, lone).reply.text == "ab\ufffd"
    thought = sse(chunk({"text": "a\ud83d", "thought": True}, finishReason="STOP"))
    assert read(GEMINI, thought).reply.reasoning == "a\ufffd"


GROUNDING = {
    "webSearchQueries": ["q"],
    "groundingChunks": [
        {"web": {"uri": "u0", "title": "t0"}},
        {"retrievedContext": {"text": "source", "title": "t1"}},
        {"web": {"uri": "u2"}},
    ],
    "groundingSupports": [
        {"segment": {"endIndex": 6, "text": "две"}, "groundingChunkIndices": [0, 1]},
        {
            "segment": {"startIndex": 7, "endIndex": 11, "text": "wood"},
            "groundingChunkIndices": [1],
        },
        {"segment": {"startIndex": 1, "endIndex": 2}, "groundingChunkIndices": [0, 9, "x"]},
    ],
}


def test_grounding_counts_in_bytes_and_citations_in_characters_of_their_part() -> None:
    texts = chunk({"text": "две"}, {"text": " ", "thoughtSignature": "s"}, {"text": "wood"})
    texts["candidates"][0]["groundingMetadata"] = GROUNDING
    events = said(texts)
    first, second = {"url": "u0", "title": "t0"}, {"title": "t1", "text": "source"}
    place = {"start": 0, "end": 3}
    assert events[3:] == (
        TextDelta("", 0, metadata={CITATIONS: [{**first, **place}, {**second, **place}]}),
        TextDelta(
            "", 2, metadata={CITATIONS: [{**second, "start": 0, "end": 4}, first, {"url": "u2"}]}
        ),
    )
    reply = read(GEMINI, sse(texts, chunk(finishReason="STOP"))).reply
    assert (reply.finish or Finish()).metadata == kept(groundingMetadata=GROUNDING)
    assert GEMINI.encode_response(reply)["candidates"][0]["groundingMetadata"] == GROUNDING


def test_citations_of_another_service_are_told_as_grounding() -> None:
    web = {"url": "u", "title": "t", "start": 2, "end": 4}
    quoted = {"title": "book", "text": "words"}
    events = (
        Start("r", "m"),
        TextDelta("я есть", 0),
        TextDelta("", 0, metadata={CITATIONS: [web, quoted]}),
        Finish("stop", "STOP"),
    )
    outcome = read(GEMINI, stream(*events))
    assert outcome.events[:-1] == events[:-1]
    whole = json.dumps(GEMINI.encode_response(collect(events))).encode()
    assert outcome_of(GEMINI.decode_response(whole)).reply == outcome.reply
    grounding = (outcome.reply.finish or Finish()).metadata
    assert grounding == kept(
        groundingMetadata={
            "groundingChunks": [
                {"web": {"uri": "u", "title": "t"}},
                {"retrievedContext": {"title": "book", "text": "words"}},
            ],
            "groundingSupports": [
                {
                    "segment": {"startIndex": 3, "endIndex": 7, "text": "ес"},
                    "groundingChunkIndices": [0],
                }
            ],
        }
    )


def test_a_stream_has_geminis_shape() -> None:
    usage = Usage(3, 4, 7)
    events = (Start("r", "m"), TextDelta("Hi"), Finish("stop", "end_turn", usage))
    ids = {"modelVersion": "m", "responseId": "r"}
    last = chunk({"text": ""}, finishReason="STOP")
    numbers = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    assert frames(*events) == [
        {**chunk({"text": "Hi"}), **ids},
        {**last, **ids, "usageMetadata": numbers},
    ]
    (alone,) = frames(Finish("stop", "STOP"))
    assert alone["modelVersion"] == "asked"


def test_an_array_is_framed_as_google_frames_it() -> None:
    encoder = GEMINI.encoder(ChatRequest(metadata=kept(raw={"alt": "json"})))
    assert encoder.content_type.startswith("application/json")
    begun = encoder.encode(Start("r", "m")) + encoder.encode(TextDelta("Hi"))
    assert begun.startswith(b'[{"candidates":')
    more = encoder.encode(TextDelta("!"))
    assert more.startswith(b"\n,\r\n{")
    ended = encoder.encode(Finish()) + encoder.close()
    assert ended.endswith(b"}\n]\n")
    assert len(json.loads(begun + more + ended)) == 3
    assert GEMINI.encoder(ChatRequest()).content_type == ""


def test_calls_are_said_whole_though_their_arguments_come_in_turn() -> None:
    events: tuple[Event, ...] = (
        Start("r", "m"),
        ToolCallStart(0, "t1", "f"),
        ToolCallStart(1, "t2", "g"),
        ToolCallDelta(1, '{"b"'),
        ToolCallDelta(0, '{"a": 1}'),
        ToolCallDelta(1, ": 2}"),
        TextDelta("and", 2),
        ToolCallStart(3, "t3", "h"),
        ToolCallDelta(3, '{"c"'),
        TextDelta(" then", 4),
        ToolCallDelta(3, ":3}"),
        Finish("tool_calls", "tool_use"),
    )
    reply = read(GEMINI, stream(*events)).reply
    assert reply.tool_calls == (
        ToolCallPart("t1", "f", '{"a":1}'),
        ToolCallPart("t2", "g", '{"b":2}'),
        ToolCallPart("t3", "h", '{"c":3}'),
    )
    assert reply.text == "and then"
    assert [list(frame["candidates"][0]["content"]["parts"][0]) for frame in frames(*events)] == [
        ["functionCall"],
        ["text"],
        ["text"],
        ["functionCall"],
        ["text"],
    ]


def test_arguments_without_a_call_are_a_call_without_a_name() -> None:
    (call, _) = frames(ToolCallDelta(0, "{}"), Finish("tool_calls"))
    assert call["candidates"][0]["content"]["parts"] == [{"functionCall": {"name": "", "args": {}}}]


def test_arguments_that_are_no_object_are_named_as_such() -> None:
    events = (ToolCallStart(0, "t", "f"), ToolCallDelta(0, '{"a'), Finish("length"))
    args = {"INVALID_JSON": '{"a'}
    value = GEMINI.encode_response(collect(events))
    assert value["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == args
    assert (
        frames(*events)[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == args
    )


def test_ids_that_were_made_for_an_answer_are_made_again_not_said() -> None:
    own, others = call_ids.make("r", 0), call_ids.make("elsewhere", 1)
    events = (
        Start("r", "m"),
        ToolCallStart(0, own, "f"),
        ToolCallStart(1, others, "f"),
        Finish("tool_calls"),
    )
    (calls, _) = frames(*events)
    said = [part["functionCall"].get("id") for part in calls["candidates"][0]["content"]["parts"]]
    assert said == [None, others]
    assert [call.id for call in read(GEMINI, stream(*events)).reply.tool_calls] == [own, others]


def test_what_says_nothing_is_not_said() -> None:
    silent = (
        TextDelta(""),
        ReasoningDelta(""),
        TextDelta("", metadata={"openai_chat": {"a": 1}}),
        ReasoningDelta("", metadata={"anthropic_messages": {"redacted_thinking": "x"}}),
    )
    assert len(frames(Start(), *silent, Finish())) == 1


@pytest.mark.parametrize(
    ("reason", "raw_reason", "word"),
    [
        ("stop", "end_turn", "STOP"),
        ("stop", None, "STOP"),
        ("tool_calls", "tool_use", "STOP"),
        ("tool_calls", "STOP", "STOP"),
        ("length", "length", "MAX_TOKENS"),
        ("content_filter", "RECITATION", "RECITATION"),
        ("content_filter", "refusal", "SAFETY"),
        ("unknown", "odd", "odd"),
        ("unknown", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
        ("unknown", None, "FINISH_REASON_UNSPECIFIED"),
    ],
)
def test_finish_reasons_are_geminis_own_words(
    reason: FinishReason, raw_reason: str | None, word: str
) -> None:
    finish = Finish(reason, raw_reason)
    (frame,) = frames(finish)
    assert frame["candidates"][0]["finishReason"] == word
    value = GEMINI.encode_response(collect([finish]))
    assert value["candidates"][0]["finishReason"] == word
    again = read(GEMINI, stream(finish)).finish
    assert again
    assert again.reason == ("stop" if reason == "tool_calls" else reason)


def test_a_refusal_is_said_as_text_and_counts_as_lost() -> None:
    events = (TextDelta("No.", 0, True), Finish("stop", "stop", Usage(1, cache_write=2)))
    reply = collect(events)
    assert read(GEMINI, stream(*events)).reply.message.content == (TextPart("No."),)
    assert GEMINI.answer_loss(reply) == ("refusal", "usage.cache_write")


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
    assert len(frames(*begun, *words, ToolCallDelta(0, "}"), ToolCallDelta(0, "\n"), *words)) == 101
    assert read == ['{"a": {"b": 1}', '{"a": {"b": 1}}\n']
