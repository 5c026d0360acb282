"""Errors in a 200 answer: an ``error`` event, a response that ``failed``; and how we say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock import errors
from penstock.protocols.error_body import error_from_value

# Of a response's ``error.code``; what is not here is a code of failed answers, or nobody's.
_BY_CODE: dict[str, type[errors.PenstockError]] = {
    "server_error": errors.Unavailable,
    "vector_store_timeout": errors.Timeout,
    "invalid_prompt": errors.InvalidRequest,
    "bio_policy": errors.ContentFiltered,
    "misalignment_policy_violation": errors.ContentFiltered,
    "image_content_policy_violation": errors.ContentFiltered,
}
_IMAGE = ("invalid_image", "invalid_base64_image", "image_", "unsupported_image", "empty_image")

_CODES: tuple[tuple[type[errors.PenstockError], str], ...] = (
    (errors.RateLimited, "rate_limit_exceeded"),
    (errors.CallerError, "invalid_prompt"),
    (errors.PenstockError, "server_error"),
)
"""The first class that an error is of names its code."""


def decode_stream_failure(value: Mapping[str, Any], spoken: bool) -> errors.PenstockError:
    """The error that a 200 answer holds; ``StreamFailed`` once something was said."""
    inner = value.get("error")
    flat = {key: item for key, item in value.items() if key != "type"}  # the event's own type
    fields = {"error": inner} if isinstance(inner, Mapping) else flat
    found = error_from_value(200, fields, errors.StreamFailed)
    kind = errors.StreamFailed if spoken else _kind(found)
    return kind(found.message, type=found.type, code=found.code, param=found.param)


def _kind(found: errors.PenstockError) -> type[errors.PenstockError]:
    code = found.code or ""
    if type(found) is not errors.StreamFailed:
        return type(found)
    by_code = _BY_CODE.get(code)
    if by_code is None and code.startswith(_IMAGE):
        return errors.InvalidRequest
    return by_code or errors.StreamFailed


def decode_cancelled(spoken: bool) -> errors.PenstockError:
    """The error that a cancelled response is."""
    kind = errors.StreamFailed if spoken else errors.Unavailable
    return kind("the service cancelled its answer; try again", code="cancelled")


def encode_stream_failure(error: errors.PenstockError) -> dict[str, Any]:
    """The fields of an ``error`` event, which the error of a failed response has too."""
    code = error.code or next(name for of, name in _CODES if isinstance(error, of))
    return {"code": code, "message": error.message, "param": error.param}
