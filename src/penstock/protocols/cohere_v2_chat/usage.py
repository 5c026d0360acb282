"""Cohere's usage numbers: JSON -> ``Usage`` and back.

``tokens`` are what the model read and wrote, ``billed_units`` what is paid for, which stay as they
came. Numbers that are whole become integers, though Cohere's own client has them as floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.kept import keep, kept_for
from penstock.types import Usage

_PLACES = {
    "input": ("tokens", "input_tokens"),
    "output": ("tokens", "output_tokens"),
    "reasoning": ("tokens", "reasoning_tokens"),
    "cached_input": ("cached_tokens",),
}


def decode_usage(value: Mapping[str, Any]) -> Usage | None:
    """The numbers under common names, every other key as it came; ``None`` where there is none."""
    rest: dict[str, Any] = _whole_numbers(value)
    found: dict[str, Any] = {}
    for name, (*outer, key) in _PLACES.items():
        holder = rest.get(outer[0]) if outer else rest
        if isinstance(holder, dict) and type(holder.get(key)) is int:  # not a bool
            found[name] = holder.pop(key)
    rest = {key: item for key, item in rest.items() if item != {} and item is not None}
    if rest.get("provenance") in ("estimated", "partial"):
        found["provenance"] = rest.pop("provenance")
    return Usage(**found, metadata=keep(NAME, rest)) if found or rest else None


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """The numbers in Cohere's own places, and what else came with them."""
    if usage is None:
        return {}
    usage = usage.in_sense(cached_apart=False, reasoning_apart=False)
    value: dict[str, Any] = kept_for(NAME, usage.metadata)
    for name, (*outer, key) in _PLACES.items():
        number = getattr(usage, name)
        if number is not None and outer:
            kept = value.get(outer[0])
            value[outer[0]] = {**(kept if isinstance(kept, Mapping) else {}), key: number}
        elif number is not None:
            value[key] = number
    if usage.provenance != "reported":
        value["provenance"] = usage.provenance  # an estimate says so wherever it is shown
    return value
