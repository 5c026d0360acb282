"""Ollama's JSON as types: a line of a stream, which a whole answer is one big case of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from penstock.errors import MalformedStream, PenstockError
from penstock.protocols import json


class _PlainMessage(Struct, gc=False):
    content: str
    role: Any = None
    thinking: None = None
    tool_calls: None = None
    images: None = None


class _PlainLine(Struct, gc=False):
    """The usual line of a chat, as a type: a piece of text and nothing else."""

    message: _PlainMessage
    done: bool = False
    error: None = None
    logprobs: None = None


class Function(Struct, gc=False):
    name: str | None = None
    arguments: dict[str, Any] | str | None = None


class Call(Struct, gc=False):
    function: Function
    id: str | None = None


class Said(Struct):
    """What a message says; of a generate answer, what the line itself says."""

    content: str | None = None
    response: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    images: list[str] | None = None


class Line(Said):
    """Any line, and a whole answer too."""

    model: str | None = None
    message: Said | None = None
    done: bool | None = None
    done_reason: str | None = None
    error: Any = None
    logprobs: list[Any] | None = None


# Text that comes in pieces, so that half a character may wait for the other half.
_IN_PIECES = frozenset(("content", "thinking", "response"))

decode_plain = msgspec.json.Decoder(_PlainLine).decode
_decode_any = msgspec.json.Decoder(Line).decode


def decode_line(data: bytes, wrong: type[PenstockError]) -> Line:
    """A line of any kind. Raises ``wrong`` where the data is not one."""
    try:
        return _read_line(data)
    except json.UNREADABLE as error:
        raise wrong(f"the service sent what is not an answer of Ollama's: {_why(error)}") from None


def _read_line(data: bytes) -> Line:
    try:
        return _decode_any(data)
    except json.UNREADABLE:
        if not json.may_hold_halves(data):
            raise
        return json.loads_leniently(data, Line, _IN_PIECES)


def decode_keys(data: bytes) -> Mapping[str, Any]:
    """All keys of a line that was read. Raises ``MalformedStream`` where one that was passed over
    cannot be read."""
    try:
        value = json.loads(data)
    except json.UNREADABLE:
        raise MalformedStream("the service sent what is not an answer of Ollama's") from None
    return value if isinstance(value, Mapping) else {}


def _why(error: Exception) -> str:
    """The parser's reason; never the data, which may hold anything."""
    return str(error).partition("\n")[0] if isinstance(error, msgspec.DecodeError) else "bad JSON"
