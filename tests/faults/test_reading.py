"""Requests out of bytes: cut anywhere, and never more than is allowed."""

from __future__ import annotations

import pytest

from penstock.faults.reading import MAX_BODY, MAX_HEAD, Request, RequestReader, Unreadable

PLAIN = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /a?b=c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;ext=1\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"
)
BARE = b"GET / HTTP/1.1\r\n\r\n"


def read(*pieces: bytes) -> list[Request]:
    reader, found = RequestReader(), []
    for piece in pieces:
        reader.feed(piece)
        while request := reader.next():
            found.append(request)
    assert reader.waiting == 0
    return found


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, BARE])
def test_a_request_is_the_same_wherever_it_is_cut(data: bytes) -> None:
    (whole,) = read(data)
    for at in range(len(data)):
        assert read(data[:at], data[at:]) == [whole]
    assert read(*(bytes((byte,)) for byte in data)) == [whole]


def test_a_request_is_what_was_sent() -> None:
    (plain, chunked, bare) = read(PLAIN + CHUNKED + b"\r\n" + BARE)
    assert plain.body == chunked.body == b"hello"
    assert (plain.method, plain.target, plain.path) == ("POST", "/a?b=c", "/a")
    assert plain.headers["host"] == "x"
    assert (bare.method, bare.body) == ("GET", b"")


@pytest.mark.parametrize(
    ("line", "header", "keeps"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "Connection: close\r\n", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_a_connection_is_kept_as_http_says(line: str, header: str, keeps: bool) -> None:
    (request,) = read(f"GET / {line}\r\n{header}\r\n".encode())
    assert request.keep_alive is keeps


def test_who_waits_for_100_is_told_so_once() -> None:
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.next() is None
    assert [reader.is_awaited(), reader.is_awaited()] == [True, False]
    reader.feed(b"hi")
    assert reader.next() is not None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"a" * (MAX_HEAD + 1), 431),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * (MAX_HEAD + 1), 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a" * 9000, 400),
    ],
)
def test_what_is_no_request_or_too_large_is_refused(data: bytes, status: int) -> None:
    reader = RequestReader()
    reader.feed(data)
    with pytest.raises(Unreadable) as caught:
        reader.next()
    assert caught.value.status == status
