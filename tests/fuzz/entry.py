"""How an input is laid out, so that a person can read one and a fuzzer can change it.

    openai_chat anthropic_messages      what is asked: protocols, by name
    .!M!7                               how: a dot (``is_on``), then the length of each piece
    data: {"choices": …                 the bytes themselves, to their end

A length is a character: up to ``@`` so many bytes from a space, which is none, on; from ``A`` to
``~`` a share of the bytes that are left. The last piece is the rest. A name that nobody has stands
for one that there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple
from zlib import crc32

_NONE, _SHARE, _ALL = b" @~"


class Entry(NamedTuple):
    """An input, taken apart."""

    words: tuple[str, ...]
    is_on: bool
    """A switch, for whatever has two ways."""
    lengths: bytes
    body: bytes

    def word(self, which: int, known: Sequence[str]) -> str:
        """One of the ``known`` names."""
        said = self.words[which] if which < len(self.words) else ""
        return said if said in known else known[crc32(said.encode()) % len(known)]

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes over the wire."""
        start = 0
        for length in self.lengths:
            end = start + _bytes(length, len(self.body) - start)
            yield self.body[start:end]
            start = end
        yield self.body[start:]


def _bytes(length: int, left: int) -> int:
    """How many of the bytes that are left a piece has."""
    if length <= _SHARE:
        return min(max(length - _NONE, 0), left)
    return left * min(length - _SHARE, _ALL - _SHARE) // (_ALL - _SHARE)


def parse(data: bytes) -> Entry:
    """Any bytes, as an input."""
    head, _, rest = data.partition(b"\n")
    knobs, _, body = rest.partition(b"\n")
    words = tuple(islice(head.decode("latin-1").split(), 4))
    return Entry(words, knobs.startswith(b"."), knobs[1:], body)


def write(words: str, body: bytes, knobs: str = ".") -> bytes:
    """The input that ``parse`` reads so."""
    return b"\n".join((words.encode(), knobs.encode(), body))
