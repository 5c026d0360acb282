"""Cohere's stream events: the usual one as a type, every other as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from penstock.errors import PenstockError
from penstock.protocols import json


class _PlainContent(Struct, gc=False):
    text: str
    thinking: None = None


class _PlainMessage(Struct, gc=False):
    content: _PlainContent


class _PlainDelta(Struct, gc=False):
    message: _PlainMessage


class _PlainChunk(Struct, tag="content-delta", gc=False):
    """The usual event, as a type: a piece of text and nothing else."""

    index: int
    delta: _PlainDelta
    logprobs: None = None


# Text that comes in pieces, so that half a character may wait for the other half.
_IN_PIECES = frozenset(("text", "thinking", "tool_plan", "arguments"))
_PIECES = ("content-delta", "tool-plan-delta", "tool-call-delta")

decode_plain = msgspec.json.Decoder(_PlainChunk).decode


def decode_chunk(data: bytes, wrong: type[PenstockError]) -> Mapping[str, Any]:
    """An event of any kind, or a whole answer. Raises ``wrong`` where the data is neither."""
    try:
        value = _read(data)
    except json.UNREADABLE:
        raise wrong("the service sent what is not a chat's answer: bad JSON") from None
    if not isinstance(value, Mapping):
        raise wrong("the service sent what is not a chat's answer: no object")
    return value


def _read(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except json.UNREADABLE:
        if not json.may_hold_halves(data):
            raise
    value: Any = json.loads_leniently(data, Any, _IN_PIECES)
    if isinstance(value, Mapping) and value.get("type") in _PIECES:
        return value
    return json.mend(value)
