"""Answers that fail by their status, in the vendor's own words."""

from __future__ import annotations

from email.utils import formatdate
from time import time

from penstock.errors import (
    InvalidRequest,
    PenstockError,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnknownModel,
    error_for_status,
)
from penstock.faults import http
from penstock.faults.answers import Answer, body
from penstock.faults.script import Repeat, Script
from penstock.protocols import Protocol

_WORDS: dict[int, tuple[type[PenstockError], str, str, str]] = {
    400: (InvalidRequest, "the request is wrong", "invalid_request_error", "invalid_request"),
    401: (Unauthorized, "the API key is wrong", "invalid_request_error", "invalid_api_key"),
    403: (Unauthorized, "this key may not do that", "permission_error", "forbidden"),
    404: (UnknownModel, "there is no such model", "invalid_request_error", "model_not_found"),
    429: (RateLimited, "too many requests", "rate_limit_error", "rate_limit_exceeded"),
    500: (Unavailable, "something failed here", "server_error", "internal_error"),
    502: (Unavailable, "bad gateway", "server_error", "bad_gateway"),
    503: (Unavailable, "the engine is overloaded", "server_error", "overloaded"),
    529: (Unavailable, "overloaded", "overloaded_error", "overloaded"),
}
_HUGE = 32
"""MiB of an error's body."""
_MEBIBYTE = 2**20


def error(protocol: Protocol, status: int, message: str = "", code: str = "") -> PenstockError:
    """What a service of that protocol means by a status."""
    usual = (error_for_status(status), f"it failed with {status}", "server_error", "error")
    kind, words, type, usual_code = _WORDS.get(status, usual)
    own = type if protocol.name.startswith("openai") or status == 529 else None
    told = kind(message or words, status=status, type=own, code=code or usual_code)
    told.http_status = status
    return told


def failed(protocol: Protocol, told: PenstockError, **headers: str | int) -> bytes:
    """The whole answer that tells of an error with its own status, in the protocol's words."""
    content_type, data = body(protocol.encode_error(told)[1])
    status = told.status or 500
    about = {"Content-Type": content_type, "Content-Length": len(data), **http.named(headers)}
    if protocol.name == "bedrock_converse" and b"__type" in data:
        about["x-amzn-ErrorType"] = data.partition(b'"__type":"')[2].partition(b'"')[0].decode()
    reason = told.message if content_type.startswith("text/") else ""
    return http.head(status, about, reason) + data


def status(answer: Answer, number: int) -> Script:
    """Nothing but that status."""
    return [failed(answer.protocol, error(answer.protocol, number))]


def limited(answer: Answer, **headers: str | int) -> Script:
    """429, and when to come again."""
    return [failed(answer.protocol, error(answer.protocol, 429), **headers)]


def after_seconds(answer: Answer, seconds: int) -> Script:
    """429 with ``Retry-After`` as a number."""
    return limited(answer, Retry_After=seconds)


def after_date(answer: Answer, seconds: int) -> Script:
    """429 with ``Retry-After`` as a date, to be compared with ``Date``."""
    now = time()
    date, later = formatdate(now, usegmt=True), formatdate(now + seconds, usegmt=True)
    return limited(answer, Date=date, Retry_After=later)


def after_milliseconds(answer: Answer, milliseconds: int) -> Script:
    """429 with ``retry-after-ms``, as OpenAI and Azure send it."""
    return limited(answer, retry_after_ms=milliseconds)


def after_reset(answer: Answer, seconds: int) -> Script:
    """429 with nothing but ``x-ratelimit-reset-requests``, as OpenAI sends it."""
    return limited(
        answer, x_ratelimit_remaining_requests=0, x_ratelimit_reset_requests=f"{seconds}s"
    )


def after(value: str, answer: Answer) -> Script:
    """429 with that ``Retry-After``, whatever it means."""
    return limited(answer, Retry_After=value)


def context(answer: Answer) -> Script:
    """400: the question is too long."""
    told = error(
        answer.protocol, 400, "the question is longer than the context", "context_length_exceeded"
    )
    return [failed(answer.protocol, told)]


def refused(answer: Answer) -> Script:
    """400: the question's content is refused."""
    told = error(
        answer.protocol, 400, "the content policy refuses this", "content_policy_violation"
    )
    return [failed(answer.protocol, told)]


def no_prefill(answer: Answer) -> Script | None:
    """400 where the question ends with an answer's beginning; else nothing is wrong."""
    messages = answer.request.messages
    if not messages or messages[-1].role != "assistant":
        return None
    told = error(
        answer.protocol, 400, "the last message must not be the assistant's", "invalid_prefill"
    )
    return [failed(answer.protocol, told)]


def web_page(answer: Answer, status: int = 200) -> Script:
    """A page for people."""
    page = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Log in</body></html>\n"
    return [http.whole(status, "text/html; charset=utf-8", page)]


def huge(answer: Answer) -> Script:
    """500, and a body of many MiB."""
    length = _HUGE * _MEBIBYTE
    head = http.head(500, {"Content-Type": "application/json", "Content-Length": length})
    return [head, Repeat(b"{" * 65536, length // 65536)]


def error_with_200(answer: Answer) -> Script:
    """The vendor's error object, and a status that says all is well."""
    content_type, data = body(answer.protocol.encode_error(error(answer.protocol, 503))[1])
    return [http.whole(200, content_type, data)]


def redirect(answer: Answer) -> Script:
    """To another host, which is nowhere."""
    there = "https://elsewhere.invalid/v1/chat/completions"
    return [http.head(307, {"Location": there, "Content-Length": 0})]
