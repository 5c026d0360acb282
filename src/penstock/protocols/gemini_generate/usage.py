"""Gemini's usage numbers: JSON -> ``Usage`` and back, each in Gemini's own sense.

``promptTokenCount`` includes what was read from the cache; ``candidatesTokenCount`` leaves out the
thoughts. Each chunk of a stream counts all so far: the last one holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.gemini_generate.words import NAME
from penstock.protocols.kept import keep, kept_for
from penstock.types import Usage

_PLACES = {
    "input": "promptTokenCount",
    "output": "candidatesTokenCount",
    "total": "totalTokenCount",
    "cached_input": "cachedContentTokenCount",
    "reasoning": "thoughtsTokenCount",
}


def decode_usage(value: Mapping[str, Any]) -> Usage:
    """The numbers under common names; every other key stays as it came, in ``metadata``."""
    rest = {key: item for key, item in value.items() if item is not None}
    found: dict[str, Any] = {}
    for name, key in _PLACES.items():
        if type(rest.get(key)) is int:  # not a bool
            found[name] = rest.pop(key)
    if rest.get("provenance") in ("estimated", "partial"):
        found["provenance"] = rest.pop("provenance")
    return Usage(**found, reasoning_apart=True, metadata=keep(NAME, rest))


def encode_usage(usage: Usage) -> dict[str, Any]:
    """The numbers in Gemini's own places, and what else came with them."""
    ours = usage.in_sense(reasoning_apart=True)
    value = {key: getattr(ours, name) for name, key in _PLACES.items()}
    value = {key: number for key, number in value.items() if number is not None}
    if usage.provenance != "reported":
        value["provenance"] = usage.provenance  # an estimate says so wherever it is shown
    return value | kept_for(NAME, usage.metadata)
