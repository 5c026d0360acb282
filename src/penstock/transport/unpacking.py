"""What a service compressed though ``identity`` was asked of it: gzip and deflate, bounded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from penstock.errors import MalformedStream, StreamTruncated, UnexpectedAnswer

_LARGE = 2**20
"""Bytes of an unpacked answer from which on its packed size matters."""
_SWELLING = 200
"""How many times its size a compressed answer may have; text that a model writes stays below 30."""
_PIECE = 2**16
"""Bytes that are unpacked at once."""
_PLAIN = frozenset(("", "identity", "aws-chunked"))
"""Encodings that are none; an object store names its own way of taking things in."""
_PACKED = frozenset(("gzip", "x-gzip", "deflate"))
_ANY_HEADER, _NO_HEADER = 47, -15
"""zlib's words for a body that begins as gzip or zlib do, and for one that some send as
``deflate`` (RFC 9110, section 8.4.1.2)."""
_ZLIB = 8
"""The low bits of the first byte of zlib's header."""


class Unpacker:
    """Undoes one body's compression, in chunks of any size."""

    def __init__(self, encoding: str) -> None:
        self._is_deflate = encoding == "deflate"
        self._zlib = zlib.decompressobj(_ANY_HEADER)
        self._packed = self._unpacked = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes that ``data`` stands for, in pieces. Raises ``MalformedStream`` where it is not
        compressed as was said, or swells beyond measure."""
        if self._is_deflate and not self._packed and data and data[0] & 15 != _ZLIB:
            self._zlib = zlib.decompressobj(_NO_HEADER)
        self._packed += len(data)
        while data:
            if self._zlib.eof:  # several bodies one after the other are one (RFC 1952, section 2.2)
                self._zlib = zlib.decompressobj(_ANY_HEADER)
            try:
                piece = self._zlib.decompress(data, _PIECE)
            except zlib.error:
                raise MalformedStream("the answer is not compressed as it says") from None
            self._unpacked += len(piece)
            if self._unpacked > max(_LARGE, _SWELLING * self._packed):
                raise MalformedStream(
                    f"the answer swells to more than {_SWELLING} times its size when it is unpacked"
                )
            if piece:
                yield piece
            data = self._zlib.unconsumed_tail or self._zlib.unused_data

    def close(self) -> None:
        """The body is over. Raises ``StreamTruncated`` where its compression is not."""
        if self._packed and not self._zlib.eof:
            raise StreamTruncated("the connection was cut inside what the service compressed")


def unpacker(encoding: str) -> Unpacker | None:
    """What undoes a ``Content-Encoding``; ``None`` where there is nothing to undo. Raises
    ``UnexpectedAnswer`` for one that nobody asked for and we do not know."""
    if not encoding:
        return None
    named = (name.strip().lower() for name in encoding.split(","))
    said = [name for name in named if name not in _PLAIN]
    if not said:
        return None
    if len(said) > 1 or said[0] not in _PACKED:
        raise UnexpectedAnswer(
            f"the answer is encoded as {encoding[:40]!r}, which nobody asked for"
        )
    return Unpacker(said[0])
