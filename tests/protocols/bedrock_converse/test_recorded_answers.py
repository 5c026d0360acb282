"""Recorded traffic decodes to what AWS's own SDK read from the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from penstock.errors import EmptyStream, StreamTruncated, UnexpectedAnswer, error_for_status
from penstock.events import Event, Finish, Reply
from penstock.protocols.aws_eventstream import EventStreamDecoder, read_headers, split_frame
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.types import ChatRequest, ToolCallPart
from protocols import recorded
from protocols.reading import Outcome, outcome_of, places, read

CONVERSE = BedrockConverse()
NAME = "bedrock_converse"

CASES = recorded.answers(NAME)
ANSWERS = [case for case in CASES if case["expected"]["outcome"] == "message"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]
NUMBERS = ("input", "output", "total", "cached_input", "cache_write")

# The oracle's rules leave out the text that stands inside a citationsContent.
UNREAD = {
    "bedrock-a4892e303c0495": (
        "The Ruby programming language was created by Yukihiro Matsumoto in 1993."
    ),
}


def answer_facts(reply: Reply, case: recorded.Case) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    expected = case["expected"]
    finish = reply.finish or Finish()
    yield "text", reply.text, expected["text"] or UNREAD.get(case["id"], "")
    yield "reasoning", reply.reasoning, expected.get("reasoning") or ""
    yield "tool calls", calls(reply), [expected_call(call) for call in expected["tool_calls"]]
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    said = expected["usage"] or {}
    yield "usage", numbers(reply), {n: said.get(n) for n in NUMBERS if n in said}
    yield "citations", citations(reply), expected.get("citations_n", citations(reply))
    yield "redacted", redacted(reply), expected.get("redacted_thinking_n", redacted(reply))
    own = [call for call in expected["tool_calls"] if call["id"] not in run_by_bedrock(case)]
    yield "own calls", [call.id for call in reply.tool_calls], [call["id"] for call in own]
    if case["stream"]:
        raw = [call.arguments for call in reply.tool_calls]
        yield "arguments as sent", raw, [call["arguments_raw"] for call in own]


def metadata(value: Any) -> dict[str, Any]:
    return dict((value.metadata or {}).get(NAME, {}))


def calls(reply: Reply) -> list[tuple[str, str, object]]:
    """The calls of the caller's tools and of Bedrock's own, as the SDK does not tell them apart."""
    said = []
    for part in reply.message.content:
        block = metadata(part).get("block", {})
        if isinstance(part, ToolCallPart):
            said.append((part.id, part.name, json.loads(part.arguments or "{}")))
        elif "toolUse" in block:
            call = block["toolUse"]
            said.append((call["toolUseId"], call["name"], call["input"]))
    return said


def expected_call(call: dict[str, Any]) -> tuple[str, str, object]:
    if call.get("arguments_raw"):
        assert json.loads(call["arguments_raw"]) == call["arguments"]
    return call["id"], call["name"], call["arguments"] or {}


def run_by_bedrock(case: recorded.Case) -> set[str]:
    """The ids of calls that the wire itself marks as of Bedrock's own tools."""
    objects: list[Any] = [payload for _, payload in frames(case)] if case["stream"] else []
    if not case["stream"]:
        objects = json.loads(recorded.body(case))["output"]["message"]["content"]
    starts = [value.get("start", value).get("toolUse", {}) for value in objects]
    return {call["toolUseId"] for call in starts if call.get("type") == "server_tool_use"}


def frames(case: recorded.Case) -> list[tuple[str, Any]]:
    """The event type and payload of each frame."""
    return framed(recorded.body(case))


def framed(body: bytes) -> list[tuple[str, Any]]:
    split = map(split_frame, EventStreamDecoder().feed(body))
    return [(str(read_headers(f.headers)[":event-type"]), json.loads(f.payload)) for f in split]


def citations(reply: Reply) -> int:
    return sum(len(metadata(part).get("citations", ())) for part in reply.message.content)


def redacted(reply: Reply) -> int:
    return sum("redactedContent" in metadata(part) for part in reply.message.content)


def numbers(reply: Reply) -> dict[str, int | None]:
    if reply.usage is None:
        return {}
    assert reply.usage.cached_apart
    assert reply.usage.provenance == "reported"
    said = {name: getattr(reply.usage, name) for name in NUMBERS}
    return {name: number for name, number in said.items() if number is not None}


def differences(outcome: Outcome, case: recorded.Case) -> list[str]:
    """What we read otherwise than the SDK did."""
    if outcome.failure:
        return [f"error: {outcome.failure}"]
    return [
        f"{name}: {ours!r}, but the SDK read {theirs!r}"
        for name, ours, theirs in answer_facts(outcome.reply, case)
        if ours != theirs
    ]


def arrivals(case: recorded.Case) -> Iterator[Iterable[bytes]]:
    """The ways in which a body may arrive: byte by byte, as recorded, at random."""
    yield recorded.pieces(case)
    yield recorded.pieces(case, size=1)
    yield recorded.pieces(case, seed=1)


@recorded.each(STREAMS)
def test_a_recorded_stream_reads_as_the_sdk_read_it_however_it_arrives(case: recorded.Case) -> None:
    whole = read(CONVERSE, recorded.body(case))
    assert differences(whole, case) == []
    assert outcome_of(CONVERSE.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(CONVERSE, pieces) == whole


@recorded.each(WHOLES)
def test_a_recorded_answer_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    whole = outcome_of(CONVERSE.decode_response(recorded.body(case)))
    assert differences(whole, case) == []
    for pieces in arrivals(case):  # where a stream was asked
        assert read(CONVERSE, pieces) == whole


@recorded.each([case for case in ANSWERS if (case["expected"]["usage"] or {}).get("total")])
def test_the_input_leaves_out_what_was_cached(case: recorded.Case) -> None:
    usage = outcome_of(CONVERSE.decode_response(recorded.body(case))).reply.usage
    assert usage
    cached = (usage.cached_input or 0) + (usage.cache_write or 0)
    assert (usage.input or 0) + (usage.output or 0) + cached == usage.total


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, answer = case["expected"], case["response"]
    error = CONVERSE.decode_error(answer["status"], recorded.body(case), headers=answer["headers"])
    assert error.message == expected["message"]
    # Where the header that names the type is missing, the SDK makes the status a type.
    named = None if expected["type"] == str(answer["status"]) else expected["type"]
    assert (error.type, error.code, error.param) == (named, named, None)
    assert error.status == answer["status"]
    assert isinstance(error, error_for_status(answer["status"]))


@pytest.mark.slow
@recorded.each(STREAMS)
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """Cut at many places before its end."""
    body = recorded.body(case)
    end, whole = len(body), read(CONVERSE, body)
    # messageStop is an end of its own where the body's own end follows it.
    stop = end - len(list(EventStreamDecoder().feed(body))[-1])
    spread = places(end)
    decoder, fed, said = CONVERSE.decoder(), 0, list[Event]()
    for cut in sorted(spread):
        outcome = outcome_of(decoder.feed(body[fed:cut]))
        fed = cut
        said.extend(outcome.events)
        assert not outcome.failure
        assert whole.events[: len(said)] == tuple(said)
        for delimited in (True, False):
            at_end = read(copy.deepcopy(decoder), b"", delimited)
            if delimited and cut == stop:
                assert at_end.finish
                assert at_end.finish.usage is None
                continue
            assert at_end.error in (EmptyStream, StreamTruncated)
            assert not at_end.finish


@pytest.mark.slow
@recorded.each(WHOLES)
def test_a_recorded_answer_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    body = recorded.body(case).rstrip()
    for cut in {len(body) * n // 30 for n in range(30)} | {len(body) - 1, len(body) - 2}:
        outcome = outcome_of(CONVERSE.decode_response(body[:cut]))
        assert outcome.error in (EmptyStream, UnexpectedAnswer)
        assert not outcome.finish
        assert not read(CONVERSE, body[:cut]).finish


@recorded.each(ANSWERS)
def test_a_recorded_answer_is_the_same_when_it_is_told_again(case: recorded.Case) -> None:
    told = outcome_of(CONVERSE.decode_response(recorded.body(case)))
    again = json.loads(json.dumps(CONVERSE.encode_response(told.reply)))
    reply = outcome_of(CONVERSE.decode_response(json.dumps(again).encode())).reply
    assert CONVERSE.encode_response(reply) == again
    if not case["stream"]:
        assert meaning(again) == meaning(json.loads(recorded.body(case)))


def meaning(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what says nothing: texts of no words, usage that nobody knows."""
    message = answer["output"]["message"]
    content = [block for block in message["content"] if block != {"text": ""}]
    usage = answer.get("usage") or {}
    return {
        **answer,
        "output": {"message": {**message, "content": content}},
        "usage": {} if usage.get("provenance") == "unknown" else usage,
    }


@recorded.each(ANSWERS)
def test_a_recorded_answer_is_the_same_when_it_is_streamed_again(case: recorded.Case) -> None:
    told = outcome_of(CONVERSE.decode_response(recorded.body(case)))
    encoder = CONVERSE.encoder(ChatRequest())
    body = b"".join(map(encoder.encode, told.events)) + encoder.close()
    again = read(CONVERSE, body)
    assert again.reply == told.reply
    if case["stream"]:
        assert again == told
        assert framed(body) == list(spoken(frames(case)))


def spoken(said: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Without padding, pieces of no text and blocks that held nothing else; the others numbered
    anew."""
    numbers: dict[int, int] = {}
    for kind, padded in said:
        payload = {key: value for key, value in padded.items() if key != "p"}
        number = payload.get("contentBlockIndex")
        if number is not None:
            if payload.get("delta") == {"text": ""} or (
                kind.endswith("Stop") and number not in numbers
            ):
                continue
            payload["contentBlockIndex"] = numbers.setdefault(number, len(numbers))
        yield kind, payload


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(CASES) == 115
    assert (len(STREAMS), len(WHOLES), len(REFUSED)) == (37, 69, 9)
