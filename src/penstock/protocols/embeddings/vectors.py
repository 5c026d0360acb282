"""Vectors on the wire: checked, and as base64 of little-endian 32-bit floats."""

from __future__ import annotations

import binascii
import math
import struct
from collections.abc import Iterable, Sequence

from msgspec import Raw
from msgspec.json import Decoder

from penstock.errors import UnexpectedAnswer
from penstock.protocols.json import UNREADABLE
from penstock.types import Vector

_GREATEST = 3.4028234663852886e38  # of a 32-bit float, which every service computes in
_VECTOR = Decoder(tuple[float, ...] | str)


def checked(vectors: Iterable[Vector], count: int) -> tuple[Vector, ...]:
    """The vectors, one for each of ``count`` inputs. Raises ``UnexpectedAnswer``."""
    found = tuple(vectors)
    check_count(len(found), count)
    lengths = sorted({len(vector) for vector in found})
    if len(lengths) != 1 or not lengths[0]:
        shown = " and ".join(map(str, lengths[:3]))
        raise UnexpectedAnswer(f"the service gave vectors of {shown} numbers")
    if not all(map(_is_finite, found)):
        raise UnexpectedAnswer("the service gave a vector with what is not a number")
    return found


def check_count(found: int, count: int) -> None:
    """Raise ``UnexpectedAnswer`` unless there are as many vectors as inputs."""
    if found != count:
        raise UnexpectedAnswer(f"the service gave {found} vectors for {count} inputs")


def _is_finite(vector: Vector) -> bool:
    return math.hypot(*vector) <= _GREATEST  # what is no number makes the length none, too


def in_order(places: Sequence[int | None], vectors: Sequence[Vector]) -> list[Vector]:
    """The vectors by their index; one without stands where it stands (a 0 is left out by services
    whose JSON is made of protocol buffers). Raises ``UnexpectedAnswer``."""
    indexes = [place if index is None else index for place, index in enumerate(places)]
    if sorted(indexes) != list(range(len(vectors))):
        raise UnexpectedAnswer("the service numbered its vectors wrongly")
    ordered = dict(zip(indexes, vectors, strict=True))
    return [ordered[index] for index in range(len(vectors))]


def read_vectors(written: Iterable[Raw]) -> list[Vector]:
    """The vectors that stand in JSON, as numbers or as base64. Raises ``UnexpectedAnswer``.

    Each is read by itself, so that other threads have their turn in between: all of a large answer
    at once would hold the interpreter for as long as it takes.
    """
    try:
        found = map(_VECTOR.decode, written)
        return [from_base64(one) if isinstance(one, str) else one for one in found]
    except UNREADABLE:
        raise UnexpectedAnswer("the service gave a vector that is not made of numbers") from None


def to_base64(vector: Vector) -> str:
    """The vector as base64; what 32 bits cannot hold is rounded."""
    data = struct.pack(f"<{len(vector)}f", *vector)
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def from_base64(text: str) -> Vector:
    """The vector in base64. Raises ``UnexpectedAnswer``."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error):
        raise UnexpectedAnswer("the service gave a vector that is not base64 of floats") from None
