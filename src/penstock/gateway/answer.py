"""``Asked`` and ``Answer``: a caller's request and what goes back, whatever carries them."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from penstock.errors import InvalidRequest, PenstockError
from penstock.protocols import Protocol, json

STRICT = "penstock-strict"
"""The header by which a caller refuses to lose anything."""

_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_JSON = "application/json"
_REASON = 200
"""Characters of a status text; clients refuse long ones."""


class Asked(Struct, frozen=True):
    """A caller's request; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    target: str = ""
    """The path as it came, percent signs and query included."""

    @property
    def caller(self) -> str:
        """Who asks, as far as credentials tell; Google's clients may put a key into the query."""
        headers = self.headers
        named = next((headers[name] for name in _CREDENTIALS if headers.get(name)), "")
        return named or "".join(parse_qs(self.target.partition("?")[2]).get("key", ()))

    @property
    def is_strict(self) -> bool:
        """Whether the caller would rather be refused than lose a part of the question."""
        return self.headers.get(STRICT, "").lower() in ("1", "true", "yes")


class Streamed(Struct, frozen=True):
    """A body in pieces: the first, which is there already, those that follow, and what tells a
    caller of a failure amid them. After that the connection is to be closed without ending the
    body."""

    first: bytes
    rest: AsyncGenerator[bytes]
    tell: Callable[[PenstockError], bytes]


class Answer(Struct, frozen=True):
    """What goes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Streamed
    reason: str | None = None


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises ``InvalidRequest``."""
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        raise InvalidRequest("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    most = json.CALLERS_DEEPEST
    if (
        len(body) > most
        and body.count(b"{") + body.count(b"[") > most
        and json.is_deeper(value, most)
    ):
        raise InvalidRequest(f"the body is nested deeper than {most} levels")
    return value


def whole(value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """A whole answer: text where the protocol is bare text, JSON bytes as they are, else JSON."""
    if isinstance(value, str):
        kind, body = "text/plain; charset=utf-8", value.encode()
    else:
        kind, body = _JSON, value if isinstance(value, bytes) else json.encode(value)
    return Answer(200, {"Content-Type": kind, **(headers or {})}, body)


def failure(protocol: Protocol, error: PenstockError) -> Answer:
    """A failed answer in the caller's protocol; a protocol of bare text has only the status text
    to say why."""
    status, value = protocol.encode_error(error)
    headers = (
        {} if error.retry_after is None else {"Retry-After": str(math.ceil(error.retry_after))}
    )
    answer = whole(value, headers)
    reason = None
    if isinstance(value, str):
        reason = " ".join(error.message.split()).encode("ascii", "replace").decode()[:_REASON]
    return Answer(status, answer.headers, answer.body, reason)
