"""Signatures are said back to who signed, and carried by who cannot read them."""

from __future__ import annotations

from penstock.events import ReasoningDelta, Reply, TextDelta
from penstock.protocols import signatures
from penstock.types import SIGNED, ChatRequest, Message, ReasoningPart, TextPart

CLAUDE = ReasoningDelta("Hm", 0, "seal", {SIGNED: "anthropic_messages"})
TEXT = TextPart("Hi")


def asked(*parts: ReasoningPart) -> ChatRequest:
    return ChatRequest(messages=(Message("assistant", (*parts, TEXT)),))


def test_an_event_with_a_signature_says_whose_it_is() -> None:
    plain = ReasoningDelta("Hm", 0)
    assert signatures.signed(plain, "x") is plain
    assert signatures.signed(TextDelta("a"), "x") == TextDelta("a")
    said = signatures.signed(ReasoningDelta("", 0, "seal", {"x": {"a": 1}}), "x")
    assert isinstance(said, ReasoningDelta)
    assert said.metadata == {"x": {"a": 1}, SIGNED: "x"}


def test_a_foreign_signature_is_left_out_and_named() -> None:
    ours, theirs = ReasoningPart("a", "1", {SIGNED: "x"}), ReasoningPart("b", "2", {SIGNED: "y"})
    nobody = ReasoningPart("c", "3")
    request, lost = signatures.own(asked(ours, theirs, nobody), "x")
    assert lost == ("reasoning.signature",)
    assert [p.signature for p in request.messages[0].content[:3]] == ["1", "", "3"]  # type: ignore[union-attr]
    assert signatures.own(asked(ours, nobody), "x") == (asked(ours, nobody), ())


def test_a_caller_carries_a_foreign_signature_and_brings_it_back() -> None:
    told = signatures.wrap(CLAUDE, "gemini_generate")
    assert isinstance(told, ReasoningDelta)
    assert told.signature == "penstock-anthropic_messages-seal"
    back = signatures.unwrap(asked(ReasoningPart("Hm", told.signature)))
    assert back == asked(ReasoningPart("Hm", "seal", {SIGNED: "anthropic_messages"}))
    assert signatures.wrap(CLAUDE, "anthropic_messages") is CLAUDE
    untouched = asked(ReasoningPart("Hm", "sig"))
    assert signatures.unwrap(untouched) == untouched


def test_a_whole_answer_is_carried_alike() -> None:
    parts = (ReasoningPart("Hm", "seal", {SIGNED: "y"}), TEXT)
    reply = Reply("", "", Message("assistant", parts), None)
    (thought, _) = signatures.wrap_reply(reply, "x").message.content
    assert isinstance(thought, ReasoningPart)
    assert thought.signature == "penstock-y-seal"
    assert signatures.wrap_reply(reply, "y") == reply
