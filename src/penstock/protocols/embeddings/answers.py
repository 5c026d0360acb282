"""A service's answer, read into a type; a 200 may hold an error, or something else altogether."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from penstock.errors import PenstockError, UnexpectedAnswer
from penstock.protocols import json
from penstock.protocols.error_body import error_from_value

T = TypeVar("T")


class _Whole(Struct):
    error: Any = None


def read_answer(body: bytes, type: type[T]) -> T:
    """``body`` as a ``type``. Raises the error that it holds, or ``UnexpectedAnswer``."""
    try:
        return msgspec.json.decode(body, type=type)
    except json.UNREADABLE:
        raise _failure(body) from None


def check_answer(body: bytes) -> None:
    """Raise the error that a 200 body holds, or ``UnexpectedAnswer`` where it is no JSON object."""
    if read_answer(body, _Whole).error:
        raise _failure(body)


def _failure(body: bytes) -> PenstockError:
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        value = None
    if isinstance(value, Mapping) and value.get("error"):
        return error_from_value(200, value, UnexpectedAnswer)
    return UnexpectedAnswer("the service answered without embeddings; check the model and base_url")
