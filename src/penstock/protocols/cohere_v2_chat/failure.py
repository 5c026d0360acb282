"""Cohere's errors: ``{"id", "message", "error_type"?}``, with a status; amid a stream the same in
``message-end``, with the finish reason ``ERROR`` or ``TIMEOUT``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock import errors
from penstock.protocols import json
from penstock.protocols.error_body import error_from_body, error_from_value

FAILED = ("ERROR", "TIMEOUT")
"""The finish reasons of an answer that did not come to its end."""

_BY_TYPE: dict[str, type[errors.PenstockError]] = {
    "TOO_MANY_TOKENS": errors.InvalidRequest,
    "TIMEOUT": errors.Timeout,
}


def decode_failure(status: int, body: bytes, reason: str = "") -> errors.PenstockError:
    """The error that a failed answer stands for."""
    found = error_from_body(status, body, reason)
    said = _object(body)
    kind: type[errors.PenstockError] = type(found)
    if status == 404 and kind is errors.InvalidRequest and "model" in found.message:
        kind = errors.UnknownModel
    return kind(
        found.message,
        status=found.status,
        type=found.type or _word(said.get("error_type")),
        code=found.code,
        param=found.param,
        request_id=_word(said.get("id")),
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        return {}
    return value if isinstance(value, Mapping) else {}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def decode_stream_failure(said: Mapping[str, Any], spoken: bool) -> errors.PenstockError:
    """The error that a 200 answer holds: a ``message-end``, or an error's own body;
    ``StreamFailed`` once something was said."""
    reason = _word(said.get("finish_reason"))
    type = _word(said.get("error_type")) or (reason if reason == "TIMEOUT" else None)
    value = {"message": f"the service ended with {reason}"} if reason else {}
    found = error_from_value(200, {**value, **said}, errors.StreamFailed)
    known = _BY_TYPE.get(type or "", found.__class__)
    kind = errors.StreamFailed if spoken else known
    message = _word(said.get("error")) or found.message
    return kind(message, type=type or found.type, code=found.code, param=found.param)


def encode_failure(error: errors.PenstockError) -> dict[str, Any]:
    """The error object of a failed answer."""
    value = {"id": error.request_id, "message": error.message, "error_type": error.type}
    return {key: item for key, item in value.items() if item is not None}


def encode_stream_failure(error: errors.PenstockError) -> dict[str, Any]:
    """What a ``message-end`` says of an answer that failed."""
    value = {"finish_reason": "ERROR", "usage": {}, "error": error.message}
    return value if error.type is None else {**value, "error_type": error.type}
