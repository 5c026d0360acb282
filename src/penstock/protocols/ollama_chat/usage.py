"""Ollama's numbers, which stand beside the answer: JSON -> ``Usage`` and back.

``prompt_eval_count`` may be missing where the prompt was cached; durations are nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.kept import keep, kept_for
from penstock.protocols.ollama_chat.names import NAME
from penstock.types import Usage

_PLACES = {"input": "prompt_eval_count", "output": "eval_count"}
_ENDINGS = ("_count", "_duration")


def is_usage(key: str) -> bool:
    """Whether a key of the last line tells what was spent."""
    return key.endswith(_ENDINGS) or key == "provenance"


def decode_usage(value: Mapping[str, Any]) -> Usage | None:
    """The numbers of a last line under common names; ``None`` where it has none."""
    said = {key: item for key, item in value.items() if is_usage(key) and item is not None}
    found: dict[str, Any] = {}
    for name, key in _PLACES.items():
        if type(said.get(key)) is int:  # not a bool
            found[name] = said.pop(key)
    if said.get("provenance") in ("estimated", "partial"):
        found["provenance"] = said.pop("provenance")
    return Usage(**found, metadata=keep(NAME, said)) if found or said else None


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """The numbers in Ollama's own places, and what else came with them."""
    if usage is None:
        return {}
    usage = usage.in_sense(cached_apart=False, reasoning_apart=False)
    value = kept_for(NAME, usage.metadata)
    for name, key in _PLACES.items():
        if (number := getattr(usage, name)) is not None:
            value[key] = number
    if usage.provenance != "reported":
        value["provenance"] = usage.provenance  # an estimate says so wherever it is shown
    return value
