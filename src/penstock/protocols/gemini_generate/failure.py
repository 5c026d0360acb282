"""Google's errors: ``{"error": {"code", "message", "status", "details"}}``, some in a list of one.

The status is a word of https://cloud.google.com/apis/design/errors#handling_errors and decides; a
bad key alone is told as INVALID_ARGUMENT, with the reason in ``details``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock import errors
from penstock.protocols import json
from penstock.protocols.error_body import error_from_body, error_from_value
from penstock.retry_after import wait_in

_BY_STATUS: dict[str, type[errors.PenstockError]] = {
    "INVALID_ARGUMENT": errors.InvalidRequest,
    "FAILED_PRECONDITION": errors.InvalidRequest,
    "OUT_OF_RANGE": errors.InvalidRequest,
    "ALREADY_EXISTS": errors.InvalidRequest,
    "UNIMPLEMENTED": errors.InvalidRequest,
    "NOT_FOUND": errors.UnknownModel,
    "UNAUTHENTICATED": errors.Unauthorized,
    "PERMISSION_DENIED": errors.Unauthorized,
    "RESOURCE_EXHAUSTED": errors.RateLimited,
    "DEADLINE_EXCEEDED": errors.Timeout,
    "CANCELLED": errors.Unavailable,
    "ABORTED": errors.Unavailable,
    "INTERNAL": errors.Unavailable,
    "UNAVAILABLE": errors.Unavailable,
    "UNKNOWN": errors.Unavailable,
    "DATA_LOSS": errors.Unavailable,
}

_STATUS_OF: tuple[tuple[type[errors.PenstockError], str], ...] = (
    (errors.UnknownModel, "NOT_FOUND"),
    (errors.Unauthorized, "UNAUTHENTICATED"),
    (errors.ConfigError, "INTERNAL"),
    (errors.CallerError, "INVALID_ARGUMENT"),
    (errors.RateLimited, "RESOURCE_EXHAUSTED"),
    (errors.Timeout, "DEADLINE_EXCEEDED"),
    (errors.StreamStalled, "DEADLINE_EXCEEDED"),
    (errors.PenstockError, "UNAVAILABLE"),
)
"""The first class that an error is of names its status."""

_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def decode_failure(status: int, body: bytes, reason: str = "") -> errors.PenstockError:
    """The error that a failed answer stands for: its status word decides, else its status."""
    value = _object_in(body)
    if value is None:
        return error_from_body(status, body, reason)
    return _retyped(error_from_value(status, value), value)


def decode_stream_failure(value: Mapping[str, Any], spoken: bool) -> errors.PenstockError:
    """The error that a 200 answer holds; ``StreamFailed`` once something was said."""
    found = _retyped(error_from_value(200, value, errors.StreamFailed), value)
    if not spoken:
        return found
    return errors.StreamFailed(
        found.message,
        type=found.type,
        code=found.code,
        param=found.param,
        retry_after=found.retry_after,
    )


def _object_in(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of a failed answer, alone or in the list that a stream would have been."""
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        return None
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, Mapping)), None)
    return value if isinstance(value, Mapping) else None


def _retyped(found: errors.PenstockError, value: Mapping[str, Any]) -> errors.PenstockError:
    inner = value.get("error")
    said = inner if isinstance(inner, Mapping) else {}
    word = said.get("status")
    name = word if isinstance(word, str) else found.type
    kind = _BY_STATUS.get(name or "", type(found))
    details = list(_details(said))
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        kind = errors.Unauthorized
    return kind(
        found.message,
        status=found.status,
        type=name,
        code=found.code,
        param=found.param or _field(details),
        retry_after=_delay(details),
    )


def _details(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = said.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping):
            yield detail


def _field(details: list[Mapping[str, Any]]) -> str | None:
    """The field that a BadRequest names."""
    for detail in details:
        match detail.get("fieldViolations"):
            case [{"field": str(field)}, *_] if field:
                return field
    return None


def _delay(details: list[Mapping[str, Any]]) -> float | None:
    """The seconds of a RetryInfo: ``"34.07s"``."""
    for detail in details:
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and delay.endswith("s"):
            return wait_in(delay, 0.0)
    return None


def encode_failure(error: errors.PenstockError) -> dict[str, Any]:
    """The error object, the same in a failed answer and amid a stream."""
    status = next(name for of, name in _STATUS_OF if isinstance(error, of))
    if error.type in _BY_STATUS:
        status = error.type
    inner: dict[str, Any] = {
        "code": error.http_status,
        "message": error.message,
        "status": status,
    }
    if error.retry_after is not None:
        delay = f"{error.retry_after:.9f}".rstrip("0").rstrip(".") + "s"
        inner["details"] = [{"@type": _RETRY_INFO, "retryDelay": delay}]
    return {"error": inner}
