"""The events of a stream as JSON; the usual one read by a short cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from penstock.errors import MalformedStream, PenstockError
from penstock.protocols import json


class _PlainChunk(Struct, tag_field="type", tag="response.output_text.delta", gc=False):
    """A piece of text."""

    output_index: int
    content_index: int
    delta: str


# Text that comes in pieces, so that half a character may wait for the other half.
_IN_PIECES = frozenset(("delta",))

decode_plain = msgspec.json.Decoder(_PlainChunk).decode


def decode_chunk(data: bytes, wrong: type[PenstockError]) -> Mapping[str, Any]:
    """An event of any kind, or a whole answer. Raises ``wrong`` where the data is neither."""
    return json.read_object(data, wrong, _IN_PIECES)


def text_of(value: Mapping[str, Any], key: str) -> str:
    """A string of the service's; "" where it said none."""
    text = value.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise MalformedStream(f"the service sent a {key} that is not a string")
    return text


def objects_of(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects; empty where the service said none."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise MalformedStream(f"the service sent a {key} that is not a list of objects")
    return found


def place_of(value: Mapping[str, Any], key: str) -> int:
    """Which one of several; the first where it is not said."""
    place = value.get(key)
    return place if type(place) is int else 0
