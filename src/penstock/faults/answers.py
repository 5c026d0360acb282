"""The answer that is always given: sixty words, as the bytes of any protocol, event by event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import PenstockError
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.faults import events, http
from penstock.faults.script import Script, Step, Wait
from penstock.protocols import Protocol, json
from penstock.types import ChatRequest, Usage

TOKENS = 60
_RARE = dict(zip(range(5, TOKENS, 10), ("é", "ß", "日", "本", "🙂", "𝄞"), strict=True))
WORDS = tuple(f"t{n:02}{_RARE.get(n, '')}" for n in range(TOKENS))
"""All different, so that what is lost, doubled or out of order is seen; some are not ASCII."""
TEXT = " ".join(WORDS)
"""The whole answer."""
USAGE = Usage(input=10, output=TOKENS, total=10 + TOKENS)
TOOL = "look_up"

Kind: TypeAlias = Literal["text", "tool", "reasoning"]
"""What the sixty tokens are: the text, a tool call's arguments, or reasoning."""


class Answer(Struct, frozen=True):
    """One question, and its answer's bytes: an ``opening``, the ``tokens`` and the events of the
    ``ending``. A whole answer's tokens are slices of its body, and nothing stands around them.

    ``words``: what the tokens say. ``pace``: seconds between two tokens of a stream. ``attempt``:
    how many times this model was asked, with this one; ``since``: seconds since the first time.
    """

    protocol: Protocol
    request: ChatRequest
    kind: Kind
    words: tuple[str, ...]
    content_type: str
    opening: bytes
    tokens: tuple[bytes, ...]
    ending: tuple[bytes, ...]
    pace: float = 0.0
    attempt: int = 1
    since: float = 0.0

    @property
    def streamed(self) -> bool:
        """Whether it comes in events, else as a whole."""
        return self.request.stream

    @property
    def data(self) -> bytes:
        """The whole body."""
        return b"".join((self.opening, *self.tokens, *self.ending))

    @property
    def parts(self) -> list[bytes | Step]:
        """All of the body, in its pace."""
        return [*self.upto(len(self.tokens)), *self.ending]

    def upto(self, count: int) -> list[bytes | Step]:
        """The opening and the first ``count`` tokens, in their pace."""
        return [self.opening, *self._paced(self.tokens[:count])]

    def after(self, count: int) -> list[bytes | Step]:
        """What follows the first ``count`` tokens, to the end."""
        return [*self._paced(self.tokens[count:]), *self.ending]

    def _paced(self, tokens: tuple[bytes, ...]) -> Iterator[bytes | Step]:
        for token in tokens:
            yield token
            if self.streamed and self.pace:
                yield Wait(self.pace)

    def head(self, length: int | None = None, **headers: str | int) -> bytes:
        """The head of a good answer: a stream is chunked, a whole answer has its length (or
        that which is given). ``Content_Encoding="gzip"`` is ``Content-Encoding: gzip``."""
        if length is None and self.streamed:
            return self.chunked_head(**headers)
        return self._head(Content_Length=len(self.data) if length is None else length, **headers)

    def chunked_head(self, **headers: str | int) -> bytes:
        """The head of a body in chunks, whatever was asked."""
        return self._head(Transfer_Encoding="chunked", **headers)

    def _head(self, **headers: str | int) -> bytes:
        return http.head(200, http.named({"Content-Type": self.content_type, **headers}))

    def carried(self, parts: Script) -> list[bytes | Step]:
        """Parts of the body as ``head`` announces them: in chunks, if it is a stream."""
        if not self.streamed:
            return list(parts)
        return [http.chunk(part) if isinstance(part, bytes) else part for part in parts]

    @property
    def last(self) -> bytes:
        """The body's own end."""
        return http.LAST if self.streamed else b""

    def told(self, error: PenstockError, count: int) -> bytes:
        """What tells of an error after ``count`` tokens; empty where the protocol cannot."""
        encoder = self.protocol.encoder(self.request)
        before, tokens, _ = said(self.kind, self.words)
        for event in (*before, *tokens[:count]):
            encoder.encode(event)
        return encoder.error(error)

    def of(self, kind: Kind) -> Answer:
        """The same answer, with other tokens; with text where the protocol cannot say them."""
        return self._made(self.request, kind, self.words)

    def saying(self, words: tuple[str, ...]) -> Answer:
        """The same answer in other words; each brings the blank before it along."""
        return self._made(self.request, self.kind, words)

    def swapped(self) -> Answer:
        """A whole answer instead of the stream, and the other way round."""
        request = replace(self.request, stream=not self.request.stream)
        return self._made(request, self.kind, self.words)

    def _made(self, request: ChatRequest, kind: Kind, words: tuple[str, ...]) -> Answer:
        made = make(self.protocol, request, kind, words)
        return replace(made, pace=self.pace, attempt=self.attempt, since=self.since)

    def event(self, n: int, value: bytes) -> bytes:
        """The event of token ``n``, or the whole answer, with this JSON value in the place of
        its text."""
        return events.with_value(*self._event(n), value, self.content_type)

    def unfinished(self, n: int) -> bytes:
        """The event of token ``n``, or the whole answer, as nobody can read it."""
        return events.unfinished(*self._event(n), self.content_type)

    def _event(self, n: int) -> tuple[bytes, str]:
        if not self.streamed:
            return self.data, "".join(self.words)
        n = min(n, len(self.tokens) - 1)
        return self.tokens[n], self.words[n]


def spaced(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words as tokens: each but the first brings the blank before it."""
    return (*words[:1], *(f" {word}" for word in words[1:]))


def make(
    protocol: Protocol,
    request: ChatRequest,
    kind: Kind = "text",
    words: tuple[str, ...] = spaced(WORDS),
) -> Answer:
    """The answer to ``request``, as a service of that protocol says it."""
    if request.stream or protocol.name == "chatbot_ui":
        return _stream(protocol, replace(request, stream=True), kind, words)
    return _whole(protocol, request, kind, words)


def _stream(protocol: Protocol, request: ChatRequest, kind: Kind, words: tuple[str, ...]) -> Answer:
    encoder = protocol.encoder(request)
    content_type = encoder.content_type or protocol.stream_type
    before, tokens, after = said(kind, words, request.model)
    opening = b"".join(map(encoder.encode, before))
    pieces = tuple(map(encoder.encode, tokens))
    end = b"".join(map(encoder.encode, after)) + encoder.close()
    ending = events.split(end, content_type)
    if not any(pieces):
        if TOOL.encode() not in end:  # nothing of the kind can be said
            return _stream(protocol, request, "text", words)
        pieces, ending = sliced(ending[0], len(words)), ending[1:]
    return Answer(protocol, request, kind, words, content_type, opening, pieces, ending)


def _whole(protocol: Protocol, request: ChatRequest, kind: Kind, words: tuple[str, ...]) -> Answer:
    before, tokens, after = said(kind, words, request.model)
    value = protocol.encode_response(collect((*before, *tokens, *after)))
    content_type, data = body(value)
    pieces = sliced(data, len(words))
    return Answer(protocol, request, kind, words, content_type, b"", pieces, ())


def body(value: Any) -> tuple[str, bytes]:
    """A body's Content-Type and bytes: text where the protocol is bare text, else JSON."""
    if isinstance(value, str):
        return "text/plain; charset=utf-8", value.encode()
    return "application/json", json.encode(value)


def sliced(data: bytes, count: int) -> tuple[bytes, ...]:
    """``count`` pieces of about the same size."""
    size = len(data)
    return tuple(data[size * n // count : size * (n + 1) // count] for n in range(count))


_Said: TypeAlias = tuple[tuple[Event, ...], tuple[Event, ...], tuple[Event, ...]]


def said(kind: Kind, words: tuple[str, ...], model: str = "") -> _Said:
    """The events before the tokens, the tokens, and those after them."""
    start = Start("answer-of-penstock-faults", model)
    match kind:
        case "text":
            return (start,), tuple(map(TextDelta, words)), (Finish("stop", None, USAGE),)
        case "reasoning":
            tokens = tuple(map(ReasoningDelta, words))
            return (start,), tokens, (TextDelta("so", 1), Finish("stop", None, USAGE))
        case "tool":
            call = ToolCallStart(0, "call_0", TOOL)
            calls = tuple(ToolCallDelta(0, text) for text in _arguments(words))
            return (start, call), calls, (Finish("tool_calls", None, USAGE),)


def _arguments(words: tuple[str, ...]) -> Iterator[str]:
    """The words as the arguments of a tool call, in as many pieces."""
    for n, word in enumerate(words):
        first, last = '{"words":"' if n == 0 else "", '"}' if n == len(words) - 1 else ""
        yield f"{first}{word}{last}"
