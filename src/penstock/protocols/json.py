"""JSON as chat services really send it: fast for the usual, lenient for lone surrogates.

msgspec is strict: it refuses ``"\\ud83d"`` alone, which services do send when an emoji's halves
fall into two deltas. Those (and only those) go through the standard library.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

encode = msgspec.json.encode

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
"""Everything that reading a service's JSON can raise."""


def has_surrogates(text: str) -> bool:
    """Whether ``text`` holds halves of characters, which no encoding can write."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def loads_leniently(data: bytes, type: type[T]) -> T:
    """As ``decode``, with lone surrogates allowed. Raises one of ``UNREADABLE``."""
    if b"\\u" not in data:
        raise ValueError("not valid JSON")
    return msgspec.convert(json.loads(data), type)


def loads(data: bytes) -> Any:
    """Any JSON value. Raises one of ``UNREADABLE``."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        return mend(loads_leniently(data, Any))


def mend(value: Any) -> Any:
    """``value`` with the halves of characters joined, or replaced where one half is missing."""
    if isinstance(value, str):
        halves = value.encode("utf-16-le", "surrogatepass")
        return halves.decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [mend(item) for item in value]
    if isinstance(value, dict):
        return {mend(key): mend(item) for key, item in value.items()}
    return value
