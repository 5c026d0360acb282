"""Recorded traffic decodes to what Google's own SDK read from the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from penstock import errors
from penstock.errors import EmptyStream, PenstockError, StreamTruncated, UnexpectedAnswer
from penstock.events import Finish, Reply
from penstock.protocols import call_ids
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.types import ChatRequest
from protocols import recorded
from protocols.reading import Outcome, by, outcome_of, places, read

GEMINI = GeminiGenerate()
NAME = "gemini_generate"
ARRAY = ChatRequest(metadata={NAME: {"raw": {"alt": "json"}}})

CASES = recorded.answers(NAME)
ANSWERS = [case for case in CASES if case["expected"]["outcome"] == "message"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]
MALFORMED = recorded.malformed(NAME)
NUMBERS = ("input", "output", "total", "cached_input", "reasoning")


def answer_facts(reply: Reply, expected: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    finish = reply.finish or Finish()
    yield "text", reply.text, expected["text"]
    yield "reasoning", reply.reasoning, expected.get("reasoning") or ""
    yield "tool calls", calls(reply), [expected_call(call) for call in expected["tool_calls"]]
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    yield "usage", numbers(reply), {n: expected["usage"].get(n) for n in NUMBERS}
    yield "all usage", usage(reply), in_camel(expected["usage_native"])
    yield "model", reply.model, expected.get("model") or ""
    yield "parts", kinds(reply), [kind for kind in expected.get("items", ()) if kind != "text"]
    yield "signatures", signatures(reply), expected.get("signatures_n", 0)
    yield "grounding", bool(metadata(finish).get("groundingMetadata")), "grounding" in expected
    feedback = in_camel(expected.get("prompt_feedback"))
    yield "refusal of the question", metadata(finish).get("promptFeedback"), feedback


def metadata(value: Any) -> dict[str, Any]:
    return dict((value.metadata or {}).get(NAME, {}))


def calls(reply: Reply) -> list[tuple[str | None, str, object]]:
    return [
        (
            None if call_ids.is_made(call.id) else call.id,
            call.name,
            json.loads(call.arguments or "{}"),
        )
        for call in reply.tool_calls
    ]


def expected_call(call: dict[str, Any]) -> tuple[str | None, str, object]:
    return call["id"], call["name"], call["arguments"] or {}


def kinds(reply: Reply) -> list[str]:
    """What each part but text was on the wire, runs of one kind once."""
    names = {"ReasoningPart": "thought", "ToolCallPart": "function_call"}
    said: list[str] = []
    for part in reply.message.content:
        kept = metadata(part)
        keys = [key for key in kept.get("block", ()) if key != "thoughtSignature"]
        kind = snake(keys[0]) if keys else names.get(type(part).__name__, "")
        if not kind:
            said.append("")
        elif said[-1:] != [kind]:
            said.append(kind)
    return [kind for kind in said if kind]


def signatures(reply: Reply) -> int:
    kept = [metadata(part) for part in reply.message.content]
    thoughts = sum(bool(getattr(part, "signature", "")) for part in reply.message.content)
    return thoughts + sum(
        "thoughtSignature" in said or "thoughtSignature" in said.get("block", ()) for said in kept
    )


def numbers(reply: Reply) -> dict[str, int | None]:
    if reply.usage is None:
        return dict.fromkeys(NUMBERS)
    assert reply.usage.provenance == "reported"
    assert (reply.usage.cached_apart, reply.usage.reasoning_apart) == (False, True)
    return {name: getattr(reply.usage, name) for name in NUMBERS}


def usage(reply: Reply) -> Any:
    """All numbers that the SDK knows, in Gemini's words."""
    said = GEMINI.encode_response(reply).get("usageMetadata") or {}
    return {
        key: item for key, item in said.items() if key not in ("serviceTier", "pydantic_ai_gateway")
    }


def snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


def in_camel(value: Any) -> Any:
    """The SDK's names as they are on the wire."""
    if isinstance(value, list):
        return [in_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    words = {key: key.split("_") for key in value if key != "service_tier"}
    return {
        first + "".join(map(str.capitalize, rest)): in_camel(value[key])
        for key, (first, *rest) in words.items()
        if value[key] is not None
    }


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


@recorded.each(STREAMS)
def test_a_recorded_stream_reads_as_the_sdk_read_it_however_it_arrives(case: recorded.Case) -> None:
    whole = read(GEMINI, recorded.body(case))
    assert differences(whole, case) == []
    assert outcome_of(GEMINI.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(GEMINI, pieces) == whole


@recorded.each(WHOLES)
def test_a_recorded_answer_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    whole = outcome_of(GEMINI.decode_response(recorded.body(case)))
    assert differences(whole, case) == []
    for pieces in arrivals(case):  # where a stream was asked
        assert read(GEMINI, pieces) == whole


KINDS: dict[str, type[PenstockError]] = {
    "INVALID_ARGUMENT": errors.InvalidRequest,
    "NOT_FOUND": errors.UnknownModel,
    "RESOURCE_EXHAUSTED": errors.RateLimited,
}


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, body = case["expected"], recorded.body(case)
    error = GEMINI.decode_error(case["response"]["status"], body)
    bad_key = b"API_KEY_INVALID" in body
    assert type(error) is (errors.Unauthorized if bad_key else KINDS[expected["type"]])
    assert (error.message, error.type) == (expected["message"], expected["type"])
    assert (error.code, error.param) == (str(expected["code"]), expected["param"])
    assert error.status == expected["status"]
    assert (error.retry_after is not None) == (b"retryDelay" in body)


@recorded.each(MALFORMED)
def test_reasons_as_numbers_which_the_sdk_cannot_read_are_read(case: recorded.Case) -> None:
    body = recorded.body(case)
    whole = read(GEMINI, body)
    assert whole.finish
    assert whole.finish.raw_reason in ("STOP", "MAX_TOKENS")
    assert whole.finish.reason in ("stop", "length", "tool_calls")
    assert read(GEMINI, by(body, 1)) == whole
    assert outcome_of(GEMINI.decode_response(body)) == whole


def end_of(case: recorded.Case) -> int:
    """Where the end of a stream is first seen: an array's own, else the chunk with a reason."""
    body = recorded.body(case)
    if case["framing"] == "json-array":
        return body.rindex(b"]") + 1
    found = body.find(b'"finishReason"')
    found = found if found >= 0 else body.index(b'"blockReason"')
    return body.index(b"\r\n", found) if b"\r\n" in body[found:] else len(body.rstrip())


@pytest.mark.slow
@recorded.each(STREAMS)
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """Cut at many places before its end; without
    an end of the body's own, anywhere."""
    body = recorded.body(case)
    whole = read(GEMINI, body)
    for end, delimiteds in ((end_of(case), (True, False)), (len(body), (False,))):
        if case["framing"] == "json-array" and end == len(body):
            continue
        spread = places(end)
        decoder, fed = GEMINI.decoder(), 0
        said = list(whole.events[:0])
        for cut in sorted(spread):
            outcome = outcome_of(decoder.feed(body[fed:cut]))
            fed = cut
            said.extend(outcome.events)
            assert not outcome.failure
            assert whole.events[: len(said)] == tuple(said)
            for delimited in delimiteds:
                at_end = read(copy.deepcopy(decoder), b"", delimited)
                assert at_end.error in (EmptyStream, StreamTruncated)
                assert not at_end.finish


@pytest.mark.slow
@recorded.each(WHOLES)
def test_a_recorded_answer_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    body = recorded.body(case).rstrip()
    for cut in {len(body) * n // 30 for n in range(30)} | {len(body) - 1, len(body) - 2}:
        outcome = outcome_of(GEMINI.decode_response(body[:cut]))
        assert outcome.error in (EmptyStream, UnexpectedAnswer)
        assert not outcome.finish
        assert not read(GEMINI, by(body[:cut], 997)).finish


def told(events: Iterable[Any], request: ChatRequest) -> bytes:
    encoder = GEMINI.encoder(request)
    return b"".join(map(encoder.encode, events)) + encoder.close()


@recorded.each(ANSWERS + MALFORMED)
def test_a_recorded_answer_is_the_same_when_it_is_told_again(case: recorded.Case) -> None:
    heard = read(GEMINI, recorded.body(case)).merged()
    for request in (ChatRequest(), ARRAY):
        assert read(GEMINI, told(heard.events, request)).merged() == heard
    again = json.loads(json.dumps(GEMINI.encode_response(heard.reply)))
    reply = outcome_of(GEMINI.decode_response(json.dumps(again).encode())).reply
    assert reply == heard.reply
    if not case["stream"] and case in ANSWERS:
        assert without_blanks(again) == without_blanks(json.loads(recorded.body(case)))


def without_blanks(value: Any) -> Any:
    """Without what says nothing, and with neighbouring texts as one."""
    if isinstance(value, list):
        return [without_blanks(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_blanks(item) for key, item in value.items()}
    if "candidates" in kept:  # the waist carries one
        kept["candidates"] = kept["candidates"][:1]
    for key, blank in (("index", 0), ("role", "model")):
        if kept.get(key) == blank:
            del kept[key]
    if call_ids.is_made(str(kept.get("id"))):  # said where the answer has no id to make it of
        del kept["id"]
    if "parts" in kept:
        kept["parts"] = merged(kept["parts"])
    return {
        key: item
        for key, item in kept.items()
        if (key, item) not in (("parts", []), ("content", {}))
    }


def merged(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    for part in parts:
        plain = part.keys() <= {"text", "thought"}
        if plain and not part.get("text"):
            continue
        if plain and said and said[-1].keys() == part.keys():
            said[-1] = {**part, "text": said[-1]["text"] + part["text"]}
        else:
            said.append(part)
    return said


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(CASES) == 236
    assert (len(STREAMS), len(WHOLES), len(REFUSED)) == (87, 138, 11)
    assert len(MALFORMED) == 13
