"""Recorded questions, said in every other protocol: what is dropped is what is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.protocols import Protocol, json, loss, shelf
from penstock.types import ChatRequest
from protocols import recorded

FOUND = shelf.find()
PROTOCOLS = {name: kind() for name, kind in FOUND.items() if name != "chatbot_ui"}
BASES = [name for name, protocol in PROTOCOLS.items() if protocol.family == name]
RECORDED = [*BASES, "mistral_chat"]
PAIRS = [(a, b) for a in RECORDED for b in BASES if PROTOCOLS[a].family != b]
each_pair = pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])

SAID_OTHERWISE = {
    "cache": ["cache"],
    "reasoning": ["reasoning.unsigned"],
    "reasoning.signature": ["reasoning.unsigned"],
    "reasoning_budget": ["reasoning_effort", "reasoning_budget"],
    "reasoning_effort": ["reasoning_budget", "reasoning_effort"],
    "refusal": [],
    "system.amid": ["system"],
    "tool_choice.name": ["tool_choice.required"],
    "tool_result.file": ["file.data", "file.id", "file.url", "audio"],
    "tool_result.image": ["image.data", "image.url"],
}
"""What counts as lost but is said as well as can be, and as what it is read again."""

ADDED = {
    "anthropic_messages": {"max_tokens"},
    "bedrock_converse": {"tools"},  # those that were called before
}
"""What a protocol wants said though the caller did not."""


def asked(protocol: Protocol, case: recorded.Case) -> ChatRequest:
    return protocol.decode_request(protocol.with_path(case["json"], case["url_path"]))


def told(protocol: Protocol, request: ChatRequest) -> dict[str, Any]:
    """The body as the service gets it, with what its path says."""
    body = json.loads(json.encode(protocol.encode_request(request)))
    return protocol.with_path(body, protocol.locate(request.model or "m", request.stream))


def told_of(one: str, other: str) -> Iterator[tuple[recorded.Case, ChatRequest, dict[str, Any]]]:
    """The recorded questions and what the other is told; without those that it can be told
    nothing of (sound alone), and says so."""
    for case in recorded.requests(one):
        request = asked(PROTOCOLS[one], case)
        try:
            body = told(PROTOCOLS[other], request)
        except InvalidRequest:
            assert PROTOCOLS[other].loss(request), case["id"]
        else:
            yield case, request, body


def thoughts_aside(features: Iterable[str]) -> set[str]:
    """No thinking is an effort to one and a budget of nothing to another: the same wish."""
    return {"thinking" if name.startswith("reasoning_") else name for name in features}


@each_pair
def test_what_a_recorded_question_loses_is_what_is_declared(one: str, other: str) -> None:
    second = PROTOCOLS[other]
    wrong = []
    for case, request, body in told_of(one, other):
        lost = set(second.loss(request))
        said = set(loss.asked(request, second.family))
        kept = set(loss.asked(second.decode_request(body), second.family))
        excused = lost & set(SAID_OTHERWISE)
        instead = {name for feature in excused for name in SAID_OTHERWISE[feature]}
        instead |= {"reasoning.unsigned"} if "reasoning.signature" in lost else set()
        if "reasoning.signature" in lost and "reasoning.unsigned" in kept:
            said = {"reasoning.unsigned" if name == "reasoning" else name for name in said}
        gone = thoughts_aside(said - lost) - thoughts_aside(kept)
        both = (lost & kept) - excused
        new = thoughts_aside(kept - ADDED.get(other, set()) - instead) - thoughts_aside(said)
        wrong += [f"{case['id']}: gone {gone}, lost and kept {both}, new {new}"] * bool(
            gone or both or new
        )
    assert not wrong, "\n".join(wrong)


@each_pair
def test_settings_keep_their_values(one: str, other: str) -> None:
    second = PROTOCOLS[other]
    for case, request, body in told_of(one, other):
        again = second.decode_request(body)
        for name in ("temperature", "top_p", "top_k", "seed", "stop", "tool_choice"):
            ours, theirs = getattr(again, name), getattr(request, name)
            if ours not in (None, "auto") and f"{name}.name" not in second.loss(request):
                assert ours == theirs, (case["id"], name)
        if request.max_tokens is not None and "max_tokens" not in second.loss(request):
            assert again.max_tokens == request.max_tokens
        assert again.stream == request.stream, case["id"]


summarized = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate")
summarize = recorded.module("request_summary").summarize

LOSES = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "seed": ("seed",),
    "n": ("extra.n",),
    "stop": ("stop",),
    "top_k": ("top_k",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "tool_choice": ("tool_choice.", "extra.toolConfig"),
    "output_format": ("response_format.",),
    "other_tools": ("tools.",),
}
"""A field of the neutral summary, and the loss that excuses it."""


@pytest.mark.parametrize(
    ("one", "other"), [(a, b) for a in summarized for b in summarized if a != b]
)
def test_neutral_summaries_agree_on_what_both_can_say(one: str, other: str) -> None:
    second = PROTOCOLS[other]
    wrong = []
    for case, request, body in told_of(one, other):
        lost = second.loss(request)
        found = list(differences(case["summary"], summarize(other, body), lost))
        wrong += [f"{case['id']} (loses {lost}): {found}"] * bool(found)
    assert not wrong, "\n".join(wrong)


def differences(
    before: dict[str, Any], after: dict[str, Any], lost: tuple[str, ...]
) -> Iterator[str]:
    for name in ("system", "tools", *LOSES):
        excused = any(what.startswith(LOSES.get(name, ())) for what in lost) and name in LOSES
        ours, theirs = simple(name, after.get(name)), simple(name, before.get(name))
        if ours != theirs and not excused and not (name == "system" and "system.amid" in lost):
            yield f"{name}: {ours!r}, not {theirs!r}"
    said, meant = words(after), words(before)
    if said != meant and not {"system.amid", "refusal"} & set(lost):
        yield f"turns: {said}, not {meant}"


def simple(name: str, value: Any) -> Any:
    """A field without what is a matter of form."""
    if name == "output_format" and isinstance(value, dict):
        return value["properties"]  # not every protocol names its schema
    if name == "parallel_tool_calls" and value is True:
        return None  # they may anyway
    if name == "tool_choice" and value == "auto":
        return None
    if name == "n" and value == 1:
        return None
    return value


def words(summary: dict[str, Any]) -> list[Any]:
    """What is said in each turn: the text, the calls and the results."""
    said: list[Any] = []
    for turn in summary["turns"]:
        said += [("call", call["name"], call["arguments"] or {}) for call in turn["tool_calls"]]
        said += [("result",) for _ in turn["tool_results"]]
        if turn["text"].strip():
            said.append((turn["role"] == "assistant", turn["text"].strip()))
    return sorted(said, key=repr)
