"""The AWS event stream: bytes in chunks of any size -> binary frames, checked, and back.

    total length | headers length | CRC-32 of these two | headers | payload | CRC-32 of all before
        4 bytes  |     4 bytes    |       4 bytes       |         |         |       4 bytes

A header is a name (one byte of length before it), a byte for the type of its value, the value.
Wire reference: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID
from zlib import crc32

from penstock.errors import MalformedStream, StreamTruncated
from penstock.protocols.sse import MAX_EVENT

Value: TypeAlias = bool | int | bytes | str | datetime | UUID
"""What a header can hold; a timestamp is counted in milliseconds."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTHS = 8  # bytes of the prelude that its CRC covers
_LEAST = _PRELUDE.size + _CRC.size
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i")}
_LONG = struct.Struct(">q")
_LENGTH = struct.Struct(">H")
_INT_MOST = 2**31


class EventStreamDecoder:
    """Splits bytes into whole frames whose lengths and checksums are right. ``pending`` counts the
    bytes of the frame under way."""

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = _PRELUDE.size

    @property
    def pending(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes complete; after them ``MalformedStream`` if one is none."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= self._needed:
            if self._needed == _PRELUDE.size:
                self._needed = _total(buffer, start)
                continue
            frame = bytes(buffer[start : start + self._needed])
            start += self._needed
            self._needed = _PRELUDE.size
            if crc32(frame[: -_CRC.size]) != _CRC.unpack_from(frame, len(frame) - _CRC.size)[0]:
                raise MalformedStream("a frame's checksum is wrong: its bytes were changed")
            yield frame
        del buffer[:start]

    def close(self) -> Iterator[bytes]:
        """No frame ends with the bytes. Raises ``StreamTruncated`` where one is under way."""
        if self._buffer:
            raise StreamTruncated("the stream was cut inside a frame")
        return iter(())


def _total(buffer: bytearray, start: int) -> int:
    """How many bytes the frame that begins at ``start`` has."""
    total, headers, checksum = _PRELUDE.unpack_from(buffer, start)
    if crc32(buffer[start : start + _LENGTHS]) != checksum:
        raise MalformedStream("the service sent what is no AWS event stream; check its base_url")
    if total > MAX_EVENT:
        raise MalformedStream(f"a frame is longer than {MAX_EVENT} bytes")
    if headers + _LEAST > total:
        raise MalformedStream("a frame is shorter than its own headers")
    return int(total)


class Frame(NamedTuple):
    """A frame's raw headers (``read_headers``) and its payload."""

    headers: bytes
    payload: bytes


def split_frame(frame: bytes) -> Frame:
    """The two halves of a whole frame, as ``EventStreamDecoder`` gives it."""
    end = _PRELUDE.size + int.from_bytes(frame[4:8], "big")
    return Frame(frame[_PRELUDE.size : end], frame[end : -_CRC.size])


def read_headers(data: bytes) -> dict[str, Value]:
    """A frame's headers. Raises ``MalformedStream``."""
    headers: dict[str, Value] = {}
    at = 0
    try:
        while at < len(data):
            name, at = _take(data, at + 1, data[at])
            kind = data[at]
            headers[name.decode()], at = _read_value(kind, data, at + 1)
    except (struct.error, IndexError, ValueError, OverflowError):
        raise MalformedStream("a frame's headers cannot be read") from None
    return headers


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise IndexError
    return data[at : at + size], at + size


def _read_value(kind: int, data: bytes, at: int) -> tuple[Value, int]:
    match kind:
        case 0 | 1:
            return kind == 0, at
        case 2 | 3 | 4:
            number = _NUMBERS[kind]
            return number.unpack_from(data, at)[0], at + number.size
        case 5:
            return _LONG.unpack_from(data, at)[0], at + _LONG.size
        case 6 | 7:
            size: int = _LENGTH.unpack_from(data, at)[0]
            value, at = _take(data, at + _LENGTH.size, size)
            return value if kind == 6 else value.decode(), at
        case 8:
            since: int = _LONG.unpack_from(data, at)[0]
            return _EPOCH + timedelta(milliseconds=since), at + _LONG.size
        case 9:
            value, at = _take(data, at, 16)
            return UUID(bytes=value), at
        case _:
            raise ValueError(kind)


def encode_frame(headers: bytes, payload: bytes) -> bytes:
    """A frame with these headers (``encode_headers``)."""
    lengths = struct.pack(">II", _LEAST + len(headers) + len(payload), len(headers))
    frame = b"".join((lengths, _CRC.pack(crc32(lengths)), headers, payload))
    return frame + _CRC.pack(crc32(frame))


def encode_headers(headers: Mapping[str, Value]) -> bytes:
    """Headers as they stand in a frame. A number takes four bytes, or eight where it needs them."""
    return b"".join(_encode_name(name) + _encode_value(value) for name, value in headers.items())


def _encode_name(name: str) -> bytes:
    data = name.encode()
    return bytes((len(data),)) + data


def _encode_value(value: Value) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int() if -_INT_MOST <= value < _INT_MOST:
            return b"\x04" + _NUMBERS[4].pack(value)
        case int():
            return b"\x05" + _LONG.pack(value)
        case bytes():
            return b"\x06" + _LENGTH.pack(len(value)) + value
        case str():
            data = value.encode()
            return b"\x07" + _LENGTH.pack(len(data)) + data
        case datetime():
            return b"\x08" + _LONG.pack((value - _EPOCH) // timedelta(milliseconds=1))
        case UUID():
            return b"\x09" + value.bytes
