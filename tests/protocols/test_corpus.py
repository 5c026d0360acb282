"""Recorded traffic decodes to what the vendor's own SDK read from the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from penstock.errors import error_for_status
from penstock.events import Finish, Reply
from penstock.protocols.openai_chat import OpenAIChat
from protocols import recorded
from protocols.reading import Outcome, by, outcome_of, places, read

CHAT = OpenAIChat()

READ_OTHERWISE: dict[str, str] = {}
"""Case id -> why we read it otherwise than the SDK."""

CASES = recorded.answers("openai_chat")
ANSWERS = [case for case in CASES if case["expected"]["outcome"] != "error"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]


def differences(outcome: Outcome, case: recorded.Case) -> Iterator[str]:
    """What we read otherwise than the SDK did."""
    expected = case["expected"]
    if expected["outcome"] == "message":
        if outcome.failure:
            yield f"error: {outcome.failure}"
    else:
        yield from error_differences(outcome, expected)
        if expected["outcome"] != "stream_error":
            return
    for name, ours, theirs in answer_facts(outcome.reply, expected):
        if ours != theirs:
            yield f"{name}: {ours!r}, but the SDK read {theirs!r}"


def error_differences(outcome: Outcome, expected: dict[str, Any]) -> Iterator[str]:
    error = expected.get("error", expected)
    if outcome.failure is None:
        yield f"no error, but the SDK raised {error}"
        return
    code = None if error["code"] is None else str(error["code"])
    theirs = (error["message"], error["type"], code, error["param"])
    if outcome.failure[1:] != theirs:
        yield f"error: {outcome.failure}, but the SDK raised {theirs}"


def answer_facts(reply: Reply, expected: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    yield "text", reply.text, expected["text"]
    yield "reasoning", reply.reasoning, expected.get("reasoning") or ""
    yield "refusal", reply.refusal, expected.get("refusal") or ""
    yield "tool calls", calls(reply), list(expected_calls(expected))
    finish = reply.finish or Finish()
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    yield "usage", numbers(reply), expected["usage"]
    yield "model", reply.model, expected["model"] or ""


def calls(reply: Reply) -> list[tuple[str, str, str, bool]]:
    return [(call.id, call.name, call.arguments, is_legacy(call)) for call in reply.tool_calls]


def is_legacy(call: Any) -> bool:
    kept = (call.metadata or {}).get("openai_chat", {})
    return bool(kept.get("type") == "function_call")


def expected_calls(expected: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """The SDK reports the legacy ``function_call`` apart; to us it is a tool call of that type."""
    for call in expected["tool_calls"]:
        yield call["id"] or "", call["name"], call.get("arguments_raw") or "", False
    if function := expected.get("function_call"):
        yield "", function["name"], function["arguments"], True


NUMBERS = ("input", "output", "total", "cached_input", "cache_write", "reasoning")


def numbers(reply: Reply) -> dict[str, int] | None:
    if reply.usage is None:
        return None
    assert reply.usage.provenance == "reported"
    return {name: n for name in NUMBERS if (n := getattr(reply.usage, name)) is not None}


@recorded.each(STREAMS)
def test_a_recorded_stream_reads_as_the_sdk_read_it_however_it_arrives(case: recorded.Case) -> None:
    whole = read(CHAT, recorded.body(case))
    found = list(differences(whole, case))
    assert bool(found) == (case["id"] in READ_OTHERWISE), found
    assert outcome_of(CHAT.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(CHAT, pieces) == whole


@recorded.each(WHOLES)
def test_a_recorded_answer_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    whole = outcome_of(CHAT.decode_response(recorded.body(case)))
    found = list(differences(whole, case))
    assert bool(found) == (case["id"] in READ_OTHERWISE), found
    for pieces in arrivals(case):  # where a stream was asked
        assert read(CHAT, pieces) == whole


def arrivals(case: recorded.Case) -> Iterator[Iterable[bytes]]:
    """The ways in which a body may arrive: byte by byte, as recorded, at random."""
    yield recorded.pieces(case)
    yield recorded.pieces(case, size=1)
    yield recorded.pieces(case, seed=1)


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, status = case["expected"], case["response"]["status"]
    error = CHAT.decode_error(status, recorded.body(case))
    said = json.loads(recorded.body(case))["error"]
    code = None if expected["code"] is None else str(expected["code"])
    assert error.message == (expected["message"] or said["message"])
    assert (error.type, error.code, error.param) == (expected["type"], code, expected["param"])
    assert error.status == status
    assert isinstance(error, error_for_status(status))


@recorded.each(recorded.malformed("openai_chat"))
def test_an_answer_that_the_sdk_cannot_read_is_an_error_of_ours(case: recorded.Case) -> None:
    body = recorded.body(case)
    assert read(CHAT, body).error
    assert read(CHAT, by(body, 1)) == read(CHAT, body)
    assert outcome_of(CHAT.decode_response(body)).error


def finish_event(body: bytes) -> int:
    """Where the payload of the event that first carries a finish reason ends; without any, where
    ``[DONE]`` does."""
    place = 0
    for line in body.splitlines(keepends=True):
        text = line.strip()
        if text == b"data: [DONE]" or (text.startswith(b"data:") and finishes(text[5:])):
            return place + len(line.rstrip())
        place += len(line)
    return len(body) + 1


def finishes(payload: bytes) -> bool:
    value = json.loads(payload)
    choices = value.get("choices") or ()
    return any(choice.get("finish_reason") for choice in choices if choice.get("index", 0) == 0)


@pytest.mark.slow
@recorded.each(STREAMS)
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """Cut at many places, with and without an end of the body's own."""
    body = recorded.body(case)
    finished, done = finish_event(body), len(body) + 1
    if b"\ndata: [DONE]" in body:
        done = body.rindex(b"\ndata: [DONE]") + len(b"\ndata: [DONE]")
    whole = read(CHAT, body)
    decoder, fed, said = CHAT.decoder(), 0, list(whole.events[:0])
    for cut in places(len(body)):
        outcome = read_more(decoder, body[fed:cut], said)
        fed = cut
        if outcome.failure:
            assert case["expected"]["outcome"] == "stream_error"
            return
        for delimited, end in ((True, finished), (False, done)):
            at_end = read(copy.deepcopy(decoder), b"", delimited)
            assert at_end.finish or at_end.error
            if cut < end:
                assert not at_end.finish, (cut, end)
                assert whole.events[: len(said)] == tuple(said)


def read_more(decoder: Any, piece: bytes, said: list[Any]) -> Outcome:
    outcome = outcome_of(decoder.feed(piece))
    said.extend(outcome.events)
    return outcome


@pytest.mark.slow
@recorded.each(WHOLES)
def test_a_recorded_answer_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    body = recorded.body(case).rstrip()
    for cut in places(len(body)):
        assert outcome_of(CHAT.decode_response(body[:cut])).error
        assert not read(CHAT, by(body[:cut], 997)).finish


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(STREAMS) > 250
    assert len(WHOLES) > 500
    assert len(REFUSED) > 30
    assert {case["id"] for case in CASES} >= set(READ_OTHERWISE)
