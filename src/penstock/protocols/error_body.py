"""The error bodies that services send: many shapes, one error of our tree.

{"error": {"message", "type", "code", "param"}}     OpenAI and most others
{"error": {"code": 429, "message", "metadata"}}      OpenRouter
{"error": "text"}, {"code", "error": "text"}         Ollama, xAI
{"detail": "text"}, {"message": "text"}              FastAPI servers, Bedrock, Cohere
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock import errors
from penstock.protocols import json

BLANK = b" \t\r\n\f\v\xef\xbb\xbf"
"""Bytes that say nothing at the head of a body: white space, and the byte order mark's three."""

_SHOWN = 300

_BY_CODE: dict[str, type[errors.PenstockError]] = {
    "model_not_found": errors.UnknownModel,
    "DeploymentNotFound": errors.UnknownModel,
    "content_filter": errors.ContentFiltered,
    "content_policy_violation": errors.ContentFiltered,
    "invalid_api_key": errors.Unauthorized,
    "rate_limit_exceeded": errors.RateLimited,
    "insufficient_quota": errors.RateLimited,
}


def error_from_body(status: int, body: bytes, reason: str = "") -> errors.PenstockError:
    """The error that a failed answer's body (or, without one, its status text) stands for."""
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        value = None
    if isinstance(value, Mapping):
        return error_from_value(status, value)
    message = f"the service answered {status} {reason}".rstrip()
    if value is None and body and not looks_like_html(body):
        message += ": " + body[:_SHOWN].decode("utf-8", "replace").strip()
    return errors.error_for_status(status)(message, status=status)


def error_from_value(
    status: int, value: Mapping[str, Any], default: type[errors.PenstockError] | None = None
) -> errors.PenstockError:
    """The error that a JSON error object stands for; ``default`` where its code says nothing."""
    inner = value.get("error")
    fields: Mapping[str, Any] = inner if isinstance(inner, Mapping) else value
    text = fields.get("message") or (inner if isinstance(inner, str) else value.get("detail"))
    code = fields.get("code")
    if isinstance(code, int) and 400 <= code < 600 and not status >= 400:
        status = code
    if status < 400 and default is not None:
        by_status: type[errors.PenstockError] = default
    else:
        by_status = errors.error_for_status(max(status, 400))
    kind = _BY_CODE.get(str(code), by_status)
    return kind(
        str(text or f"the service answered {status} without saying why"),
        status=status,
        type=_word(fields.get("type")),
        code=_word(code),
        param=_word(fields.get("param")),
    )


def _word(value: Any) -> str | None:
    return None if value is None else str(value)


def looks_like_html(body: bytes) -> bool:
    """Whether this is a web page, as fronts and captive portals answer with, not an answer."""
    return body.lstrip(BLANK)[:1] == b"<"
