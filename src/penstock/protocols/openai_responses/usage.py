"""The usage numbers of OpenAI Responses: JSON -> ``Usage`` and back.

``input_tokens`` and ``output_tokens`` hold the cached and the reasoning ones. Strict clients fail
without any of the numbers, so that those nobody said are 0 and named under ``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.kept import keep, kept_for
from penstock.protocols.openai_responses.marks import NAME
from penstock.types import Usage

_PLACES: dict[str, tuple[str, ...]] = {
    "input": ("input_tokens",),
    "cached_input": ("input_tokens_details", "cached_tokens"),
    "cache_write": ("input_tokens_details", "cache_write_tokens"),
    "output": ("output_tokens",),
    "reasoning": ("output_tokens_details", "reasoning_tokens"),
    "total": ("total_tokens",),
}
_UNKNOWN = "unknown"


def decode_usage(value: Mapping[str, Any]) -> Usage:
    """The numbers under common names; every other key stays as it came, in ``metadata``."""
    rest = {key: dict(item) if isinstance(item, dict) else item for key, item in value.items()}
    unknown = rest.pop(_UNKNOWN, None)
    found: dict[str, Any] = {}
    for name, (*outer, key) in _PLACES.items():
        holder = rest.get(outer[0]) if outer else rest
        if isinstance(holder, dict) and type(holder.get(key)) is int:  # not a bool
            found[name] = holder.pop(key)
    for name in unknown if isinstance(unknown, list) else ():
        found.pop(str(name), None)
    if rest.get("provenance") in ("estimated", "partial"):
        found["provenance"] = rest.pop("provenance")
    rest = {key: item for key, item in rest.items() if item is not None and item != {}}
    return Usage(**found, metadata=keep(NAME, rest))


def encode_usage(usage: Usage) -> dict[str, Any]:
    """The numbers in their own places, and what else came with them."""
    usage = usage.in_sense()
    value: dict[str, Any] = {}
    unknown = []
    for name, (*outer, key) in _PLACES.items():
        number = getattr(usage, name)
        holder = value.setdefault(outer[0], {}) if outer else value
        holder[key] = _made(usage, name) if number is None else number
        unknown += [name] * (number is None)
    for key, item in kept_for(NAME, usage.metadata).items():
        if isinstance(value.get(key), dict) and isinstance(item, Mapping):
            value[key] = {**item, **value[key]}
        else:
            value.setdefault(key, item)
    if usage.provenance != "reported":
        value["provenance"] = usage.provenance  # an estimate says so wherever it is shown
    return value | ({_UNKNOWN: unknown} if unknown else {})


def _made(usage: Usage, name: str) -> int:
    return (usage.input or 0) + (usage.output or 0) if name == "total" else 0
