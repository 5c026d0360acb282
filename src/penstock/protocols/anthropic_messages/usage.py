"""Anthropic's usage numbers: JSON -> ``Usage`` and back, each in Anthropic's own sense.

``input_tokens`` leaves out what was read from the cache and what was written to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.anthropic_messages.citations import NAME
from penstock.types import Usage

_PLACES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "total": "total_tokens",  # never said by Anthropic itself
    "cached_input": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}

UNKNOWN = {"input_tokens": 0, "output_tokens": 0, "provenance": "unknown"}
"""Where nobody said a number, but Anthropic's own clients fail without one."""


def decode_usage(value: Mapping[str, Any]) -> Usage | None:
    """The numbers under common names; every other key stays as it came, in ``metadata``."""
    rest = {key: item for key, item in value.items() if item is not None}
    if rest.get("provenance") == UNKNOWN["provenance"]:
        return None
    found: dict[str, Any] = {}
    for name, key in _PLACES.items():
        if type(rest.get(key)) is int:  # not a bool
            found[name] = rest.pop(key)
    match rest.get("output_tokens_details"):
        case {"thinking_tokens": int(thought), **more} if type(thought) is int:
            found["reasoning"] = thought
            rest["output_tokens_details"] = more
            if not more:
                del rest["output_tokens_details"]
    if rest.get("provenance") in ("estimated", "partial"):
        found["provenance"] = rest.pop("provenance")
    return Usage(**found, cached_apart=True, metadata={NAME: rest} if rest else None)


def merge_usage(was: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What ``message_delta`` says replaces what ``message_start`` said; it is never added."""
    if was.get("provenance") == UNKNOWN["provenance"]:
        was = {}
    return {**was, **{key: item for key, item in more.items() if item is not None}}


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """The numbers in Anthropic's own places, and what else came with them."""
    if usage is None:
        return dict(UNKNOWN)
    usage = usage.in_sense(cached_apart=True)
    value = dict((usage.metadata or {}).get(NAME, {}))
    for name, key in _PLACES.items():
        number = getattr(usage, name)
        if number is not None:
            value[key] = number
    if usage.reasoning is not None:
        details = value.get("output_tokens_details")
        held = details if isinstance(details, dict) else {}
        value["output_tokens_details"] = {**held, "thinking_tokens": usage.reasoning}
    provenance = usage.provenance
    for key in ("input_tokens", "output_tokens"):
        if type(value.get(key)) is not int:  # clients fail without
            value[key] = 0
            provenance = "partial" if provenance == "reported" else provenance
    if provenance != "reported":
        value["provenance"] = provenance  # an estimate says so wherever it is shown
    return value
