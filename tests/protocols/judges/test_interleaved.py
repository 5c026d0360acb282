"""Whatever a model may say, in whatever order, the vendors' own SDKs read the same of it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.events import (
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import json
from penstock.types import Usage
from protocols.judges.judging import JUDGES, differences
from protocols.strategies import texts, words

pytestmark = pytest.mark.slow

_counts = st.none() | st.integers(0, 2**31)
_usages = st.none() | st.builds(
    Usage,
    input=_counts,
    output=_counts,
    total=_counts,
    cached_input=_counts,
    cache_write=_counts,
    reasoning=_counts,
    cached_apart=st.booleans(),
    reasoning_apart=st.booleans(),
)
_signatures = st.just("") | st.binary(min_size=1, max_size=9).map(
    lambda sealed: urlsafe_b64encode(sealed).decode()
)
_arguments = st.dictionaries(texts, texts | st.integers(0, 9) | st.booleans(), max_size=3)


_kinds = st.sampled_from(["text", "refusal", "reasoning", "call", "call", "call"])


def _pieces(draw: st.DrawFn, text: str) -> list[str]:
    """The text, cut in up to three."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
    edges = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(edges) if start < end]


def _part(draw: st.DrawFn, index: int) -> tuple[list[Event], list[Event]]:
    """What a part says as it begins, and what of it may come later still."""
    kind = draw(_kinds)
    if kind == "call":
        start = ToolCallStart(index, f"{draw(words)}{index}", draw(words))
        said = json.encode(draw(_arguments)).decode() if draw(st.booleans()) else ""
        return [start], [ToolCallDelta(index, piece) for piece in _pieces(draw, said)]
    pieces = _pieces(draw, draw(texts))
    if kind == "reasoning":
        signed = ReasoningDelta("", index, draw(_signatures))
        thoughts: list[Event] = [ReasoningDelta(piece, index) for piece in pieces]
        return [*thoughts, signed] if signed.signature else thoughts, []
    return [TextDelta(piece, index, kind == "refusal") for piece in pieces], []


def _mixed(draw: st.DrawFn, count: int) -> Iterator[Event]:
    """Parts one after the other, amid which the arguments of earlier calls go on."""
    waiting: list[list[Event]] = []
    for index in range(count):
        begun, later = _part(draw, index)
        yield from begun
        waiting = [rest for rest in [*waiting, later] if rest]
        while waiting:
            if draw(st.booleans()):
                break
            yield draw(st.sampled_from(waiting)).pop(0)
            waiting = [rest for rest in waiting if rest]
    while waiting:
        yield draw(st.sampled_from(waiting)).pop(0)
        waiting = [rest for rest in waiting if rest]


@st.composite
def answers(draw: st.DrawFn) -> tuple[Event, ...]:
    """An answer that any protocol can say: interleaved calls, signed reasoning, awkward texts."""
    said = list(_mixed(draw, draw(st.integers(0, 6))))
    reason: Any = draw(st.sampled_from(get_args(FinishReason)))
    raw_reason = "the moon was full" if reason == "unknown" else None
    return Start(draw(words), draw(words)), *said, Finish(reason, raw_reason, draw(_usages))


@pytest.mark.parametrize("name", JUDGES)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_sdk_reads_any_answer(name: str, data: st.DataObject) -> None:
    wrong = list(differences(name, data.draw(answers())))
    assert not wrong, "\n".join(wrong)


_END = Finish("stop")
_CALLS = (
    Start("id", "m"),
    ToolCallStart(0, "a", "first"),
    ToolCallStart(1, "b", "second"),
    ToolCallDelta(1, "{}"),
    TextDelta("Hm", 2),
    ToolCallDelta(0, "{}"),
    TextDelta("Hm", 3),
    Finish("tool_calls"),
)
_SIGNED_TWICE = (
    Start("id", "m"),
    ReasoningDelta("Hm", 0, "AA=="),
    TextDelta("Well", 1),
    ReasoningDelta("Hm", 2, "AA=="),
    _END,
)
_CITED = {"citations": [{"url": "http://a.example"}]}
_CITED_TWICE = (
    Start("id", "m"),
    TextDelta("Hm", 0, metadata=_CITED),
    TextDelta("Hm", 1, metadata=_CITED),
    _END,
)
_SIGNED_IN_PIECES = (
    Start("id", "m"),
    ReasoningDelta("Hm", 0, "AAAA"),
    ReasoningDelta("", 0, "BBBB"),
    _END,
)
_FREE_IN_PIECES = (
    Start("id", "m"),
    ToolCallStart(0, "a", "calculate"),
    ToolCallDelta(0, "4"),
    TextDelta("Hm", 1),
    ToolCallDelta(0, " + 4"),
    Finish("tool_calls"),
)
_SEALED_OTHERWISE = (Start("id", "m"), ReasoningDelta("Hm", 0, "sig_abc123"), _END)
_LINES = (Start("id", "m"), TextDelta("a\u2028b\u2029c\x85d"), _END)


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("gemini_generate", _LINES),
        ("ollama_chat", _LINES),
        ("gemini_generate", _CALLS),
        ("ollama_chat", _CALLS),
        ("openai_chat", _SIGNED_TWICE),
        ("openai_chat", _CITED_TWICE),
        ("anthropic_messages", _SIGNED_IN_PIECES),
        ("anthropic_messages", _FREE_IN_PIECES),
        ("gemini_generate", _SEALED_OTHERWISE),
    ],
)
def test_the_sdk_reads_what_it_did_not_read_once(name: str, events: tuple[Event, ...]) -> None:
    wrong = list(differences(name, events))
    assert not wrong, "\n".join(wrong)
