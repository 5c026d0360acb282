"""Gemini's words: its name here, and names in camel case whichever way a caller spelled them.

Google's JSON takes ``inline_data`` for ``inlineData`` (https://protobuf.dev/programming-guides/json),
and one object where a list of objects is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "gemini_generate"


def in_camel(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object of Gemini's own with the names of its fields in camel case, what it holds as it
    came; a field that is null says nothing and is left out."""
    return {_camel(key): item for key, item in value.items() if item is not None}


def _camel(name: str) -> str:
    if "_" not in name:
        return name
    first, *rest = name.lstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def many(value: Any) -> list[Any]:
    """A list, of one where one thing stands in its place."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
