"""Requests out of a connection's bytes: HTTP/1.1, bounded in every direction, without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers, and of a chunk's line."""
MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request's body."""

_END = b"\r\n\r\n"
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
_TRAILERS = 8 * 1024


class Unreadable(Exception):
    """What came is no request of HTTP/1.1, or too large; ``status`` is the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Request(Struct, frozen=True):
    """One request; ``target`` is the path with its query, header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    keep_alive: bool = True

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class RequestReader:
    """Takes bytes in pieces of any size. ``waiting``: how many of them are held."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Request | None = None
        self._body = bytearray()
        self._awaited = False

    @property
    def waiting(self) -> int:
        return len(self._buffer) + len(self._body)

    def is_awaited(self) -> bool:
        """Whether the peer waits for ``100 Continue`` before it sends the body; said once."""
        awaited, self._awaited = self._awaited, False
        return awaited

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next request, once all of it is there. Raises ``Unreadable``."""
        if self._head is None:
            self._head = self._read_head()
        if self._head is None or not self._read_body(self._head.headers):
            return None
        request = replace(self._head, body=bytes(self._body))
        self._head, self._body, self._awaited = None, bytearray(), False
        return request

    def _read_head(self) -> Request | None:
        while self._buffer.startswith(b"\r\n"):  # RFC 9112, 2.2
            del self._buffer[:2]
        end = self._buffer.find(_END, 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise Unreadable(431, f"the head is longer than {MAX_HEAD} bytes")
            return None
        head = _parsed(self._buffer[:end].decode("latin-1"))
        self._awaited = head.headers.get("expect", "").lower() == "100-continue"
        del self._buffer[: end + len(_END)]
        return head

    def _read_body(self, headers: Mapping[str, str]) -> bool:
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
                raise Unreadable(400, "the body's length is not clear")
            return self._read_chunks()
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise Unreadable(400, "Content-Length is no number")
        return self._take(_bounded(int(length)))

    def _take(self, size: int) -> bool:
        if len(self._buffer) < size:
            return False
        self._body, self._buffer = self._buffer, self._buffer[size:]  # without a copy of the body
        del self._body[size:]
        return True

    def _read_chunks(self) -> bool:
        while found := self._chunk_size():
            line, size = found
            if not size:
                return self._read_trailers(line)
            _bounded(len(self._body) + size)
            if len(self._buffer) < line + size + 2:
                return False
            self._body += self._buffer[line : line + size]
            del self._buffer[: line + size + 2]
        return False

    def _chunk_size(self) -> tuple[int, int] | None:
        """How long the line that begins a chunk is, and the chunk; ``None`` until it is there."""
        end = self._buffer.find(b"\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise Unreadable(400, "a chunk's line has no end")
            return None
        digits = bytes(self._buffer[:end]).partition(b";")[0].strip()
        if not _SIZE.fullmatch(digits):
            raise Unreadable(400, "a chunk has no size")
        return end + 2, int(digits, 16)

    def _read_trailers(self, start: int) -> bool:
        end = self._buffer.find(_END, start - 2, start + _TRAILERS)
        if end < 0:
            if len(self._buffer) > start + _TRAILERS:
                raise Unreadable(400, "the trailers are too long")
            return False
        del self._buffer[: end + len(_END)]
        return True


def _bounded(size: int) -> int:
    if size > MAX_BODY:
        raise Unreadable(413, f"the body is longer than {MAX_BODY} bytes")
    return size


def _parsed(head: str) -> Request:
    line, *lines = head.split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Unreadable(400, "this is not HTTP/1.1")
    headers = {}
    for field in lines:
        name, colon, value = field.partition(":")
        if not colon:
            raise Unreadable(400, "a header has no colon")
        headers[name.strip().lower()] = value.strip()
    asked, usual = headers.get("connection", "").lower(), words[2] != "HTTP/1.0"
    keep_alive = "close" not in asked if usual else "keep-alive" in asked
    return Request(words[0], words[1], headers, keep_alive=keep_alive)
