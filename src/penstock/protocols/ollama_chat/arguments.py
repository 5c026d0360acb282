"""Arguments of a tool call: Ollama has an object where others have JSON text."""

from __future__ import annotations

from typing import Any

from penstock.protocols import json


def decode_arguments(value: Any) -> str:
    """An object as JSON text; text as it is, which compatible servers send."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.encode(value).decode()
