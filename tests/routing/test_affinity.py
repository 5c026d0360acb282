"""A conversation keeps its key while it grows, and its target while there is one; the laws of
rendezvous hashing; and how much of a pool's caches is hit."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.protocols.openai_chat.request_decode import decode_request
from penstock.routing.affinity import conversation, turn
from penstock.types import (
    CACHE,
    ChatRequest,
    ImagePart,
    Message,
    OpaquePart,
    TextPart,
    Tool,
)
from routing.prefix_pool import by_balance, by_knowledge, by_turns, play, pool, spread

NAMES = ["a/m", "b/m", "c/m", "d/m"]
KEYS = st.binary(min_size=16, max_size=16)


def request(*messages: tuple[str, str], **more: Any) -> ChatRequest:
    said = [{"role": role, "content": text} for role, text in messages]
    return decode_request({"model": "m", "messages": said, **more})


BEGUN = request(("system", "Be brief."), ("user", "Hi"))


def first(key: bytes, names: list[str], weights: dict[str, float] | None = None) -> str:
    return min(names, key=lambda name: turn(key, name, (weights or {}).get(name, 1.0)))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text()), max_size=6))
def test_a_conversation_that_grows_keeps_its_key(more: list[tuple[Any, str]]) -> None:
    grown = [Message(role, (TextPart(text),)) for role, text in more]
    assert conversation(replace(BEGUN, messages=(*BEGUN.messages, *grown))) == conversation(BEGUN)


def test_marks_models_and_settings_change_nothing() -> None:
    marked = tuple(
        Message(
            m.role, tuple(TextPart(m.text, {CACHE: {"type": "ephemeral"}}) for _ in "1"), {"x": 1}
        )
        for m in BEGUN.messages
    )
    other = replace(BEGUN, messages=marked, model="other", temperature=0.5, stream=False)
    assert conversation(other) == conversation(BEGUN)


@pytest.mark.parametrize(
    "other",
    [
        request(("system", "Be brief."), ("user", "Hello")),
        request(("system", "Be long."), ("user", "Hi")),
        request(("user", "Be brief."), ("user", "Hi")),
        request(("system", "Be brief."), ("developer", "Please."), ("user", "Hi")),
        replace(BEGUN, tools=(Tool("look"),)),
        replace(BEGUN, messages=(Message("user", (ImagePart(url="https://x.test/a.png"),)),)),
        replace(BEGUN, messages=()),
    ],
)
def test_what_begins_otherwise_is_another_conversation(other: ChatRequest) -> None:
    assert conversation(other) != conversation(BEGUN)


def test_long_texts_are_known_by_their_ends_and_their_length() -> None:
    ends = "a" * 5000, "a" * 4999 + "b", "b" + "a" * 4999, "a" * 5001
    assert len({conversation(request(("user", text))) for text in ends}) == 4


def test_anything_can_be_said() -> None:
    odd = OpaquePart("x", {"y": 1})
    messages = (Message("system", (odd, TextPart("\ud83d"))), Message("user", ()))
    assert len(conversation(ChatRequest(messages=messages))) == 16


def test_every_process_makes_the_same_key_and_the_same_choice() -> None:
    program = (
        "from penstock.routing.affinity import conversation, turn\n"
        "from penstock.types import *\n"
        "r = ChatRequest(messages=(Message('system', (TextPart('Be brief.'),)),"
        " Message('user', (TextPart('Hi'),))))\n"
        "print(conversation(r).hex(), turn(conversation(r), 'a/m', 2.0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    key = conversation(BEGUN)
    assert done.stdout.split() == [key.hex(), str(turn(key, "a/m", 2.0))]


@given(KEYS, st.sampled_from(NAMES))
def test_where_a_target_goes_only_its_own_conversations_move(key: bytes, gone: str) -> None:
    before = first(key, NAMES)
    after = first(key, [name for name in NAMES if name != gone])
    assert after == before or before == gone


@given(KEYS)
def test_where_a_target_comes_conversations_move_to_it_alone(key: bytes) -> None:
    before, after = first(key, NAMES), first(key, [*NAMES, "e/m"])
    assert after in (before, "e/m")


@given(KEYS, st.floats(1.0, 100.0))
def test_a_target_that_gets_heavier_loses_no_conversation(key: bytes, weight: float) -> None:
    if first(key, NAMES) == "a/m":
        assert first(key, NAMES, {"a/m": weight}) == "a/m"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=4, max_size=4), st.integers(0, 2**32))
def test_conversations_come_in_proportion_to_the_weights(weights: list[int], salt: int) -> None:
    given_weights = {name: float(weight) for name, weight in zip(NAMES, weights, strict=True)}
    count = 2000
    keys = [f"{salt} {n}".encode().ljust(16)[-64:] for n in range(count)]
    chosen = [first(key, NAMES, given_weights) for key in keys]
    for name, weight in given_weights.items():
        share = weight / sum(weights)
        deviation = (share * (1 - share) / count) ** 0.5
        assert abs(chosen.count(name) / count - share) < 6 * deviation


def test_nearly_all_is_found_in_the_caches_that_can_be() -> None:
    """200 conversations on four targets: at least 95 % of what one finds who sees into the
    caches, and much more than by turns."""
    best, balance, turns = (play(pool(), way) for way in (by_knowledge, by_balance, by_turns))
    print(f"one who knows {best.rate:.1%}, balance {balance.rate:.1%}, by turns {turns.rate:.1%}")
    assert balance.rate >= 0.95 * best.rate
    assert balance.rate > 1.4 * turns.rate
    assert min(spread(balance.asked, 4)) > len(balance.asked) / 4 / 2
