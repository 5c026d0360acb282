"""Recorded traffic decodes to what Cohere's own SDK read from the same bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from penstock.errors import (
    EmptyStream,
    InvalidRequest,
    PenstockError,
    StreamFailed,
    StreamTruncated,
    Unauthorized,
    UnexpectedAnswer,
    UnknownModel,
)
from penstock.events import Event, Finish, Reply
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.cohere_v2_chat.plan import is_plan
from penstock.protocols.cohere_v2_chat.usage import encode_usage
from penstock.types import ChatRequest, ReasoningPart, TextPart, ToolCallPart
from protocols import recorded
from protocols.reading import Outcome, outcome_of, places, read

CHAT = CohereChat()
NAME = "cohere_v2_chat"

CASES = recorded.answers(NAME)
ANSWERS = [case for case in CASES if case["expected"]["outcome"] == "message"]
STREAMS = [case for case in ANSWERS if case["stream"]]
WHOLES = [case for case in ANSWERS if not case["stream"]]
FAILED = [case for case in CASES if case["expected"]["outcome"] == "stream_error"]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]

KINDS: dict[int, type[PenstockError]] = {401: Unauthorized, 400: InvalidRequest, 404: UnknownModel}


def answer_facts(reply: Reply, expected: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Each fact of an answer: its name, what we read, what the SDK read."""
    finish, usage = reply.finish or Finish(), reply.usage
    said = expected["usage"] or {}
    yield "text", reply.text, expected["text"]
    yield "reasoning", reasoning(reply, plan=False), expected.get("reasoning") or ""
    yield "tool plan", reasoning(reply, plan=True), expected.get("tool_plan") or ""
    yield "tool calls", calls(reply), [expected_call(call) for call in expected["tool_calls"]]
    yield "finish reason", finish.raw_reason, expected["finish_reason"]
    yield "input", usage and usage.input, said.get("input")
    yield "output", usage and usage.output, said.get("output")
    yield "cached", usage and usage.cached_input, said.get("cached_input")
    yield "all usage", encode_usage(usage), expected["usage_native"] or {}
    yield "citations", citations(reply), expected.get("citations_n", 0)
    yield "kinds", kinds(reply), [kind for kind in expected.get("items", ()) if kind]


def reasoning(reply: Reply, plan: bool) -> str:
    parts = (part for part in reply.message.content if isinstance(part, ReasoningPart))
    return "".join(part.text for part in parts if is_plan(part.metadata) is plan)


def calls(reply: Reply) -> list[tuple[str, str, object]]:
    return [(call.id, call.name, json.loads(call.arguments or "{}")) for call in reply.tool_calls]


def expected_call(call: dict[str, Any]) -> tuple[str, str, object]:
    return call["id"], call["name"], json.loads(call["arguments_raw"] or "{}")


def citations(reply: Reply) -> int:
    parts = (part for part in reply.message.content if isinstance(part, TextPart))
    return sum(len((part.metadata or {}).get(NAME, {}).get("citations", ())) for part in parts)


def kinds(reply: Reply) -> list[str]:
    """What each content block was on the wire."""
    return [
        "text" if isinstance(part, TextPart) else "thinking"
        for part in reply.message.content
        if isinstance(part, TextPart)
        or (isinstance(part, ReasoningPart) and not is_plan(part.metadata))
    ]


def differences(reply: Reply, case: recorded.Case) -> list[str]:
    """What we read otherwise than the SDK did."""
    return [
        f"{name}: {ours!r}, but the SDK read {theirs!r}"
        for name, ours, theirs in answer_facts(reply, case["expected"])
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
    assert not whole.failure
    assert differences(whole.reply, case) == []
    assert outcome_of(CHAT.decode_response(recorded.body(case))) == whole
    for pieces in arrivals(case):
        assert read(CHAT, pieces) == whole


@recorded.each(FAILED)
def test_a_recorded_stream_that_failed_says_why_after_what_was_said(case: recorded.Case) -> None:
    whole = read(CHAT, recorded.body(case))
    assert whole.failure
    message = case["expected"]["error"]["message"]
    assert whole.failure[:3] == (StreamFailed, message, "INVALID_TOOL_GENERATION")
    assert reasoning(whole.reply, plan=True) == case["expected"]["tool_plan"]
    for pieces in arrivals(case):
        assert read(CHAT, pieces) == whole


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    """What Cohere calls ``error_type`` has no place in the SDK."""
    expected, status = case["expected"], case["response"]["status"]
    body = json.loads(recorded.body(case))
    error = CHAT.decode_error(status, recorded.body(case))
    assert (error.message, error.code, error.param) == (expected["message"], None, None)
    assert (error.status, type(error)) == (status, KINDS[status])
    assert (error.request_id, error.type) == (body["id"], body.get("error_type"))
    assert CHAT.encode_error(error) == (status, body)


@recorded.each(STREAMS + FAILED)
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
    assert merged(read(CHAT, streamed)) == merged(told)
    whole = json.dumps(CHAT.encode_response(told.reply)).encode()
    again = outcome_of(CHAT.decode_response(whole))
    assert with_arguments(again.reply) == with_arguments(told.reply)
    if not case["stream"]:
        assert without_blanks(json.loads(whole)) == without_blanks(json.loads(recorded.body(case)))


def merged(outcome: Outcome) -> tuple[object, ...]:
    """The reply: a whole answer's citations come together, a stream's one by one."""
    return outcome.failure, outcome.reply


def with_arguments(reply: Reply) -> Reply:
    """A stream says nothing where a whole answer says that there are no arguments."""
    parts = tuple(
        replace(part, arguments=part.arguments or "{}") if isinstance(part, ToolCallPart) else part
        for part in reply.message.content
    )
    return replace(reply, message=replace(reply.message, content=parts))


def without_blanks(value: Any) -> Any:
    """Without what says nothing: no calls, no citations, no arguments."""
    if isinstance(value, dict):
        kept = {key: without_blanks(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", [])}
    return [without_blanks(item) for item in value] if isinstance(value, list) else value


def test_a_recorded_stream_is_written_as_cohere_wrote_it() -> None:
    """The same events with the same data, the order of keys aside."""
    for case in STREAMS:
        body = recorded.body(case)
        encoder = CHAT.encoder(ChatRequest())
        written = b"".join(map(encoder.encode, read(CHAT, body).events)) + encoder.close()
        assert list(frames(written)) == list(frames(body)), case["id"]


def frames(body: bytes) -> Iterator[tuple[str, object]]:
    for frame in body.decode().strip().split("\n\n"):
        named, _, data = frame.rpartition("data: ")
        yield named, "[DONE]" if data == "[DONE]" else without_blanks(json.loads(data))


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(CASES) == 84
    assert (len(STREAMS), len(WHOLES), len(FAILED), len(REFUSED)) == (20, 59, 2, 3)
    assert recorded.malformed(NAME) == []
