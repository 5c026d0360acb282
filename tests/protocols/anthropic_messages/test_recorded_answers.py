"""Recorded traffic decodes to what Anthropic's own SDK read from the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from penstock.errors import EmptyStream, StreamTruncated, UnexpectedAnswer, error_for_status
from penstock.events import Finish, Reply
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.anthropic_messages.citations import citations_of
from protocols import recorded
from protocols.reading import Outcome, by, outcome_of, places, read

MESSAGES = AnthropicMessages()
NAME = "anthropic_messages"

CASES = recorded.answers(NAME)
ANSWERS = [case for case in CASES if case["expected"]["outcome"] == "message"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]
NUMBERS = ("input", "output", "total", "cached_input", "cache_write")


def answer_facts(reply: Reply, expected: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    kept = [(part, metadata(part)) for part in reply.message.content]
    opaque = [said["block"] for _, said in kept if "block" in said]
    finish = reply.finish or Finish()
    yield "text", reply.text, expected["text"]
    yield "reasoning", reply.reasoning, expected.get("reasoning") or ""
    yield "tool calls", calls(reply), [expected_call(call) for call in expected["tool_calls"]]
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    yield "stop sequence", metadata(finish).get("stop_sequence"), expected.get("stop_sequence")
    yield "usage", numbers(reply), {n: expected["usage"].get(n) for n in NUMBERS}
    yield "all usage", usage(reply), without_nulls(expected["usage_native"])
    yield "model", reply.model, expected["model"]
    yield "blocks", kinds(reply), expected_kinds(expected)
    yield (
        "server tools",
        [
            (block["id"], block["name"], block["input"])
            for block in opaque
            if block["type"] in ("server_tool_use", "mcp_tool_use")
        ],
        [
            (call["id"], call["name"], call["arguments"])
            for call in expected.get("server_tool_calls", ())
        ],
    )
    yield (
        "citations",
        sum(len(citations_of(getattr(part, "metadata", None))) for part, _ in kept),
        expected.get("citations_n", 0),
    )
    yield (
        "signatures",
        sum(bool(getattr(part, "signature", "")) for part, _ in kept),
        expected.get("signatures_n", 0),
    )


def metadata(value: Any) -> dict[str, Any]:
    return dict((value.metadata or {}).get(NAME, {}))


def calls(reply: Reply) -> list[tuple[str, str, object]]:
    return [(call.id, call.name, arguments(call.arguments)) for call in reply.tool_calls]


def arguments(text: str) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def expected_call(call: dict[str, Any]) -> tuple[str, str, object]:
    said = call.get("arguments_raw") or json.dumps(call["arguments"] or {})
    return call["id"], call["name"], arguments(said)


def kinds(reply: Reply) -> list[str]:
    """What each part was on the wire."""
    names = {"TextPart": "text", "ReasoningPart": "thinking", "ToolCallPart": "tool_use"}
    said = []
    for part in reply.message.content:
        kept = metadata(part)
        kind = "redacted_thinking" if "redacted_thinking" in kept else names[type(part).__name__]
        said.append(kept["block"]["type"] if "block" in kept else kind)
    return said


def expected_kinds(expected: dict[str, Any]) -> list[str]:
    """The SDK's blocks; a text of nothing is none."""
    return [kind for kind in expected["items"] if kind != "text" or expected["text"]]


def numbers(reply: Reply) -> dict[str, int | None]:
    assert reply.usage
    assert reply.usage.provenance == "reported"
    return {name: getattr(reply.usage, name) for name in NUMBERS}


def usage(reply: Reply) -> dict[str, Any]:
    """All numbers in Anthropic's words."""
    said: dict[str, Any] = without_nulls(MESSAGES.encode_response(reply)["usage"])
    return said


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


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
    """The ways in which a body may arrive: byte by byte, as recorded, at random."""
    yield recorded.pieces(case)
    yield recorded.pieces(case, size=1)
    yield recorded.pieces(case, seed=1)


@recorded.each(STREAMS)
def test_a_recorded_stream_reads_as_the_sdk_read_it_however_it_arrives(case: recorded.Case) -> None:
    whole = read(MESSAGES, recorded.body(case))
    assert differences(whole, case) == []
    assert outcome_of(MESSAGES.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(MESSAGES, pieces) == whole


@recorded.each(WHOLES)
def test_a_recorded_answer_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    whole = outcome_of(MESSAGES.decode_response(recorded.body(case)))
    assert differences(whole, case) == []
    for pieces in arrivals(case):  # where a stream was asked
        assert read(MESSAGES, pieces) == whole


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, status = case["expected"], case["response"]["status"]
    error = MESSAGES.decode_error(status, recorded.body(case))
    said = json.loads(recorded.body(case))["error"]
    assert error.message == (expected["message"] or said["message"])
    assert (error.type, error.code, error.param) == (expected["type"], None, None)
    assert error.status == status
    assert isinstance(error, error_for_status(status))


@recorded.each(recorded.malformed(NAME))
def test_a_gateways_done_which_the_sdk_cannot_read_is_no_part_of_the_answer(
    case: recorded.Case,
) -> None:
    body = recorded.body(case)
    assert b"[DONE]" in body
    whole = read(MESSAGES, body)
    assert whole.finish
    assert read(MESSAGES, by(body, 1)) == whole
    assert outcome_of(MESSAGES.decode_response(body)) == whole


@pytest.mark.slow
@recorded.each(STREAMS)
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """Cut at 30 places over its length and at each of the last 100 bytes before its end."""
    body = recorded.body(case)
    end = body.rindex(b"}") + 1
    whole = read(MESSAGES, body)
    spread = places(end)
    decoder, fed, said = MESSAGES.decoder(), 0, list(whole.events[:0])
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


@pytest.mark.slow
@recorded.each(WHOLES)
def test_a_recorded_answer_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    body = recorded.body(case).rstrip()
    for cut in {len(body) * n // 30 for n in range(30)} | {len(body) - 1, len(body) - 2}:
        outcome = outcome_of(MESSAGES.decode_response(body[:cut]))
        assert outcome.error in (EmptyStream, UnexpectedAnswer)
        assert not outcome.finish
        assert not read(MESSAGES, by(body[:cut], 997)).finish


@recorded.each(ANSWERS)
def test_a_recorded_answer_is_the_same_when_it_is_told_again(case: recorded.Case) -> None:
    told = outcome_of(MESSAGES.decode_response(recorded.body(case)))
    again = json.loads(json.dumps(MESSAGES.encode_response(told.reply)))
    reply = outcome_of(MESSAGES.decode_response(json.dumps(again).encode())).reply
    assert MESSAGES.encode_response(reply) == again
    if not case["stream"]:
        said = json.loads(recorded.body(case))
        assert without_blanks(again) == without_blanks(said)


def without_blanks(value: Any) -> Any:
    """Without what says nothing: null, and no citations."""
    if isinstance(value, dict):
        kept = {key: without_blanks(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if (key, item) != ("citations", [])}
    return [without_blanks(item) for item in value] if isinstance(value, list) else value


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(CASES) == 356
    assert (len(STREAMS), len(WHOLES), len(REFUSED)) == (125, 220, 11)
