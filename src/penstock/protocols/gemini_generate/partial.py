"""Arguments of a call in pieces, each for one place of them: ``partialArgs`` (Vertex AI, asked
with ``streamFunctionCallArguments``).

    {"jsonPath": "$.city", "stringValue": "Mos", "willContinue": true}
    {"jsonPath": "$.city", "stringValue": "cow"}
    {"jsonPath": "$.days[0].n", "numberValue": 3}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from penstock.errors import MalformedStream
from penstock.protocols import json

_STEP = re.compile(
    r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]"""
)
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
_MOST_STEPS = 100


class PartialArguments:
    """The arguments so far."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: dict[str, Any] = {}

    def take(self, piece: Any) -> None:
        """A piece more. Raises ``MalformedStream`` for one without a place."""
        path = piece.get("jsonPath") if isinstance(piece, Mapping) else None
        steps = list(_steps(path)) if isinstance(path, str) else []
        key = next((key for key in _VALUES if key in piece), None) if steps else None
        if key is None:
            raise MalformedStream("the service sent a piece of arguments without its place")
        _put(self._value, steps, None if key == "nullValue" else piece[key])

    def text(self) -> str:
        """All of them, as JSON text."""
        return json.encode(self._value).decode()


def _steps(path: str) -> Iterator[str | int]:
    at = 1
    for _ in range(_MOST_STEPS if path.startswith("$") else 0):
        found = _STEP.match(path, at)
        if found is None:
            break
        name, number, *quoted = found.groups()
        at = found.end()
        if number is not None:
            yield int(number)
        else:
            inner = next((text for text in quoted if text is not None), None)
            yield name if inner is None else re.sub(r"\\(.)", r"\1", inner)
    if at != len(path):
        raise MalformedStream("the service sent a piece of arguments for no place")


def _put(holder: Any, steps: list[str | int], value: Any) -> None:
    """Set what stands at the end of the steps; a string goes on."""
    for step, following in pairwise(steps):
        _check(holder, step)
        if not _has(holder, step):
            _set(holder, step, [] if isinstance(following, int) else {})
        holder = holder[step]
    _check(holder, steps[-1])
    if _has(holder, steps[-1]):
        was = holder[steps[-1]]
        value = was + value if isinstance(was, str) and isinstance(value, str) else value
    _set(holder, steps[-1], value)


def _check(holder: Any, step: str | int) -> None:
    fits = isinstance(step, str) if isinstance(holder, dict) else isinstance(holder, list)
    if not fits or (isinstance(holder, list) and not (type(step) is int and step <= len(holder))):
        raise MalformedStream("the service sent a piece of arguments for no place")


def _has(holder: Any, step: Any) -> bool:
    return step in holder if isinstance(holder, dict) else step < len(holder)


def _set(holder: Any, step: Any, value: Any) -> None:
    if isinstance(holder, list) and step == len(holder):
        holder.append(value)
    else:
        holder[step] = value
