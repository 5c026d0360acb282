"""What a model may say, as hypothesis strategies: texts, streams of events, ways to frame them.

``chats`` draws streams in their canonical form, the one that decoding gives back: parts numbered
in the order they began, nothing empty (no arguments are ``{}``), metadata only where a protocol has
a place for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

from hypothesis import strategies as st
from msgspec.structs import replace

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
from penstock.types import Provenance, Usage

NAME = "openai_chat"
USAGE_TOO = {NAME: {"raw": {"stream_options": {"include_usage": True}}}}
"""The metadata of a request whose caller wants to be told the usage."""

AWKWARD = (
    "Здравствуй, мир",
    "👩‍🚀🎉",
    "\u2028\u2029\u0085",
    "\r\n\r\n",
    "\n\ndata: [DONE]\n\n",
    'a "quoted" \\ back\\slash \\ud83d',
    "\ufeff",
    "\x00\x1f\x7f",
    "<html>",
    "{",
    " ",
)
"""Texts that break careless readers: of lines, of characters, of frames, of escapes."""

texts = st.one_of(st.sampled_from(AWKWARD), st.text(min_size=1, max_size=12))
words = st.text(min_size=1, max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Any JSON value."""


def in_total(usage: Usage) -> Usage:
    """With the sum where the service said none, as a caller is told it."""
    if usage.total is not None or usage.input is None or usage.output is None:
        return usage
    return replace(usage, total=usage.input + usage.output)


usages = st.builds(
    Usage,
    input=st.none() | st.integers(0, 2**40),
    output=st.none() | st.integers(0, 2**40),
    total=st.none() | st.integers(0, 2**40),
    cached_input=st.none() | st.integers(0, 2**40),
    cache_write=st.none() | st.integers(0, 2**40),
    reasoning=st.none() | st.integers(0, 2**40),
    provenance=st.sampled_from(get_args(Provenance)),
    metadata=st.sampled_from(
        [
            None,
            {NAME: {"queue_time": 0.25}},
            {NAME: {"prompt_tokens_details": {"audio_tokens": 0}, "cost": "0.1"}},
            {NAME: {"prompt_cache_hit_tokens": "many", "cost_details": {"upstream": None}}},
        ]
    ),
).map(in_total)

endings: st.SearchStrategy[tuple[FinishReason, str | None]] = st.sampled_from(
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("tool_calls", "function_call"),
        ("content_filter", "content_filter"),
        ("unknown", "the moon was full"),
    ]
)


class _Chat:
    """Numbers the parts as they begin."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.calls: list[int] = []
        self.legacy = False
        self._index = -1
        self._kind = ""

    def part(self, kind: str) -> int:
        if kind != self._kind or kind == "call":
            self._index += 1
            self._kind = kind
        return self._index


class Said(NamedTuple):
    """One thing a model does; ``add`` puts it into the chat."""

    add: Callable[[_Chat], None]


def _text(text: str, annotated: bool) -> Said:
    metadata = {NAME: {"annotations": [{"type": "url_citation", "url": text}]}}

    def add(chat: _Chat) -> None:
        index = chat.part("text")
        chat.events.append(TextDelta(text, index, False, metadata if annotated else None))

    return Said(add)


def _refusal(text: str) -> Said:
    return Said(lambda chat: chat.events.append(TextDelta(text, chat.part("refusal"), True)))


def _reasoning(text: str, signature: str, sealed: str) -> Said:
    def add(chat: _Chat) -> None:
        said, metadata = signature, None
        if sealed:
            said, metadata = "", {NAME: {"reasoning_details": [{"data": sealed, "index": 0}]}}
        if text or said or metadata:
            index = chat.part("reasoning")
            chat.events.append(ReasoningDelta(text, index, said, metadata))

    return Said(add)


def _call(id: str, name: str, kind: str, extra: bool) -> Said:
    def add(chat: _Chat) -> None:
        kept: dict[str, Any] = {} if kind == "function" else {"type": kind}
        if kind == "function_call":
            if chat.legacy:
                return
            chat.legacy = True
        elif extra:
            kept["extra_content"] = {"google": {"thought_signature": id}}
        index = chat.part("call")
        chat.calls.append(index)
        said = "" if kind == "function_call" else f"{id}{index}"  # ids are unique within a chat
        chat.events.append(ToolCallStart(index, said, name, {NAME: kept} if kept else None))

    return Said(add)


def _arguments(which: int, fragment: str) -> Said:
    """A fragment for any of the calls so far: calls interleave."""

    def add(chat: _Chat) -> None:
        if chat.calls:
            chat.events.append(ToolCallDelta(chat.calls[which % len(chat.calls)], fragment))

    return Said(add)


_kinds = st.sampled_from(["function", "function", "function", "custom", "function_call"])
_said = st.one_of(
    st.builds(_text, texts, st.just(False)),
    st.builds(_text, texts | st.just(""), st.just(True)),
    st.builds(_refusal, texts),
    st.builds(_reasoning, texts | st.just(""), st.just("") | words, st.just("") | words),
    st.builds(_call, words, words, _kinds, st.booleans()),
    st.builds(_arguments, st.integers(0, 9), texts),
    st.builds(_arguments, st.integers(0, 9), texts),
)


def _no_arguments(events: list[Event]) -> list[Event]:
    """``{}`` for each function that nothing was said to: its arguments are an empty object."""
    heard = {event.index for event in events if isinstance(event, ToolCallDelta)}
    return [
        ToolCallDelta(event.index, "{}")
        for event in events
        if isinstance(event, ToolCallStart)
        and event.index not in heard
        and (event.metadata or {}).get(NAME, {}).get("type") != "custom"
    ]


@st.composite
def chats(draw: st.DrawFn) -> tuple[Event, ...]:
    """A whole stream as OpenAI chat can say it: interleaved tool calls, signed reasoning,
    refusals, citations, usage."""
    chat = _Chat()
    for said in draw(st.lists(_said, max_size=12)):
        said.add(chat)
    chat.events += _no_arguments(chat.events)
    reason, raw_reason = draw(endings)
    start = Start(draw(words), draw(words))
    about = draw(st.sampled_from([None, {NAME: {"answer": {"service_tier": "default"}}}]))
    return start, *chat.events, Finish(reason, raw_reason, draw(st.none() | usages), about)


line_ends = st.sampled_from([b"\n", b"\r", b"\r\n"])


@st.composite
def framings(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A way to write the same server-sent events: line ends, comments, other fields, a mark."""
    end = draw(line_ends)
    head = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\n", b": hello\n\n", b"retry: 5\n\n"]))
    between = draw(st.sampled_from([b"", b": keep-alive\n\n", b"event: x\n", b"id: 1\n: y\n"]))
    colon = draw(st.sampled_from([b"data: ", b"data:", b" data: "]))

    def frame(stream: bytes) -> bytes:
        framed = head + re.sub(rb"^data: ", lambda _: between + colon, stream, flags=re.MULTILINE)
        return framed.replace(b"\n", end)

    return frame
