"""OpenAI chat's JSON as types: a chunk of a stream, which a whole answer is one big case of."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from penstock.errors import PenstockError
from penstock.protocols import json


class _PlainDelta(Struct, gc=False):
    content: str
    tool_calls: None = None
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: None = None
    refusal: None = None
    function_call: None = None
    annotations: None = None
    audio: None = None
    images: None = None
    executed_tools: None = None
    thought_signature: None = None


class _PlainChoice(Struct, gc=False):
    delta: _PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None


class _PlainChunk(Struct, gc=False):
    """The usual chunk, as a type: one choice that says text and nothing else."""

    choices: tuple[_PlainChoice]
    usage: None = None
    error: None = None
    x_groq: None = None


class Function(Struct, gc=False):
    name: Any = None
    arguments: Any = None
    input: Any = None


class ToolCall(Struct, gc=False):
    index: int | None = None
    id: Any = None
    type: Any = None
    function: Function | None = None
    custom: Function | None = None
    extra_content: Any = None


class Delta(Struct):
    content: Any = None
    tool_calls: list[ToolCall] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: list[Any] | None = None
    refusal: str | None = None
    function_call: Function | None = None
    annotations: list[Any] | None = None
    audio: Any = None
    images: Any = None
    executed_tools: Any = None
    thought_signature: str | None = None

    def rare(self) -> dict[str, Any]:
        """What may stand beside a text, where it does."""
        return {name: value for name in RARE if (value := getattr(self, name))}


RARE = ("annotations", "audio", "images", "executed_tools")
"""Keys of a delta that belong to its text."""


class Choice(Struct):
    index: int | None = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    error: Any = None
    logprobs: Any = None
    native_finish_reason: Any = None
    content_filter_results: Any = None
    finish_details: Any = None
    stop_reason: Any = None


ABOUT_CHOICE = ("native_finish_reason", "content_filter_results", "finish_details", "stop_reason")
"""Keys of a choice that say how it ended."""


class _Groq(Struct):
    usage: dict[str, Any] | None = None


class Chunk(Struct):
    """Any chunk, and a whole answer too: its ``message`` is one big delta."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    object: Any = None
    x_groq: _Groq | None = None
    system_fingerprint: Any = None
    service_tier: Any = None
    provider: Any = None
    citations: Any = None
    search_results: Any = None
    prompt_filter_results: Any = None
    timings: Any = None
    usage_breakdown: Any = None
    moderation: Any = None


ABOUT_ANSWER = (
    "system_fingerprint",
    "service_tier",
    "provider",
    "citations",
    "search_results",
    "prompt_filter_results",
    "timings",
    "usage_breakdown",
    "moderation",
)
"""Keys of a chunk that are about the whole answer; the last one said holds."""


# Text that comes in pieces, so that half a character may wait for the other half.
_IN_PIECES = frozenset(
    ("content", "reasoning_content", "reasoning", "refusal", "arguments", "input")
)

decode_plain = msgspec.json.Decoder(_PlainChunk).decode
_decode_any = msgspec.json.Decoder(Chunk).decode


def decode_chunk(data: bytes, wrong: type[PenstockError]) -> Chunk:
    """A chunk of any kind. Raises ``wrong`` where the data is not one."""
    try:
        chunk = _read_chunk(data)
        if chunk.object == "error" and chunk.error is None:  # a flat error body
            chunk.error = json.loads(data)
    except json.UNREADABLE as error:
        raise wrong(f"the service sent what is not a chat completion: {_why(error)}") from None
    return chunk


def _read_chunk(data: bytes) -> Chunk:
    try:
        return _decode_any(data)
    except json.UNREADABLE:
        if not json.may_hold_halves(data):
            raise
        return json.loads_leniently(data, Chunk, _IN_PIECES)


def _why(error: Exception) -> str:
    """The parser's reason; never the data, which may hold anything."""
    return str(error).partition("\n")[0] if isinstance(error, msgspec.DecodeError) else "bad JSON"
