"""How much an answer may have: of bytes, of what they swell to, and of heads before them."""

from __future__ import annotations

import gzip
import time
import zlib
from contextlib import aclosing

import pytest

from penstock.errors import MalformedStream, PenstockError, StreamTruncated, UnexpectedAnswer
from penstock.transport import STREAM, Request, Timeouts, read
from penstock.transport.http import HTTPTransport
from penstock.transport.mock import MockResponse
from raw import (
    CHUNKED,
    FIN,
    LAST,
    RST,
    STAY,
    Flood,
    Script,
    Upstream,
    assert_no_secret,
    chunk,
    head,
    soon,
)

LIMITS = Timeouts(connect=5, headers=5, first=5, idle=5, total=20)
MOST = 1000


async def answer(url: str, most: float = MOST) -> tuple[bytes, PenstockError | None]:
    """All that is read of an answer, and the error that ends it."""
    said = bytearray()
    try:
        response = await HTTPTransport().send(Request("GET", url, timeouts=LIMITS))
        try:
            async with aclosing(response.chunks(most)) as chunks:
                async for data in chunks:
                    said += data
        finally:
            await response.close()
    except PenstockError as error:
        return bytes(said), error
    return bytes(said), None


@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1])
@pytest.mark.parametrize("framing", ["chunked", "length", "none"])
async def test_a_stream_may_have_so_many_bytes_and_not_one_more(size: int, framing: str) -> None:
    data = bytes(n % 251 for n in range(size))
    scripts: dict[str, Script] = {
        "chunked": [CHUNKED, chunk(data[:400]), chunk(data[400:]), LAST],
        "length": [head(content_length=size), data],
        "none": [head(), data, FIN],
    }
    with Upstream(scripts[framing]) as upstream:
        said, error = await answer(upstream.url)
    if size <= MOST:
        assert error is None
        assert said == data
    else:
        assert type(error) is MalformedStream
        assert error.message == "the stream is longer than 1000 bytes; it seems to have no end"
        assert data.startswith(said)  # nothing is left out of what is handed on
        assert_no_secret(error)


async def test_what_follows_the_last_byte_that_is_allowed_is_not_handed_on() -> None:
    with Upstream([CHUNKED, chunk(b"x" * 900), Flood(chunk(b"y" * 500))]) as upstream:
        said, error = await answer(upstream.url)
        assert type(error) is MalformedStream
        assert said in (b"", b"x" * 900)
        await soon(upstream.connections[0].closed)


async def test_a_stream_without_end_ends_soon() -> None:
    with Upstream([CHUNKED, Flood(chunk(b"data: x\n\n" * 7000))]) as upstream:
        start = time.monotonic()
        said, error = await answer(upstream.url, STREAM)
        assert time.monotonic() - start < 5
        await soon(upstream.connections[0].closed)
    assert type(error) is MalformedStream
    assert "67108864 bytes" in error.message
    assert STREAM - 2**20 < len(said) <= STREAM


async def test_without_a_bound_there_is_none() -> None:
    with Upstream([head(content_length=10**6), b"x" * 10**6]) as upstream:
        response = await HTTPTransport().send(Request("GET", upstream.url, timeouts=LIMITS))
        assert len(await read(response, 10**6)) == 10**6
        await response.close()


# Compression, which we do not ask for.


def packed(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=31)
    return packing.compress(data) + packing.flush()


def compressed(data: bytes, *end: bytes) -> Script:
    return [head(content_encoding="gzip", transfer_encoding="chunked"), chunk(data), *end]


TEXT = b"".join(b'data: {"id":"%d","text":"%d"}\n\n' % (n, n * n) for n in range(100_000))
ZEROS = b"\0" * 2**23
BOMB = packed(ZEROS)


async def test_what_is_compressed_all_the_same_is_read() -> None:
    with Upstream(compressed(packed(TEXT), LAST), compressed(BOMB[:1000], LAST)) as upstream:
        assert await answer(upstream.url, STREAM) == (TEXT, None)


async def test_the_bound_counts_the_bytes_that_it_is_unpacked_to() -> None:
    with Upstream(compressed(packed(TEXT), LAST)) as upstream:
        said, error = await answer(upstream.url, 10**6)
        await soon(upstream.connections[0].closed)
    assert type(error) is MalformedStream
    assert len(said) <= 10**6 < len(TEXT)


async def test_a_bomb_is_not_unpacked() -> None:
    with Upstream(compressed(BOMB, LAST)) as upstream:
        said, error = await answer(upstream.url, STREAM)
    assert type(error) is MalformedStream
    assert error.message.startswith("the answer swells to more than 200 times its size")
    assert len(said) < 2**22 < len(ZEROS)


async def test_a_little_that_swells_is_no_bomb() -> None:
    with Upstream(compressed(packed(b"\0" * 2**20), LAST)) as upstream:
        said, error = await answer(upstream.url, STREAM)
    assert error is None
    assert len(said) == 2**20


@pytest.mark.parametrize("end", [FIN, RST], ids=["FIN", "RST"])
async def test_compressed_text_that_is_cut_does_not_end_clean(end: bytes) -> None:
    with Upstream([*compressed(packed(TEXT)[:-500]), end]) as upstream:
        said, error = await answer(upstream.url, STREAM)
    assert error is not None
    assert TEXT.startswith(said)


async def test_compressed_text_that_ends_in_its_middle_is_cut_though_its_framing_is_whole() -> None:
    with Upstream(compressed(packed(TEXT)[:-500], LAST)) as upstream:
        said, error = await answer(upstream.url, STREAM)
    assert type(error) is StreamTruncated
    assert said
    assert TEXT.startswith(said)


@pytest.mark.parametrize("encoding", ["rot13", "br", "gzip, gzip", "zstd"])
async def test_what_is_encoded_in_another_way_is_no_answer(encoding: str) -> None:
    script = [head(content_encoding=encoding, transfer_encoding="chunked"), chunk(b"uryyb"), LAST]
    with Upstream(script) as upstream:
        said, error = await answer(upstream.url, STREAM)
    assert said == b""
    assert type(error) is UnexpectedAnswer
    assert error.message == f"the answer is encoded as {encoding!r}, which nobody asked for"


@pytest.mark.parametrize("encoding", ["identity", "aws-chunked", "gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize("size", [1, 7, 10**6])
async def test_encodings_that_are_known_are_read_in_any_slices(encoding: str, size: int) -> None:
    data = b"data: {}\n\n" * 100
    packed = {"identity": data, "aws-chunked": data, "deflate": zlib.compress(data)}
    body = packed.get(encoding) or gzip.compress(data[:500]) + gzip.compress(data[500:])
    bodies = [body] if encoding != "deflate" else [body, body[2:-4]]  # with its header, without
    for sent in bodies:
        parts = [chunk(sent[n : n + size]) for n in range(0, len(sent), size)]
        script = [head(content_encoding=encoding, transfer_encoding="chunked"), *parts, LAST]
        with Upstream(script) as upstream:
            assert await answer(upstream.url, STREAM) == (data, None)


# Heads.


@pytest.mark.parametrize(("heads", "is_read"), [(99, True), (100, False)])
async def test_a_service_may_say_a_hundred_times_that_it_will_answer(
    heads: int, is_read: bool
) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" * heads
    with Upstream([hints, head(content_length=2), b"Hi"]) as upstream:
        for _ in range(2):  # on the same connection, if that is still good
            said, error = await answer(upstream.url)
            assert said == (b"Hi" if is_read else b"")
            assert type(error) is (type(None) if is_read else UnexpectedAnswer)
        assert len(upstream.connections) == (1 if is_read else 2)


@pytest.mark.parametrize(
    "script",
    [
        [Flood(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)],
        [b"HTTP/1.1 200 OK\r\n", Flood(b"X-Filler: x\r\n" * 100)],
        [b"HTTP/1.1 200 OK\r\nX-Filler: ", Flood(b"x" * 1000)],
        [b"HTTP/1.1 200 ", Flood(b"x" * 1000)],
        [head(x_filler="x" * 200_000), STAY],
        [head()[:-2], b"X-Filler: x\r\n" * 5000, b"\r\n", STAY],
    ],
    ids=["interim", "headers", "header", "reason", "200 KB", "5,000"],
)
async def test_heads_without_end_are_refused_at_once(script: Script) -> None:
    with Upstream(script) as upstream:
        start = time.monotonic()
        said, error = await answer(upstream.url)
        assert time.monotonic() - start < 1
        await soon(upstream.connections[0].closed)
    assert said == b""
    assert type(error) is UnexpectedAnswer


async def test_a_mock_knows_the_bound_too() -> None:
    response = MockResponse(chunks=[b"x" * 600, b"x" * 400, b"x"])
    chunks = response.chunks(MOST)
    assert [len(await anext(chunks)), len(await anext(chunks))] == [600, 400]
    with pytest.raises(MalformedStream, match="longer than 1000 bytes"):
        await anext(chunks)
