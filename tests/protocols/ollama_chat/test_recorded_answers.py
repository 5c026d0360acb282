"""Recorded traffic decodes to what Ollama's own SDK read from the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from penstock.errors import (
    EmptyStream,
    StreamTruncated,
    UnexpectedAnswer,
    UnknownModel,
)
from penstock.events import Event, Finish, Reply
from penstock.protocols import call_ids
from penstock.protocols.ollama_chat import OllamaChat
from penstock.protocols.ollama_chat.usage import encode_usage
from penstock.types import ChatRequest
from protocols import recorded
from protocols.reading import Outcome, outcome_of, places, read

CHAT = OllamaChat()
NAME = "ollama_chat"

CASES = recorded.answers(NAME)
ANSWERS = [case for case in CASES if case["expected"]["outcome"] == "message"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]


def answer_facts(reply: Reply, expected: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    finish = reply.finish or Finish()
    usage = reply.usage
    yield "text", reply.text, expected["text"]
    yield "reasoning", reply.reasoning, expected.get("reasoning") or ""
    yield (
        "tool calls",
        [(call.name, json.loads(call.arguments)) for call in reply.tool_calls],
        [(call["name"], call["arguments"]) for call in expected["tool_calls"]],
    )
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    yield "calls tools", finish.reason == "tool_calls", bool(expected["tool_calls"])
    yield "input", usage and usage.input, expected["usage"].get("input")
    yield "output", usage and usage.output, expected["usage"].get("output")
    yield "all usage", encode_usage(usage), expected["usage_native"]
    yield "model", reply.model, expected["model"]


def differences(outcome: Outcome, case: recorded.Case) -> list[str]:
    """What we read otherwise than the SDK did."""
    if outcome.failure:
        return [f"error: {outcome.failure}"]
    facts = answer_facts(outcome.reply, case["expected"])
    return [
        f"{name}: {ours!r}, but the SDK read {theirs!r}"
        for name, ours, theirs in facts
        if ours != theirs
    ]


def arrivals(case: recorded.Case) -> Iterator[Iterable[bytes]]:
    """The ways in which a body may arrive: as recorded, byte by byte, at random."""
    yield recorded.pieces(case)
    yield recorded.pieces(case, size=1)
    yield recorded.pieces(case, seed=1)


@recorded.each(ANSWERS)
def test_a_recorded_answer_reads_as_the_sdk_read_it_however_it_arrives(
    case: recorded.Case,
) -> None:
    whole = read(CHAT, recorded.body(case))
    assert differences(whole, case) == []
    assert outcome_of(CHAT.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(CHAT, pieces) == whole


@recorded.each(ANSWERS)
def test_the_ids_of_calls_are_those_on_the_wire_or_made(case: recorded.Case) -> None:
    """The SDK does not know ids, so the bytes themselves are asked."""
    lines = map(json.loads, recorded.body(case).splitlines())
    said = [call for line in lines for call in line["message"].get("tool_calls", ())]
    calls = read(CHAT, recorded.body(case)).reply.tool_calls
    assert len({call.id for call in calls}) == len(calls)
    for call, wire in zip(calls, said, strict=True):
        assert call.id == wire["id"] if "id" in wire else call_ids.is_made(call.id)


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, status = case["expected"], case["response"]["status"]
    error = CHAT.decode_error(status, recorded.body(case))
    assert (error.message, error.type, error.code) == (expected["message"], None, None)
    assert (error.status, type(error)) == (404, UnknownModel)
    assert CHAT.encode_error(error) == (404, json.loads(recorded.body(case)))


@recorded.each(STREAMS)
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """Cut at many places before its end."""
    body = recorded.body(case)
    end = body.rindex(b"}") + 1
    spread = places(end)
    decoder, fed, said = CHAT.decoder(), 0, list[Event]()
    whole = read(CHAT, body)
    for cut in sorted(cut for cut in spread if cut < end):
        outcome = outcome_of(decoder.feed(body[fed:cut]))
        fed = cut
        said.extend(outcome.events)
        assert not outcome.failure
        assert whole.events[: len(said)] == tuple(said)
        for delimited in (True, False):
            at_end = read(copy.deepcopy(decoder), b"", delimited)
            assert at_end.error in (EmptyStream, StreamTruncated)
            assert not at_end.finish


@recorded.each(WHOLES)
def test_a_recorded_answer_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    body = recorded.body(case).rstrip()
    for cut in places(len(body)):
        for outcome in (outcome_of(CHAT.decode_response(body[:cut])), read(CHAT, body[:cut])):
            assert outcome.error in (EmptyStream, StreamTruncated, UnexpectedAnswer)
            assert not outcome.finish


@recorded.each(ANSWERS)
def test_a_recorded_answer_is_the_same_when_it_is_told_again(case: recorded.Case) -> None:
    told = read(CHAT, recorded.body(case))
    encoder = CHAT.encoder(ChatRequest())
    streamed = b"".join(map(encoder.encode, told.events)) + encoder.close()
    assert read(CHAT, streamed) == told
    whole = json.dumps(CHAT.encode_response(told.reply)).encode()
    again = outcome_of(CHAT.decode_response(whole))
    assert again.reply == told.reply
    if not case["stream"]:
        assert again.events == told.events


@pytest.mark.parametrize("delimited", [True, False])
def test_nothing_recorded_differs_where_the_connection_was_closed(delimited: bool) -> None:
    for case in ANSWERS:
        assert read(CHAT, recorded.body(case), delimited).finish


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(CASES) == 35
    assert (len(STREAMS), len(WHOLES), len(REFUSED)) == (15, 19, 1)
    assert recorded.malformed(NAME) == []
