"""A stream of frames, read into events: what the decoders of framed protocols share.

The frames (sse.py, ndjson.py, …) split the bytes; the protocol's own ``Answer`` reads one frame
after the other; ``FramedDecoder`` knows when a body is no stream at all, and when it is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from penstock.errors import (
    EmptyStream,
    MalformedStream,
    PenstockError,
    StreamTruncated,
    UnexpectedAnswer,
)
from penstock.events import Event, Finish
from penstock.protocols import Decoder
from penstock.protocols.error_body import BLANK, looks_like_html
from penstock.protocols.sse import MAX_EVENT
from penstock.types import Usage

ReadWhole: TypeAlias = Callable[[bytes], Iterator[Event]]
"""The events of a whole body; raises ``UnexpectedAnswer`` where it is none."""


class Frames(Protocol):
    """Bytes in chunks of any size -> the payload of each frame."""

    @property
    def pending(self) -> int:
        """Bytes of the frame under way."""

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The payloads that these bytes complete. Raises ``MalformedStream`` after them."""

    def close(self) -> Iterable[bytes]:
        """A last payload that the end of the bytes completes. Raises ``MalformedStream``."""


class Answer(ABC):
    """What has been said so far. ``began``: something of an answer came; ``ended``: all of it did,
    and ``Finish`` is given, or the service said that it failed."""

    began: bool = False
    ended: bool = False

    @property
    def usage(self) -> Usage | None:
        """The last that was said of what the answer spent, as ``Finish`` says it; ``None``:
        nothing. Raises nothing."""
        return None

    @abstractmethod
    def take(self, payload: bytes) -> Iterator[Event]:
        """The events of one frame. Raises ``StreamError``, or what the service says went wrong."""

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        """The events of several frames, until the end; a place for a short cut."""
        for payload in payloads:
            yield from self.take(payload)
            if self.ended:
                return

    def close(self, delimited: bool) -> Iterator[Event]:
        """What the end of the bytes completes, though the service had not said so itself
        (``delimited``: see ``Decoder.close``)."""
        raise StreamTruncated("the stream was cut before the service ended it")

    def plainly(self, payloads: list[bytes]) -> list[Event] | None:
        """The events of frames that are nothing out of the ordinary, where that can be told at a
        glance; ``None``, and nothing is changed: ``read`` them."""
        return None


class FramedDecoder(Decoder):
    """Reads a stream of frames, or the whole answer that some services send instead.

    ``read_whole`` reads that one, known by its first byte; ``None``: frames begin with a brace.
    """

    def __init__(self, frames: Frames, answer: Answer, read_whole: ReadWhole | None) -> None:
        self._frames = frames
        self._answer = answer
        self._read = read_whole
        self._begun = False
        self._whole: list[bytes] | None = None
        self._whole_size = 0
        self._whole_usage: Usage | None = None
        self._done = False

    @property
    def pending(self) -> int:  # type: ignore[override]
        return self._frames.pending if self._whole is None else self._whole_size

    @property
    def whole(self) -> bool:  # type: ignore[override]
        return self._whole is not None

    @property
    def usage(self) -> Usage | None:  # type: ignore[override]
        if self._whole is not None:
            return self._whole_usage
        usage = self._answer.usage
        return usage if usage is None or self._answer.ended else _so_far(usage)

    def feed(self, data: bytes) -> Iterable[Event]:
        payloads: Iterable[bytes] | None = None
        if self._begun and self._whole is None and not self._done:
            try:
                payloads = self._frames.feed(data)
            except PenstockError:
                self._done = True
                raise
            # Most chunks are a piece of text and no more; a list of it costs half a generator.
            if type(payloads) is list and (said := self._answer.plainly(payloads)) is not None:
                return said
        return self._feed(data, payloads)

    def _feed(self, data: bytes, payloads: Iterable[bytes] | None) -> Iterator[Event]:
        if self._done:
            return
        try:
            if payloads is None and not self._begun:
                data = self._sniff(data)
            if self._whole is not None:
                self._keep_whole(self._whole, data)
                return
            yield from self._answer.read(self._frames.feed(data) if payloads is None else payloads)
        except PenstockError:
            self._done = True  # a stream that failed once does not end well later
            raise
        self._done = self._answer.ended

    def _sniff(self, data: bytes) -> bytes:
        """Decide by the first visible byte what the body is."""
        data = data.lstrip(BLANK)
        if looks_like_html(data):
            raise UnexpectedAnswer("the service answered with a web page; check its base_url")
        self._begun = bool(data)
        if data.startswith(b"{") and self._read is not None:
            self._whole = []
        return data

    def _keep_whole(self, whole: list[bytes], data: bytes) -> None:
        whole.append(data)
        self._whole_size += len(data)
        if self._whole_size > MAX_EVENT:
            raise UnexpectedAnswer(f"the answer is longer than {MAX_EVENT} bytes")

    def close(self, delimited: bool = True) -> Iterator[Event]:
        answer = self._answer
        if self._done or answer.ended:
            return
        self._done = True
        if self._whole is not None and self._read is not None:
            for event in _read_uncut(self._read, b"".join(self._whole)):
                if isinstance(event, Finish):
                    self._whole_usage = event.usage
                yield event
            return
        rest = list(self._frames.close())
        try:
            yield from answer.read(rest)
        except MalformedStream:
            raise StreamTruncated("the stream was cut inside an event") from None
        yield from self._end(delimited)

    def _end(self, delimited: bool) -> Iterator[Event]:
        if self._answer.ended:
            return
        if not self._answer.began:
            raise EmptyStream("the service's stream held nothing; try again")
        yield from self._answer.close(delimited)


def _so_far(usage: Usage) -> Usage | None:
    """The usage of an answer under way. Zeros alone stand for what is not counted yet: clients of
    Anthropic's fail without them in the first event."""
    if not any(getattr(usage, name) for name in _NUMBERS):
        return None
    return replace(usage, provenance="partial") if usage.provenance == "reported" else usage


_NUMBERS = ("input", "output", "total", "cached_input", "cache_write", "reasoning")


def _read_uncut(read: ReadWhole, body: bytes) -> Iterator[Event]:
    try:
        yield from read(body)
    except UnexpectedAnswer:
        if body.rstrip().endswith(b"}"):
            raise
        raise StreamTruncated("the answer was cut before its end") from None


def read_body(
    body: bytes, delimited: bool, read_whole: ReadWhole, decoder: Decoder
) -> Iterator[Event]:
    """The events of a whole body that holds an object, or else the stream that some services send
    instead, read by ``decoder``."""
    if looks_like_html(body):
        raise UnexpectedAnswer("the service answered with a web page; check its base_url")
    body = body.lstrip(BLANK)
    if body.startswith(b"{"):
        yield from read_whole(body)
        return
    yield from decoder.feed(body)
    yield from decoder.close(delimited)
