"""Bad HTTP, byte for byte."""

from __future__ import annotations

import gzip
import zlib

import pytest

from faults.caller import ask
from penstock.faults import TEXT, WORDS, serve


async def test_a_chunk_has_no_size() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "bad-chunk")
    assert b"\r\nwhat\r\n" in heard.raw
    with pytest.raises(ValueError, match="what"):
        heard.chunks  # noqa: B018


async def test_two_ways_to_find_the_end() -> None:
    async with serve(pace=0) as server:
        both, two = await ask(server, "both-lengths"), await ask(server, "two-lengths")
    assert {"transfer-encoding", "content-length"} <= {*both.headers}
    assert two.head.count(b"Content-Length: ") == 2


async def test_no_http_at_all() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "not-http")
    assert (heard.raw, heard.end) == (b"SSH-2.0-OpenSSH_9.6\r\n", "FIN")


async def test_heads_that_are_too_large() -> None:
    async with serve(pace=0) as server:
        huge, many = await ask(server, "huge-header"), await ask(server, "many-headers")
    assert len(huge.headers["x-long"]) == 200_000
    assert len(many.headers) > 5000
    assert all(word.encode() in huge.body for word in WORDS)
    assert huge.is_whole


async def test_hints_without_end() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "hints", most=2**20)
    assert (heard.end, heard.status) == ("more", 103)
    assert b" 200 " not in heard.raw


@pytest.mark.parametrize("stream", [True, False])
async def test_a_body_comes_compressed(stream: bool) -> None:
    async with serve(pace=0) as server:
        heard, cut = await ask(server, "gzip", stream=stream), await ask(server, "gzip-cut")
    assert heard.headers["content-encoding"] == "gzip"
    body = gzip.decompress(heard.body)
    assert b"t00" in body
    assert stream or TEXT.encode() in body
    assert cut.is_whole
    with pytest.raises(EOFError):
        gzip.decompress(cut.body)


async def test_a_bomb_is_a_thousand_times_larger_than_it_looks() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "gzip-bomb", most=2**22)
        assert heard.end == "FIN"
    unpacker, size = zlib.decompressobj(31), 0
    for chunk in heard.chunks:
        size += len(unpacker.decompress(chunk))
    assert size > 2**30
    assert len(heard.raw) < 2**21


async def test_an_encoding_that_nobody_knows() -> None:
    async with serve(pace=0) as server:
        assert (await ask(server, "rot13")).headers["content-encoding"] == "rot13"
