"""Arguments of a tool call: Ollama has an object where others have JSON text."""

from __future__ import annotations

from typing import Any

from penstock.protocols import json


def encode_arguments(text: str) -> dict[str, Any]:
    """The object that the text says. Text that says none is wrapped, so that it is not lost."""
    value = read_arguments(text) if text.strip() else {}
    if value is None:
        return {} if text.strip() == "null" else {"INVALID_JSON": text}
    return value


def read_arguments(text: str) -> dict[str, Any] | None:
    """The object that the text says; ``None`` where it says none (yet)."""
    try:
        value = json.loads(text.encode())
    except (*json.UNREADABLE, UnicodeEncodeError):
        return None
    return value if isinstance(value, dict) else None


def decode_arguments(value: Any) -> str:
    """An object as JSON text; text as it is, which compatible servers send."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.encode(value).decode()
