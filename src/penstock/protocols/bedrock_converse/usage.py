"""Bedrock's usage numbers: JSON -> ``Usage`` and back, each in Bedrock's own sense.

``inputTokens`` leaves out what was read from the cache and what was written to it;
``totalTokens`` is all four.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.bedrock_converse.blocks import NAME
from penstock.protocols.kept import kept_for
from penstock.types import Usage

_PLACES = {
    "input": "inputTokens",
    "output": "outputTokens",
    "total": "totalTokens",
    "cached_input": "cacheReadInputTokens",
    "cache_write": "cacheWriteInputTokens",
}

_UNKNOWN = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0, "provenance": "unknown"}
"""Where nobody said a number, but the usual clients fail without one."""


def decode_usage(value: Mapping[str, Any]) -> Usage | None:
    """The numbers under common names; every other key stays as it came, in ``metadata``."""
    said = {key: item for key, item in value.items() if item is not None}
    if said.get("provenance") == _UNKNOWN["provenance"]:
        return None
    found: dict[str, Any] = {}
    for name, key in _PLACES.items():
        if type(said.get(key)) is int:  # not a bool
            found[name] = said.pop(key)
    if said.get("provenance") in ("estimated", "partial"):
        found["provenance"] = said.pop("provenance")
    return Usage(**found, cached_apart=True, metadata={NAME: said} if said else None)


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """The numbers in Bedrock's own places, and what else came with them."""
    if usage is None:
        return dict(_UNKNOWN)
    ours = usage.in_sense(cached_apart=True)
    value = kept_for(NAME, usage.metadata)
    for name, key in _PLACES.items():
        if (number := getattr(ours, name)) is not None:
            value[key] = number
    if ours.total is None and None not in (ours.input, ours.output):
        cached = (ours.cached_input or 0) + (ours.cache_write or 0)
        value["totalTokens"] = (ours.input or 0) + (ours.output or 0) + cached
    if usage.provenance != "reported":
        value["provenance"] = usage.provenance  # an estimate says so wherever it is shown
    return value
