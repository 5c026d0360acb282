"""AWS event streams are split as their lengths say, and every changed byte is noticed."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import MalformedStream, StreamTruncated
from penstock.protocols.aws_eventstream import (
    EventStreamDecoder,
    Value,
    encode_frame,
    encode_headers,
    read_headers,
    split_frame,
)
from penstock.protocols.sse import MAX_EVENT
from protocols.reading import by, sliced

HEADERS: dict[str, Value] = {
    ":event-type": "messageStart",
    "yes": True,
    "no": False,
    "small": -5,
    "large": 2**40,
    "bytes": b"\x00\xff",
    "when": datetime(2026, 11, 21, 14, 5, 6, 789000, tzinfo=UTC),
    "who": UUID("12345678-1234-5678-1234-567812345678"),
    "я": "🙂",
}

# A frame of Bedrock's, byte for byte (corpus, bedrock-04695f29dea00e).
RECORDED = bytes.fromhex(
    "0000008e000000517798b0f80b3a6576656e742d7479706507000b6d65737361676553746f700d3a636f6e74"
    "656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070005"
    "6576656e747b2270223a226162636465666768696a6b222c2273746f70526561736f6e223a226d61785f746f"
    "6b656e73227d7233e5d4"
)


def messages(data: bytes) -> list[tuple[dict[str, Value], bytes]]:
    frames = map(split_frame, EventStreamDecoder().feed(data))
    return [(read_headers(frame.headers), frame.payload) for frame in frames]


def test_a_recorded_frame_is_read_and_written_byte_for_byte() -> None:
    ((headers, payload),) = messages(RECORDED)
    assert headers == {
        ":event-type": "messageStop",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert payload.startswith(b'{"p":"abc')
    raw, _ = split_frame(RECORDED)
    assert encode_frame(raw, payload) == RECORDED
    assert encode_headers(headers) == raw


def test_every_type_of_header_is_read_as_it_was_written() -> None:
    assert messages(encode_frame(encode_headers(HEADERS), b"{}")) == [(HEADERS, b"{}")]
    assert messages(encode_frame(b"", b"")) == [({}, b"")]
    narrow = b"\x01b\x02\xfe\x01s\x03\xff\xfe"
    assert messages(encode_frame(narrow, b"")) == [({"b": -2, "s": -2}, b"")]


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_any_slicing_gives_the_same_frames(payloads: list[bytes], data: st.DataObject) -> None:
    frames = [encode_frame(encode_headers(HEADERS), payload) for payload in payloads]
    body = b"".join(frames)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=10))
    for pieces in (sliced(body, cuts), by(body, 1)):
        decoder = EventStreamDecoder()
        assert [frame for piece in pieces for frame in decoder.feed(piece)] == frames
        assert decoder.pending == 0
        assert list(decoder.close()) == []


def test_a_changed_bit_anywhere_is_noticed() -> None:
    frame = encode_frame(encode_headers({":event-type": "x"}), b'{"a": 1}')
    for bit in range(len(frame) * 8):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedStream):
            list(EventStreamDecoder().feed(bytes(changed)))


def test_the_frames_before_a_changed_one_are_given() -> None:
    good = encode_frame(b"", b"good")
    found: list[bytes] = []
    with pytest.raises(MalformedStream, match="checksum"):
        found.extend(EventStreamDecoder().feed(good + good[:-1] + b"\x00"))
    assert found == [good]


def test_a_frame_that_is_cut_is_truncated() -> None:
    frame = encode_frame(b"", b"payload")
    for cut in range(1, len(frame)):
        decoder = EventStreamDecoder()
        assert list(decoder.feed(frame[:cut])) == []
        assert decoder.pending == cut
        with pytest.raises(StreamTruncated):
            decoder.close()


def prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", crc32(lengths))


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (prelude(MAX_EVENT + 1, 0), "longer than"),
        (prelude(2**32 - 1, 0), "longer than"),
        (prelude(15, 0), "shorter than"),
        (prelude(0, 0), "shorter than"),
        (prelude(20, 5), "shorter than"),
        (prelude(20, 2**32 - 1), "shorter than"),
        (b"HTTP/1.1 200 OK\r\n", "no AWS event stream"),
    ],
)
def test_a_length_that_cannot_be_is_refused_before_its_bytes_come(head: bytes, why: str) -> None:
    with pytest.raises(MalformedStream, match=why):
        list(EventStreamDecoder().feed(head))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x05ab",
        b"\x01",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x07\x00\x05abc",
        b"\x01a\x07\x00",
        b"\x01a\x04\x00\x00",
        b"\x01a\x05\x00",
        b"\x01a\x09\x00",
        b"\x01a\x08\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\xff\x00",
        b"\x01a\x07\x00\x01\xff",
    ],
)
def test_headers_that_cannot_be_read_are_an_error_of_ours(raw: bytes) -> None:
    with pytest.raises(MalformedStream):
        read_headers(raw)


@given(st.binary(max_size=80))
def test_any_bytes_for_headers_are_read_or_refused(raw: bytes) -> None:
    try:
        read_headers(raw)
    except MalformedStream:
        return
