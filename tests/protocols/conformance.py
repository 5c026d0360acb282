"""Agreement with the vendors' own SDKs on recorded traffic, column by column."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from penstock.errors import PenstockError, error_for_status
from penstock.events import Reply
from penstock.protocols import Protocol, call_ids, shelf
from penstock.types import ReasoningPart, ToolCallPart
from protocols import recorded
from protocols.facts import value
from protocols.reading import Outcome, outcome_of, read, sliced

COLUMNS = ("text", "reasoning", "tool calls", "finish", "usage", "errors")
PROTOCOLS = (
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "gemini_generate",
    "mistral_chat",
    "cohere_v2_chat",
    "ollama_chat",
    "bedrock_converse",
)
NUMBERS = ("input", "output", "total", "cached_input", "cache_write", "reasoning")

ORACLE_IS_WRONG: dict[str, str] = {}
"""Case id -> why the recorded reading is not what the bytes say."""


def protocol_of(case: recorded.Case) -> Protocol:
    """The protocol that a case was recorded in, by its plain name: no dialect of its provider."""
    return shelf.find()[case["protocol"]]()


def disagreements(case: recorded.Case, splits: int, chance: random.Random) -> Iterator[str]:
    """The columns, of those that the case is about, in which we read otherwise than the SDK."""
    protocol, body = protocol_of(case), recorded.body(case)
    if case["expected"]["outcome"] == "error":
        if not _same_failure(protocol, case, body):
            yield "errors"
        return
    whole = outcome_of(protocol.decode_response(body))
    yield from _differences(whole, case)
    for _ in range(splits):
        cuts = chance.choices(range(len(body) + 1), k=chance.randint(1, 12))
        if case["stream"] and read(protocol, sliced(body, cuts)).merged() != whole.merged():
            yield f"split at {sorted(cuts)}"


def columns(case: recorded.Case) -> tuple[str, ...]:
    """The columns that a case says anything about."""
    outcome = case["expected"]["outcome"]
    if outcome in ("error", "error_in_200"):
        return ("errors",)
    return COLUMNS if outcome == "stream_error" else COLUMNS[:-1]


def _same_failure(protocol: Protocol, case: recorded.Case, body: bytes) -> bool:
    """The class that the status stands for, or a narrower one, and the service's own words."""
    response, expected = case["response"], case["expected"]
    error = protocol.decode_error(response["status"], body, "", response.get("headers") or {})
    said = expected.get("message") or (expected.get("error") or {}).get("message")
    is_said = not said or said in error.message or error.message in said
    is_fair = _is_fair(type(error), response["status"])
    return error.status == response["status"] and is_fair and is_said


def _is_fair(kind: type[PenstockError], status: int) -> bool:
    """Whether an error blames whom the status blames; a service may say it more exactly."""
    usual = error_for_status(status)
    return issubclass(kind, usual) or kind.retryable == usual.retryable


def _differences(outcome: Outcome, case: recorded.Case) -> Iterator[str]:
    expected = case["expected"]
    failed = expected["outcome"] != "message"
    if failed != (outcome.failure is not None) or (
        outcome.failure and _message(expected) not in outcome.failure[1]
    ):
        yield "errors"
    if expected["outcome"] != "error_in_200":
        reply = outcome.reply
        yield from (name for name, ours, theirs in _facts(reply, expected, case) if ours != theirs)


def _message(expected: dict[str, Any]) -> str:
    return str((expected.get("error") or {}).get("message") or "")


def _facts(
    reply: Reply, expected: dict[str, Any], case: recorded.Case
) -> Iterator[tuple[str, object, object]]:
    """Column, what we read, what the SDK read."""
    yield "text", *_text(reply, expected)
    yield "text", reply.refusal, expected.get("refusal") or ""
    yield "reasoning", *_reasoning(reply, expected)
    yield "tool calls", *_calls(reply, expected, recorded.body(case))
    if reply.finish is not None:
        yield "finish", reply.finish.raw_reason, _finish_reason(expected)
        yield "usage", *_numbers(reply, expected)


def _text(reply: Reply, expected: dict[str, Any]) -> tuple[str, str]:
    """The text. Bedrock's stands in citation blocks too, which the recorded reading leaves out."""
    theirs = expected["text"] or ""
    if "citationsContent" in expected.get("items", ()):
        return (theirs if theirs in reply.text else reply.text), theirs
    return reply.text, theirs


def _reasoning(reply: Reply, expected: dict[str, Any]) -> tuple[str, str]:
    """What the SDK calls reasoning, or raw reasoning where there is no other, or Cohere's plan;
    its reading of OpenAI Responses puts blank lines between the items."""
    plan = expected.get("tool_plan") or ""
    theirs = plan + (expected.get("reasoning") or expected.get("reasoning_raw") or "")
    parts = [p.text for p in reply.message.content if isinstance(p, ReasoningPart) and p.text]
    return ("\n\n" if "\n\n".join(parts) == theirs else "").join(parts), theirs


def _finish_reason(expected: dict[str, Any]) -> str | None:
    reason = expected["finish_reason"]
    return None if reason is None else str(reason)


def _calls(reply: Reply, expected: dict[str, Any], body: bytes) -> tuple[object, object]:
    theirs = [*expected["tool_calls"]]
    if legacy := expected.get("function_call"):
        theirs.append({"name": legacy["name"], "arguments_raw": legacy["arguments"]})
    ran = set(_ran_by_the_service(reply))
    theirs = [call for call in theirs if call.get("id") not in ran]
    ours = [
        (_id(call, their.get("id"), body), call.name, value(call.arguments))
        for call, their in zip(reply.tool_calls, [*theirs, *[{}] * 99], strict=False)
    ]
    return ours, [(c.get("id") or "", c["name"], _arguments(c)) for c in theirs]


def _ran_by_the_service(reply: Reply) -> Iterator[str]:
    """Ids of tools that Bedrock ran itself, which the recorded reading counts as the caller's."""
    for part in reply.message.content:
        kept = getattr(part, "metadata", None) or {}
        block = kept.get("bedrock_converse", {}).get("block", {})
        if use := block.get("toolUse"):
            yield use["toolUseId"]


def _id(call: ToolCallPart, theirs: str | None, body: bytes) -> str:
    """A call's id; none where the SDK knows none and we made it, or read one it drops (Ollama)."""
    ours_alone = call_ids.is_made(call.id) or call.id.encode() in body
    return "" if not theirs and ours_alone else call.id


def _arguments(call: dict[str, Any]) -> object:
    raw = call.get("arguments_raw", call.get("input"))
    return value(raw) if isinstance(raw, str) else call.get("arguments") or {}


def _numbers(
    reply: Reply, expected: dict[str, Any]
) -> tuple[dict[str, int | None], dict[str, int | None]]:
    """Ours and theirs; a number that the SDK has under its own name alone is theirs too."""
    said, native = expected["usage"] or {}, set(_values(expected.get("usage_native")))
    ours = {name: getattr(reply.usage, name, None) for name in NUMBERS}
    theirs = {name: None if said.get(name) is None else int(said[name]) for name in NUMBERS}
    for name, number in ours.items():
        if theirs[name] is None and number in native:
            theirs[name] = number
    return ours, theirs


def _values(native: Any) -> Iterator[float]:
    if isinstance(native, dict):
        for each in native.values():
            yield from _values(each)
    elif isinstance(native, int | float):
        yield native


def malformed(case: recorded.Case, splits: int, chance: random.Random) -> Iterator[str]:
    """What is wrong with our reading of what the SDK cannot read; an exception that is not ours
    comes through as it is."""
    protocol, body = protocol_of(case), recorded.body(case)
    whole = read(protocol, body)
    if whole.failure is None and whole.finish is None:
        yield "neither an end nor an error"
    for _ in range(splits):
        cuts = chance.choices(range(len(body) + 1), k=chance.randint(1, 12))
        if read(protocol, sliced(body, cuts)).merged() != whole.merged():
            yield f"split at {sorted(cuts)}"
    outcome_of(protocol.decode_response(body))


def dump(case: recorded.Case) -> str:
    """What we read, and what the SDK read, for a person to compare."""
    outcome = outcome_of(protocol_of(case).decode_response(recorded.body(case)))
    if case["expected"]["outcome"] == "error":
        return json.dumps(case["expected"], ensure_ascii=False)
    facts = [f for f in _facts(outcome.reply, case["expected"], case) if f[1] != f[2]]
    return f"{outcome.failure} " + "\n   ".join(map(str, facts))
