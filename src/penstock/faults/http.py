"""HTTP/1.1 as the bytes of an answer: heads and chunks, right ones and others."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

_OWN = {529: "Site is overloaded"}

LAST = b"0\r\n\r\n"
"""The end of a chunked body."""


def head(status: int, headers: Mapping[str, str | int], reason: str = "") -> bytes:
    """An answer's head, to the empty line."""
    lines = [f"HTTP/1.1 {status} {reason or phrase(status)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def phrase(status: int) -> str:
    """The usual status text; of a status nobody knows, none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return _OWN.get(status, "")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body. Without data there is none, for an empty one is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def whole(status: int, content_type: str, body: bytes, **headers: str | int) -> bytes:
    """A whole answer with its length; further headers as ``named`` takes them."""
    about = {"Content-Type": content_type, "Content-Length": len(body), **named(headers)}
    return head(status, about) + body


def named(headers: Mapping[str, str | int]) -> dict[str, str | int]:
    """Headers that were given as arguments: ``Retry_After=7`` is ``Retry-After: 7``."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
