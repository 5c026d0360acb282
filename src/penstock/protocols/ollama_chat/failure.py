"""Ollama's errors: ``{"error": "text"}``, with a status, or as a line amid a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock import errors
from penstock.protocols.error_body import error_from_body, error_from_value


def decode_failure(status: int, body: bytes, reason: str = "") -> errors.PenstockError:
    """The error that a failed answer stands for; what is not found is a model."""
    found = error_from_body(status, body, reason)
    if status == 404 and type(found) is errors.InvalidRequest and "model" in found.message:
        return errors.UnknownModel(found.message, status=status, type=found.type, code=found.code)
    return found


def decode_stream_failure(value: Mapping[str, Any], spoken: bool) -> errors.PenstockError:
    """The error that a 200 answer holds; ``StreamFailed`` once something was said."""
    found = error_from_value(200, value, errors.StreamFailed)
    if not spoken:
        return found
    kind = errors.StreamFailed
    return kind(found.message, type=found.type, code=found.code, param=found.param)


def encode_failure(error: errors.PenstockError) -> dict[str, Any]:
    """The error object, the same in a failed answer and amid a stream."""
    return {"error": error.message}
