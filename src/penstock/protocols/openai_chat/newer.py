"""OpenAI chat's newer words, where a service no longer heeds the older ones."""

from __future__ import annotations

from typing import Any

from penstock.protocols.kept import rest


def in_newer_words(body: dict[str, Any]) -> dict[str, Any]:
    """With ``max_completion_tokens`` where a service does not heed ``max_tokens``."""
    longest = body.get("max_tokens")
    body = rest(body, "max_tokens")
    return body if longest is None else {"max_completion_tokens": longest, **body}
