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
    return json.read_object(data, wrong, _IN_PIECES, _is_piece)


def _is_piece(value: Mapping[str, Any]) -> bool:
    return value.get("type") in _PIECES
