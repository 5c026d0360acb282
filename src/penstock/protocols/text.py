"""Bare UTF-8 text: bytes in chunks of any size -> text, never split inside a character."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from penstock.errors import MalformedStream, StreamTruncated


class TextDecoder:
    """Decodes incrementally. ``pending`` counts the bytes of a character under way."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def pending(self) -> int:
        return len(self._decoder.getstate()[0])

    def feed(self, data: bytes) -> Iterator[str]:
        """The text that these bytes complete; after it ``MalformedStream`` for invalid UTF-8."""
        try:
            text = self._decoder.decode(data)
        except UnicodeDecodeError as error:
            if error.start:
                yield error.object[: error.start].decode()
            raise MalformedStream(f"the text is not UTF-8: {error.reason}") from None
        if text:
            yield text

    def close(self) -> None:
        """Raises ``StreamTruncated`` if the bytes end inside a character."""
        if self.pending:
            raise StreamTruncated("the text was cut inside a character")
