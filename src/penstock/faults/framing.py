"""Answers that HTTP does not allow, and encodings of the body that nobody asked for."""

from __future__ import annotations

import gzip
import zlib

from penstock.faults import http
from penstock.faults.answers import Answer
from penstock.faults.script import FIN, Flood, Repeat, Script

_BOMB = 1024
"""MiB of zeros, in about one."""


def bad_chunk(answer: Answer) -> Script:
    """A chunk whose size is no number."""
    first = b"".join((answer.opening, *answer.tokens[:10]))
    return [answer.chunked_head(), http.chunk(first), b"what\r\n" + first + b"\r\n", FIN]


def both_lengths(answer: Answer) -> Script:
    """Transfer-Encoding and Content-Length, and the body chunked."""
    head = answer.chunked_head(Content_Length=len(answer.data))
    return [head, http.chunk(answer.data), http.LAST, FIN]


def two_lengths(answer: Answer) -> Script:
    """Two lengths that differ."""
    right = f"Content-Length: {len(answer.data)}\r\n".encode()
    wrong = f"Content-Length: {len(answer.data) // 2}\r\n\r\n".encode()
    head = http.head(200, {"Content-Type": answer.content_type})[:-2]
    return [head + right + wrong + answer.data, FIN]


def not_http(answer: Answer) -> Script:
    """Another protocol's greeting."""
    return [b"SSH-2.0-OpenSSH_9.6\r\n", FIN]


def huge_header(answer: Answer) -> Script:
    """One header of 200 kB before a good answer."""
    return _with_headers(answer, b"X-Long: " + b"a" * 200_000 + b"\r\n")


def many_headers(answer: Answer) -> Script:
    """5,000 headers before a good answer."""
    return _with_headers(answer, b"".join(b"X-Header-%d: a\r\n" % n for n in range(5000)))


def _with_headers(answer: Answer, headers: bytes) -> Script:
    head = answer.head().removesuffix(b"\r\n") + headers + b"\r\n"
    return [head, *answer.carried(answer.parts), answer.last, FIN]


def hints(answer: Answer) -> Script:
    """103 Early Hints, without end."""
    return [Flood(http.head(103, {"Link": "</style.css>; rel=preload"}) * 100)]


def gzipped(answer: Answer) -> Script:
    """A good answer, compressed."""
    return _encoded(answer, gzip.compress(answer.data, 6, mtime=0))


def gzip_cut(answer: Answer) -> Script:
    """The compressed bytes end in their middle; the body ends as it should."""
    data = gzip.compress(answer.data, 6, mtime=0)
    return _encoded(answer, data[: len(data) // 2])


def unknown_encoding(answer: Answer) -> Script:
    """A good answer that says it is encoded."""
    return _encoded(answer, answer.data, "rot13")


def _encoded(answer: Answer, data: bytes, encoding: str = "gzip") -> Script:
    length = None if answer.streamed else len(data)
    head = answer.head(length, Content_Encoding=encoding)
    return [head, *answer.carried([data]), answer.last]


def bomb(answer: Answer) -> Script:
    """A GiB in one MiB. A block of zeros that is flushed whole compresses to the same bytes every
    time, so that it is made once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    begin = packer.compress(answer.opening + b"".join(answer.tokens[:1]))
    begin += packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = answer.chunked_head(Content_Encoding="gzip")
    return [head, http.chunk(begin), Repeat(http.chunk(block), _BOMB), FIN]
