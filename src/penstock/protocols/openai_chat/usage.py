"""OpenAI's usage numbers: JSON -> ``Usage`` and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.openai_chat.request_decode import NAME
from penstock.types import Usage

# Where each number stands: OpenAI's own place first, then where others put it.
_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "input": (("prompt_tokens",),),
    "output": (("completion_tokens",),),
    "total": (("total_tokens",),),
    "cached_input": (
        ("prompt_tokens_details", "cached_tokens"),
        ("cached_tokens",),  # Together, Hugging Face
        ("prompt_cache_hit_tokens",),  # DeepSeek
    ),
    "cache_write": (("prompt_tokens_details", "cache_write_tokens"),),
    "reasoning": (("completion_tokens_details", "reasoning_tokens"),),
}


def decode_usage(value: Mapping[str, Any], reasoning_apart: bool = False) -> Usage:
    """The numbers under common names; every other key stays as it came, in ``metadata``."""
    rest = _copy(value)
    found: dict[str, Any] = {}
    for name, places in _PLACES.items():
        for place in places:
            holder = rest if len(place) == 1 else rest.get(place[0])
            if isinstance(holder, dict) and type(holder.get(place[-1])) is int:  # not a bool
                found[name] = holder[place[-1]]
                if place is places[0]:
                    del holder[place[-1]]
                break
    rest = {key: item for key, item in rest.items() if item != {} and item is not None}
    if rest.get("provenance") in ("estimated", "partial"):
        found["provenance"] = rest.pop("provenance")
    return Usage(**found, reasoning_apart=reasoning_apart, metadata={NAME: rest} if rest else None)


def encode_usage(usage: Usage, reasoning_apart: bool = False) -> dict[str, Any]:
    """The numbers in OpenAI's own places and sense, and what else came with them."""
    usage = usage.in_sense(reasoning_apart=reasoning_apart)
    value = _copy((usage.metadata or {}).get(NAME, {}))
    for name, places in _PLACES.items():
        number = getattr(usage, name)
        if number is not None:
            *outer, key = places[0]
            holder = _object_at(value, outer[0]) if outer else value
            holder[key] = number
    if usage.total is None and usage.input is not None and usage.output is not None:
        value["total_tokens"] = (
            usage.input + usage.output + ((usage.reasoning or 0) if reasoning_apart else 0)
        )
    if usage.provenance != "reported":
        value["provenance"] = usage.provenance  # an estimate says so wherever it is shown
    return value


def _object_at(value: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under ``key``, in place of anything else that stands there."""
    if not isinstance(value.get(key), dict):
        value[key] = {}
    held: dict[str, Any] = value[key]
    return held


def _copy(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(item) if isinstance(item, dict) else item for key, item in value.items()}
