"""Bedrock's errors: ``{"message"}``, their type in a header, and as exceptions amid a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock import errors
from penstock.protocols import json
from penstock.protocols.error_body import error_from_body, error_from_value

TYPE_HEADER = "x-amzn-errortype"

_BY_TYPE: dict[str, type[errors.PenstockError]] = {
    "accessdeniedexception": errors.Unauthorized,
    "conflictexception": errors.InvalidRequest,
    "expiredtoken": errors.Unauthorized,
    "expiredtokenexception": errors.Unauthorized,
    "incompletesignature": errors.Unauthorized,
    "internalserverexception": errors.Unavailable,
    "invalidsignatureexception": errors.Unauthorized,
    "missingauthenticationtokenexception": errors.Unauthorized,
    "modelerrorexception": errors.Unavailable,
    "modelnotreadyexception": errors.Unavailable,
    "modelstreamerrorexception": errors.Unavailable,
    "modeltimeoutexception": errors.Timeout,
    "resourcenotfoundexception": errors.UnknownModel,
    "servicequotaexceededexception": errors.RateLimited,
    "serviceunavailableexception": errors.Unavailable,
    "throttlingexception": errors.RateLimited,
    "unrecognizedclientexception": errors.Unauthorized,
    "validationexception": errors.InvalidRequest,
}

_TYPE_OF: tuple[tuple[type[errors.PenstockError], str], ...] = (
    (errors.UnknownModel, "ResourceNotFoundException"),
    (errors.Unauthorized, "AccessDeniedException"),
    (errors.ConfigError, "InternalServerException"),
    (errors.CallerError, "ValidationException"),
    (errors.RateLimited, "ThrottlingException"),
    (errors.Timeout, "ModelTimeoutException"),
    (errors.StreamError, "ModelStreamErrorException"),
    (errors.ServiceError, "ServiceUnavailableException"),
    (errors.PenstockError, "InternalServerException"),
)
"""The first class that an error is of names its type."""

_STREAMED = {
    "InternalServerException": "internalServerException",
    "ModelStreamErrorException": "modelStreamErrorException",
    "ModelTimeoutException": "modelStreamErrorException",
    "ServiceUnavailableException": "serviceUnavailableException",
    "ThrottlingException": "throttlingException",
}
"""What a stream calls them, which has fewer types; ``validationException`` is all else."""


def decode_failure(
    status: int, body: bytes, reason: str, headers: Mapping[str, str]
) -> errors.PenstockError:
    """The error that a failed answer stands for: its type decides, else its status."""
    found = error_from_body(status, body, reason)
    kind = _bare(headers.get(TYPE_HEADER)) or _type_in(body) or found.type
    return _typed(found.message, kind, type(found), status)


def _type_in(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        return None
    return _bare(value.get("__type")) if isinstance(value, Mapping) else None


def _bare(kind: Any) -> str | None:
    """A type's own name: ``a.b#ValidationException:http://…`` has more around it."""
    return kind.partition(":")[0].rpartition("#")[2] or None if isinstance(kind, str) else None


def _typed(
    message: str, kind: str | None, default: type[errors.PenstockError], status: int | None
) -> errors.PenstockError:
    found = _BY_TYPE.get((kind or "").lower(), default)
    return found(message, status=status, type=kind, code=kind)


def decode_body_failure(value: Mapping[str, Any]) -> errors.PenstockError | None:
    """The error that a 200 answer holds instead of a message."""
    if not isinstance(value.get("message"), str) and "__type" not in value:
        return None
    found = error_from_value(200, value, errors.Unavailable)
    return _typed(found.message, _bare(value.get("__type")), type(found), None)


def decode_exception(kind: str, payload: bytes, spoken: bool) -> errors.PenstockError:
    """The error that an exception amid a stream stands for; ``StreamFailed`` once something was
    said."""
    try:
        value = json.loads(payload) if payload else {}
    except json.UNREADABLE:
        value = {}
    message = value.get("message") if isinstance(value, Mapping) else None
    said = message if isinstance(message, str) and message else f"the service sent a {kind}"
    if spoken:
        return errors.StreamFailed(said, type=kind, code=kind)
    return _typed(said, kind, errors.Unavailable, None)


def encode_failure(error: errors.PenstockError) -> dict[str, Any]:
    """The body of a failed answer. Its type, which has its place in a header, is one that AWS's
    clients read here too."""
    return {"message": error.message, "__type": _type_of(error)}


def encode_exception(error: errors.PenstockError) -> tuple[str, bytes]:
    """Type and payload of an exception amid a stream."""
    kinds = (_STREAMED.get(kind) for kind in (_type_of(error), _word_for(error)))
    kind = next((kind for kind in kinds if kind), "validationException")
    return kind, json.encode({"message": error.message})


def _type_of(error: errors.PenstockError) -> str:
    said = error.type or ""
    return said[:1].upper() + said[1:] if said.lower() in _BY_TYPE else _word_for(error)


def _word_for(error: errors.PenstockError) -> str:
    return next(name for of, name in _TYPE_OF if isinstance(error, of))
