"""A service's answer, read into a type; a 200 may hold an error, or something else altogether."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import msgspec

from penstock.errors import PenstockError, UnexpectedAnswer
from penstock.protocols import json
from penstock.protocols.embeddings.vectors import check_count
from penstock.protocols.error_body import error_from_value

T = TypeVar("T")
_Lists: TypeAlias = list[msgspec.Raw] | dict[str, list[msgspec.Raw] | None]


def read_answer(body: bytes, type: type[T]) -> T:
    """``body`` as a ``type``. Raises the error that it holds, or ``UnexpectedAnswer``."""
    try:
        return msgspec.json.decode(body, type=type)
    except json.UNREADABLE:
        raise _failure(body) from None


def check_answer(body: bytes, key: str, count: int | None) -> None:
    """Raise the error that a 200 body holds, or ``UnexpectedAnswer`` where the list under ``key``,
    or one of the lists there, has not ``count`` items (``None``: is empty)."""
    said = read_answer(body, dict[str, msgspec.Raw])
    sizes = _sizes(said.get(key, msgspec.Raw(b"null")))
    if not all(sizes) or not sizes or _has_failed(said):
        raise _failure(body)
    for size in sizes:
        check_count(size, size if count is None else count)


def _has_failed(said: Mapping[str, msgspec.Raw]) -> bool:
    """Whether it says anything of an error, be it unreadable."""
    try:
        return bool(json.loads(bytes(said.get("error", b"null"))))
    except json.UNREADABLE:
        return True


def _sizes(written: msgspec.Raw) -> list[int]:
    """How many items there are in a list, or in each of several lists with names."""
    try:
        found = msgspec.json.decode(written, type=_Lists)
    except json.UNREADABLE:
        return []
    lists = found.values() if isinstance(found, dict) else [found]
    return [len(items) for items in lists if items is not None]


def _failure(body: bytes) -> PenstockError:
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        value = None
    if isinstance(value, Mapping) and value.get("error"):
        return error_from_value(200, value, UnexpectedAnswer)
    return UnexpectedAnswer("the service answered without embeddings; check the model and base_url")
