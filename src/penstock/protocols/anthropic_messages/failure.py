"""Anthropic's errors: ``{"type": "error", "error": {"type", "message"}, "request_id"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock import errors
from penstock.protocols.error_body import error_from_body, error_from_value

_BY_TYPE: dict[str, type[errors.PenstockError]] = {
    "invalid_request_error": errors.InvalidRequest,
    "authentication_error": errors.Unauthorized,
    "permission_error": errors.Unauthorized,
    "billing_error": errors.RateLimited,  # no quota left
    "not_found_error": errors.UnknownModel,
    "request_too_large": errors.InvalidRequest,
    "rate_limit_error": errors.RateLimited,
    "timeout_error": errors.Timeout,
    "api_error": errors.Unavailable,
    "overloaded_error": errors.Unavailable,
}

_TYPE_OF: tuple[tuple[type[errors.PenstockError], str], ...] = (
    (errors.UnknownModel, "not_found_error"),
    (errors.Unauthorized, "authentication_error"),
    (errors.ConfigError, "api_error"),
    (errors.CallerError, "invalid_request_error"),
    (errors.RateLimited, "rate_limit_error"),
    (errors.Timeout, "timeout_error"),
    (errors.StreamStalled, "timeout_error"),
    (errors.PenstockError, "api_error"),
)
"""The first class that an error is of names its type."""


def decode_failure(status: int, body: bytes, reason: str = "") -> errors.PenstockError:
    """The error that a failed answer stands for: its type decides, else its status."""
    return _retyped(error_from_body(status, body, reason))


def decode_stream_failure(value: Mapping[str, Any], spoken: bool) -> errors.PenstockError:
    """The error that a 200 answer holds; ``StreamFailed`` once something was said."""
    found = error_from_value(200, value, errors.StreamFailed)
    if not spoken:
        return _retyped(found)
    kind = errors.StreamFailed
    return kind(found.message, type=found.type, code=found.code, param=found.param)


def _retyped(found: errors.PenstockError) -> errors.PenstockError:
    kind = _BY_TYPE.get(found.type or "", type(found))
    return kind(
        found.message, status=found.status, type=found.type, code=found.code, param=found.param
    )


def encode_failure(error: errors.PenstockError) -> dict[str, Any]:
    """The error object, the same in a failed answer and amid a stream."""
    kind = next(name for of, name in _TYPE_OF if isinstance(error, of))
    if error.type in _BY_TYPE:
        kind = error.type
    return {"type": "error", "error": {"type": kind, "message": error.message}}
