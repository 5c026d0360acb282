"""Data URLs (RFC 2397), the way to say a picture inline where a protocol has only addresses."""

from __future__ import annotations


def split(url: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL; empty for any other URL."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return head[len("data:") : -len(";base64")], data
    return "", ""


def join(media_type: str, data: str) -> str:
    """The data URL of base64 data."""
    return f"data:{media_type};base64,{data}"
