"""JSON as chat services really send it: fast for the usual, lenient for lone surrogates.

msgspec is strict: it refuses ``"\\ud83d"`` alone, which services do send when an emoji's halves
fall into two deltas. Those (and only those) go through the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar

import msgspec

from penstock.errors import PenstockError

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
"""Everything that reading a service's JSON can raise."""


def encode(value: Any) -> bytes:
    """``value`` as JSON; halves of characters, which no encoding can write, are mended."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(mend(value))


_LINE_ENDS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)


def in_one_line(data: bytes) -> bytes:
    """JSON without the characters that clients who split with ``str.splitlines`` take for the end
    of a line: Google's and Ollama's own do, by httpx."""
    if b"\xe2\x80" in data or b"\xc2\x85" in data:
        for raw, escaped in _LINE_ENDS:
            data = data.replace(raw, escaped)
    return data


def may_hold_halves(data: bytes) -> bool:
    """Whether lone surrogates can be why a strict parser refuses ``data``."""
    return b"\\u" in data


def loads_leniently(data: bytes, type: type[T], spared: Container[str] = ()) -> T:
    """As ``decode``, with lone surrogates allowed, and mended but in strings under the keys
    ``spared``. Raises one of ``UNREADABLE``."""
    return msgspec.convert(mend(json.loads(data), spared), type)


def loads(data: bytes) -> Any:
    """Any JSON value. Raises one of ``UNREADABLE``."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        if not may_hold_halves(data):
            raise
        return loads_leniently(data, Any)


def read_object(
    data: bytes,
    wrong: type[PenstockError],
    in_pieces: Container[str] = (),
    is_piece: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Mapping[str, Any]:
    """A service's JSON object. Raises ``wrong`` where it is none.

    Halves of characters stay in strings under the keys ``in_pieces``, where the other half may
    come with the next object; unless the object ``is_piece`` of nothing.
    """
    try:
        value, in_halves = _read(data, in_pieces)
    except UNREADABLE:
        raise wrong("the service sent what is not an answer: bad JSON") from None
    if not isinstance(value, Mapping):
        raise wrong("the service sent what is not an answer: no object")
    return mend(value) if in_halves and not is_piece(value) else value


def _read(data: bytes, in_pieces: Container[str]) -> tuple[Any, bool]:
    """The value, and whether it may hold halves of characters."""
    try:
        return msgspec.json.decode(data), False
    except UNREADABLE:
        if not may_hold_halves(data):
            raise
    return loads_leniently(data, Any, in_pieces), True


def mend(value: Any, spared: Container[str] = ()) -> Any:
    """``value`` with the halves of characters joined, or replaced where one half is missing."""
    if isinstance(value, str):
        halves = value.encode("utf-16-le", "surrogatepass")
        return halves.decode("utf-16-le", "replace")
    if isinstance(value, list | tuple):
        return [mend(item, spared) for item in value]
    if isinstance(value, Mapping):
        return {mend(key): _mend_item(key, item, spared) for key, item in value.items()}
    return value


def _mend_item(key: Any, item: Any, spared: Container[str]) -> Any:
    return item if isinstance(item, str) and key in spared else mend(item, spared)
