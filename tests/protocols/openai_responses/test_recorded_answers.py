"""Recorded traffic decodes to what OpenAI's own SDK read from the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from penstock.errors import (
    EmptyStream,
    PenstockError,
    StreamTruncated,
    UnexpectedAnswer,
    UnknownModel,
    error_for_status,
)
from penstock.events import Event, Finish, ReasoningDelta, Reply, ToolCallDelta
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import ChatRequest, ReasoningPart, TextPart, ToolCallPart
from protocols import recorded
from protocols.reading import Outcome, by, ends, merge, outcome_of, places, read

RESPONSES = OpenAIResponses()
NAME = "openai_responses"

CASES = recorded.answers(NAME)
ANSWERS = [case for case in CASES if case["expected"]["outcome"] == "message"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]
SHARED_IDS = {
    "openai-85e94ea41dbe0f": "xAI gives two items one id, which OpenAI's SDK refuses in a stream"
}
"""Answers whose items do not keep their ids when they are told again."""
NUMBERS = ("input", "output", "total", "cached_input", "cache_write", "reasoning")


def answer_facts(reply: Reply, expected: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    finish = reply.finish or Finish()
    parts = reply.message.content
    details = marks(finish).get("incomplete_details") or {}
    yield "text", reply.text, expected["text"]
    yield "refusal", reply.refusal, expected.get("refusal") or ""
    yield "reasoning", reasoning(reply, words=False), expected.get("reasoning") or ""
    yield "reasoning words", reasoning(reply, words=True), expected.get("reasoning_raw") or ""
    yield "tool calls", calls(reply), [expected_call(call) for call in expected["tool_calls"]]
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    yield "why incomplete", details.get("reason"), expected.get("incomplete_reason")
    yield "usage", numbers(reply), {n: (expected["usage"] or {}).get(n) for n in NUMBERS}
    yield "all usage", usage(reply), without_nulls(expected.get("usage_native"))
    yield "model", reply.model, expected["model"]
    yield "items", kinds(reply), [kind for kind in expected["items"] if kind != "message"]
    yield "annotations", annotations_in(reply), expected.get("annotations_n", 0)
    yield (
        "signatures",
        sum(bool(getattr(part, "signature", "")) for part in parts),
        expected.get("encrypted_reasoning_n", 0),
    )


def kept(value: Any) -> dict[str, Any]:
    return dict((value.metadata or {}).get(NAME, {}))


def marks(value: Any) -> dict[str, Any]:
    return dict(kept(value).get("raw", {}))


def reasoning(reply: Reply, words: bool) -> str:
    """The readable reasoning as the corpus joins it."""
    said = [
        part.text
        for part in reply.message.content
        if isinstance(part, ReasoningPart) and part.text
        if (marks(part).get("kind") == "reasoning_text") is words
    ]
    return ("" if words else "\n\n").join(said)


def calls(reply: Reply) -> list[tuple[str, str, str, object]]:
    return [
        (call.id, marks(call).get("id", ""), call.name, call.arguments) for call in reply.tool_calls
    ]


def expected_call(call: dict[str, Any]) -> tuple[str, str, str, object]:
    said = call["input"] if call.get("kind") == "custom" else call["arguments_raw"]
    return call["id"], call.get("item_id") or "", call["name"], said


def kinds(reply: Reply) -> list[str]:
    """What each part was on the wire, messages aside."""
    said: list[str] = []
    before: str | None = None
    for part in reply.message.content:
        match part:
            case ReasoningPart():
                is_other_half = before is not None and before == marks(part).get("id")
                said += [] if is_other_half else ["reasoning"]
            case ToolCallPart():
                is_custom = kept(part).get("type") == "custom"
                said.append("custom_tool_call" if is_custom else "function_call")
            case TextPart() if "block" in kept(part):
                said.append(kept(part)["block"]["type"])
            case _:
                pass
        before = marks(part).get("id") if isinstance(part, ReasoningPart) else None
    return said


def annotations_in(reply: Reply) -> int:
    return sum(
        len(kept(part).get("annotations") or (part.metadata or {}).get("citations", ()))
        for part in reply.message.content
        if isinstance(part, TextPart)
    )


def numbers(reply: Reply) -> dict[str, int | None]:
    return {name: getattr(reply.usage, name, None) for name in NUMBERS}


def usage(reply: Reply) -> dict[str, Any] | None:
    """All numbers in OpenAI's words; but not those that nobody said."""
    said = RESPONSES.encode_response(reply)["usage"]
    for name in (said or {}).pop("unknown", ()):
        place = {"cached_input": "cached_tokens", "cache_write": "cache_write_tokens"}.get(name)
        place = place or {"reasoning": "reasoning_tokens"}[name]
        details = "output_tokens_details" if name == "reasoning" else "input_tokens_details"
        del said[details][place]
    return None if said is None else dict(without_nulls(said))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_nulls(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if item != {}}
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
    whole = read(RESPONSES, recorded.body(case))
    assert differences(whole, case) == []
    assert outcome_of(RESPONSES.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(RESPONSES, pieces) == whole


@recorded.each(WHOLES)
def test_a_recorded_answer_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    whole = outcome_of(RESPONSES.decode_response(recorded.body(case)))
    assert differences(whole, case) == []
    for pieces in arrivals(case):  # where a stream was asked
        assert read(RESPONSES, pieces) == whole


@recorded.each(STREAMS)
def test_a_recorded_stream_says_what_its_final_response_says(case: recorded.Case) -> None:
    """Word for word and item for item: nothing twice, nothing left out."""
    events = read(RESPONSES, recorded.body(case)).events
    last = recorded.body(case).rpartition(b"data: {")[2].partition(b"\n")[0]
    final = json.loads(b"{" + last)
    if not final["response"]["output"]:
        return
    whole = outcome_of(RESPONSES.decode_response(json.dumps(final["response"]).encode()))
    ours, theirs = Outcome(events, None).reply, whole.reply
    assert (ours.text, ours.reasoning, ours.refusal) == (
        theirs.text,
        theirs.reasoning,
        theirs.refusal,
    )
    assert [(c.id, c.name, c.arguments) for c in ours.tool_calls] == [
        (c.id, c.name, c.arguments) for c in theirs.tool_calls
    ]
    assert kinds(ours) == kinds(theirs)
    assert ours.finish == theirs.finish


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, status = case["expected"], case["response"]["status"]
    error = RESPONSES.decode_error(status, recorded.body(case))
    body = json.loads(recorded.body(case))
    said = body["error"] if isinstance(body.get("error"), dict) else {"message": body["error"]}
    assert error.message == (expected["message"] or said["message"])
    assert error.type == expected["type"]
    assert error.code == (expected["code"] or said.get("code") or body.get("code"))
    assert error.param == expected["param"]
    assert error.status == status
    unknown = expected["code"] == "model_not_found"
    assert isinstance(error, UnknownModel if unknown else (error_for_status(status), PenstockError))


@pytest.mark.slow
@recorded.each(STREAMS)
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """Cut at many places before its end."""
    body = recorded.body(case)
    end = body.rindex(b'"type":"response.') if b'"type":"response.' in body else len(body)
    end = body.index(b"\n", end) if b"\n" in body[end:] else len(body)
    whole = read(RESPONSES, body)
    spread = places(end)
    decoder, fed, said = RESPONSES.decoder(), 0, list(whole.events[:0])
    for cut in sorted(cut for cut in spread if cut < end):
        outcome = outcome_of(decoder.feed(body[fed:cut]))
        fed = cut
        said.extend(outcome.events)
        assert not outcome.failure
        assert whole.events[: len(said)] == tuple(said)
        for at_end in ends(decoder):
            assert at_end.error in (EmptyStream, StreamTruncated)
            assert not at_end.finish


@pytest.mark.slow
@recorded.each(WHOLES)
def test_a_recorded_answer_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    body = recorded.body(case).rstrip()
    for cut in places(len(body)):
        outcome = outcome_of(RESPONSES.decode_response(body[: max(cut, 0)]))
        assert outcome.error in (EmptyStream, UnexpectedAnswer)
        assert not outcome.finish
    for cut in (len(body) // 2, len(body) - 1):
        assert not read(RESPONSES, by(body[:cut], 997)).finish


@recorded.each(ANSWERS)
def test_a_recorded_answer_is_the_same_when_it_is_told_again(case: recorded.Case) -> None:
    told = outcome_of(RESPONSES.decode_response(recorded.body(case)))
    encoder = RESPONSES.encoder(ChatRequest())
    stream = b"".join(map(encoder.encode, told.events)) + encoder.close()
    again = read(RESPONSES, stream)
    assert not again.failure
    whole = json.dumps(RESPONSES.encode_response(told.reply)).encode()
    reply = outcome_of(RESPONSES.decode_response(whole)).reply
    if case["id"] in SHARED_IDS:
        assert kinds(again.reply) == kinds(reply) == kinds(told.reply)
        assert reply.text == told.reply.text
    else:
        assert canonical(again.events) == canonical(told.events)
        assert reply == told.reply


def canonical(events: Iterable[Event]) -> list[Event]:
    """With adjacent pieces of the same thing made one."""
    said: list[Event] = []
    for event in merge(events):
        last = said[-1] if said else None
        match last, event:
            case ToolCallDelta(), ToolCallDelta() if last.index == event.index:
                said[-1] = replace(last, arguments=last.arguments + event.arguments)
            case ReasoningDelta(), ReasoningDelta(text, index, "", None) if last.index == index:
                said[-1] = replace(last, text=last.text + text)
            case _:
                said.append(event)
    return said


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(CASES) == 578
    assert (len(STREAMS), len(WHOLES), len(REFUSED)) == (146, 415, 17)
    assert recorded.malformed(NAME) == []
