"""Recorded traffic of each service reads, in its dialect, as its SDK read it; requests keep their
meaning."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.errors import InvalidRequest, Unauthorized
from penstock.events import Reply
from penstock.protocols.openai_chat.dialects.deepseek import DeepSeek
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.protocols.openai_chat.dialects.groq import Groq
from penstock.protocols.openai_chat.dialects.llamacpp import LlamaCpp
from penstock.protocols.openai_chat.dialects.mistral import Mistral
from penstock.protocols.openai_chat.dialects.openrouter import OpenRouter
from penstock.protocols.openai_chat.dialects.vllm import VLLM
from penstock.protocols.openai_chat.dialects.xai import XAI
from penstock.types import ReasoningPart
from protocols import recorded
from protocols.reading import outcome_of, places, read
from protocols.test_corpus import arrivals, differences, finish_event
from protocols.vendor_sdk import ASKED

DIALECTS: dict[str, Dialect] = {
    "mistral": Mistral(),
    "openrouter": OpenRouter(),
    "deepseek": DeepSeek(),
    "xai": XAI(),
    "groq": Groq(),
    "vllm": VLLM(),
    "llamacpp": LlamaCpp(),
}
CASES = [
    case
    for protocol in ("mistral_chat", "openai_chat")
    for case in recorded.answers(protocol)
    if case["provider"] in DIALECTS
]
ANSWERS = [case for case in CASES if case["expected"]["outcome"] != "error"]
STREAMS = [case for case in ANSWERS if case["stream"]]
REFUSED = [case for case in CASES if case["expected"]["outcome"] == "error"]
ACCEPTED = [case for case in CASES if case["request"] and case["response"]["status"] < 400]
MISTRAL = DIALECTS["mistral"]
SUMMARIZE = recorded.module("request_summary").summarize


def dialect(case: recorded.Case) -> Dialect:
    return DIALECTS[case["provider"]]


@recorded.each(ANSWERS)
def test_a_recorded_answer_reads_as_the_sdk_read_it_however_it_arrives(
    case: recorded.Case,
) -> None:
    chat, body = dialect(case), recorded.body(case)
    whole = outcome_of(chat.decode_response(body))
    assert list(differences(whole, case)) == []
    for pieces in arrivals(case):
        assert read(chat, pieces) == whole


@recorded.each([case for case in ANSWERS if case["expected"]["outcome"] == "message"])
def test_a_recorded_answer_is_the_same_when_it_is_told_again(case: recorded.Case) -> None:
    chat = dialect(case)
    reply = outcome_of(chat.decode_response(recorded.body(case))).reply
    whole = json.dumps(chat.encode_response(reply)).encode()
    assert told(outcome_of(chat.decode_response(whole)).reply) == told(reply)
    events = outcome_of(chat.decode_response(recorded.body(case))).events
    encoder = chat.encoder(ASKED)
    stream = b"".join(map(encoder.encode, events)) + encoder.close()
    assert told(read(chat, stream).reply) == told(reply)


def told(reply: Reply) -> tuple[object, ...]:
    """What a caller can tell apart: a whole answer has one place for all text."""
    reasons = [part for part in reply.message.content if isinstance(part, ReasoningPart)]
    items = [item for part in reasons for item in details(part)]
    calls = [(call.id, call.name, call.arguments or "{}") for call in reply.tool_calls]
    finish = reply.finish
    assert finish
    return reply.id, reply.text, reply.reasoning, items, calls, finish.raw_reason, finish.usage


def details(part: ReasoningPart) -> list[Any]:
    kept = (part.metadata or {}).get("openai_chat", {})
    return list(kept.get("reasoning_details", ()))


@recorded.each([case for case in ANSWERS if case["expected"]["outcome"] == "message"])
def test_usage_counts_reasoning_where_the_service_does(case: recorded.Case) -> None:
    usage = outcome_of(dialect(case).decode_response(recorded.body(case))).reply.usage
    assert usage is None or usage.reasoning_apart is (case["provider"] == "xai")
    if usage and case["provider"] == "xai":
        assert usage.input is not None
        assert usage.output is not None
        assert usage.total == usage.input + usage.output + (usage.reasoning or 0)


@recorded.each(REFUSED)
def test_a_recorded_refusal_reads_as_the_sdk_read_it(case: recorded.Case) -> None:
    expected, status = case["expected"], case["response"]["status"]
    error = dialect(case).decode_error(status, recorded.body(case))
    code = None if expected["code"] is None else str(expected["code"])
    assert (error.type, error.code, error.param) == (expected["type"], code, expected["param"])
    assert error.status == status
    assert expected["message"] in (None, error.message)
    if case["provider"] == "mistral":
        assert isinstance(error, Unauthorized if status == 401 else InvalidRequest)


@pytest.mark.slow
@recorded.each([case for case in STREAMS if case["provider"] in ("mistral", "openrouter")])
def test_a_recorded_stream_that_was_cut_never_ends_well(case: recorded.Case) -> None:
    """The two dialects that read in a way of their own; the rest read as the base does."""
    body = recorded.body(case)
    finished, done = finish_event(body), len(body) + 1
    if b"\ndata: [DONE]" in body:
        done = body.rindex(b"\ndata: [DONE]") + len(b"\ndata: [DONE]")
    decoder, fed = dialect(case).decoder(), 0
    for cut in places(len(body)):
        assert not outcome_of(decoder.feed(body[fed:cut])).failure
        fed = cut
        for delimited, end in ((True, finished), (False, done)):
            at_end = read(copy.deepcopy(decoder), b"", delimited)
            assert at_end.finish or at_end.error
            assert not at_end.finish or cut >= end


@recorded.each(ACCEPTED)
def test_a_recorded_request_keeps_its_meaning(case: recorded.Case) -> None:
    body, chat = case["request"]["json"], dialect(case)
    assert meaning(again(chat, body)) == meaning(body)


def test_the_recorded_requests_of_mistral_say_the_same_in_few_words() -> None:
    requests = recorded.requests("mistral_chat")
    assert len(requests) == 15
    for case in requests:
        body = without_ids(again(MISTRAL, case["json"]))
        assert meaning(body) == meaning(case["json"])
        assert SUMMARIZE("mistral_chat", body) == without_ids(case["summary"]), case["id"]


def again(chat: Dialect, body: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(json.dumps(chat.encode_request(chat.decode_request(body))))
    return written


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling, and those of the service: an effort in either place,
    the format of a sound, empty reasoning, ids that the recorder replaced."""
    said: dict[str, Any] = without_blanks(without_ids(body))
    said.pop("stream_options", None)
    if said.get("stream") is False:
        del said["stream"]
    if "reasoning_effort" in said:
        said["reasoning"] = {"effort": said.pop("reasoning_effort"), **said.get("reasoning", {})}
    said["messages"] = [message_meaning(message) for message in said["messages"]]
    said["tools"] = [{"type": "function", **tool} for tool in said.get("tools", ())]
    return said


def message_meaning(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    parts = [part_meaning(part) for part in content or ()]
    rest = {key: item for key, item in message.items() if (key, item) != ("reasoning_content", "")}
    return {**rest, "content": parts}


def part_meaning(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("image_url"), str):
        return {**part, "image_url": {"url": part["image_url"]}}
    if isinstance(part.get("input_audio"), dict):
        return {**part, "input_audio": {"data": part["input_audio"]["data"]}}
    if isinstance(part.get("input_audio"), str):
        return {**part, "input_audio": {"data": part["input_audio"]}}
    return part


def without_blanks(value: Any) -> Any:
    if isinstance(value, dict):
        items = ((key, without_blanks(item)) for key, item in value.items())
        return {key: item for key, item in items if item is not None and item != []}
    return [without_blanks(item) for item in value] if isinstance(value, list) else value


_ID = re.compile(r"call_REDACTED_\d+|[a-zA-Z0-9]{9}")


def without_ids(value: Any) -> Any:
    """With ids of calls numbered in the order in which they are said."""
    known: dict[str, str] = {}

    def number(inner: Any, key: str = "") -> Any:
        if isinstance(inner, dict):
            return {name: number(item, name) for name, item in sorted(inner.items())}
        if isinstance(inner, list):
            return [number(item, key) for item in inner]
        if isinstance(inner, str) and key in ("id", "tool_call_id") and _ID.fullmatch(inner):
            return known.setdefault(inner, f"id {len(known)}")
        return inner

    return number(value)


def providers(cases: list[recorded.Case]) -> Iterator[str]:
    yield from sorted({case["provider"] for case in cases})


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert list(providers(ANSWERS)) == sorted(DIALECTS)
    assert len([case for case in CASES if case["provider"] == "mistral"]) == 132
    assert len(ANSWERS) == 539
    assert len(ACCEPTED) > 500
