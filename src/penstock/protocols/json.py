"""JSON as chat services really send it: fast for the usual, lenient for lone surrogates.

msgspec is strict: it refuses ``"\\ud83d"`` alone, which services do send when an emoji's halves
fall into two deltas. Those (and only those) go through the standard library.

No parser goes deeper than Python's stack, and what was read near its end could not be written
again: whatever is nested deeper than ``DEEPEST`` is unreadable, long before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar

import msgspec

from penstock.errors import InvalidRequest, PenstockError

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
"""Everything that reading a service's JSON can raise."""


DEEPEST = 128
"""Levels of arrays and objects that a service's JSON may have; a schema that it repeats may have
the caller's, and stands in a few more."""
CALLERS_DEEPEST = 64
"""Levels that a caller's body may have."""


def encode(value: Any) -> bytes:
    """``value`` as JSON; halves of characters, which no encoding can write, are mended. Raises
    ``InvalidRequest`` where it is too deep to be written, as only a caller's can be."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, RecursionError):
        return _encode_mended(value)


def _encode_mended(value: Any) -> bytes:
    try:
        return _encode(mend(value))
    except RecursionError:
        raise InvalidRequest("it is nested too deeply, or goes round in a circle") from None


def is_deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects are nested deeper than so many levels in what was read."""
    level = [value] if type(value) in _NESTING else []
    while level and levels:
        levels -= 1
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in _NESTING
        ]
    return bool(level)


_NESTING = frozenset((dict, list))

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
    value = json.loads(data)
    check_depth(data, value)
    return msgspec.convert(mend(value, spared), type)


def loads(data: bytes) -> Any:
    """Any JSON value. Raises one of ``UNREADABLE``."""
    return _read(data, ())[0]


def check_depth(data: bytes, value: Any) -> None:
    """Raise one of ``UNREADABLE`` where the ``value`` of ``data`` is nested deeper than
    ``DEEPEST``; a look at the size is enough for most events of a stream."""
    if len(data) <= 2 * DEEPEST or data.count(b"{") + data.count(b"[") <= DEEPEST:
        return
    if is_deeper(value, DEEPEST):
        raise ValueError(f"nested deeper than {DEEPEST} levels")


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
        value = _decode(data)
    except UNREADABLE:
        if not may_hold_halves(data):
            raise
    else:
        check_depth(data, value)
        return value, False
    return loads_leniently(data, Any, in_pieces), True


def mend(value: Any, spared: Container[str] = ()) -> Any:
    """``value`` with the halves of characters joined, or replaced where one half is missing."""
    if value is None or isinstance(value, int | float):  # most are, and the last look is slow
        return value
    if isinstance(value, str):
        if value.isascii():
            return value
        halves = value.encode("utf-16-le", "surrogatepass")
        return halves.decode("utf-16-le", "replace")
    if isinstance(value, list | tuple):
        return [mend(item, spared) for item in value]
    if isinstance(value, Mapping):
        return {mend(key): _mend_item(key, item, spared) for key, item in value.items()}
    return value


def _mend_item(key: Any, item: Any, spared: Container[str]) -> Any:
    return item if isinstance(item, str) and key in spared else mend(item, spared)
