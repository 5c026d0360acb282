"""Converse's frames: which event each carries, and the usual one read as a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from penstock.errors import PenstockError
from penstock.protocols import json
from penstock.protocols.aws_eventstream import encode_frame, encode_headers


class _PlainDelta(Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _PlainChunk(Struct, rename="camel", gc=False):
    """The usual event, as a type: a piece of text and nothing else."""

    content_block_index: int
    delta: _PlainDelta


# Text that comes in pieces, so that half a character may wait for the other half.
_IN_PIECES = frozenset(("text", "input"))

decode_plain = msgspec.json.Decoder(_PlainChunk).decode


def decode_object(
    data: bytes, wrong: type[PenstockError], in_pieces: bool = False
) -> Mapping[str, Any]:
    """An event's payload, or a whole answer. Raises ``wrong`` where the data is neither."""
    try:
        value = _read(data, in_pieces)
    except json.UNREADABLE:
        raise wrong("the service sent what is not a message: bad JSON") from None
    if not isinstance(value, Mapping):
        raise wrong("the service sent what is not a message: no object")
    return value


def _read(data: bytes, in_pieces: bool) -> Any:
    try:
        return msgspec.json.decode(data)
    except json.UNREADABLE:
        if not json.may_hold_halves(data):
            raise
    return json.loads_leniently(data, Any, _IN_PIECES if in_pieces else ())


def _headers(kind: str, message_type: str = "event") -> bytes:
    """Headers as Bedrock writes them, in its order."""
    return encode_headers(
        {
            f":{message_type}-type": kind,
            ":content-type": "application/json",
            ":message-type": message_type,
        }
    )


_OF_EVENTS = {
    kind: _headers(kind)
    for kind in (
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    )
}
DELTA_HEADERS = _OF_EVENTS["contentBlockDelta"]


def encode_event(kind: str, **said: Any) -> bytes:
    """An event's frame."""
    return encode_frame(_OF_EVENTS[kind], json.encode(said))


def encode_exception(kind: str, payload: bytes) -> bytes:
    """An exception's frame."""
    return encode_frame(_headers(kind, "exception"), payload)
