"""One answer as it grows: chunks in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Raw

from penstock.errors import EmptyStream, MalformedStream, StreamTruncated
from penstock.events import (
    SPOKEN,
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import call_ids, json
from penstock.protocols.framed import Answer
from penstock.protocols.gemini_generate.array import Chunks
from penstock.protocols.gemini_generate.chunks import PlainChunk, decode_chunk, decode_plain
from penstock.protocols.gemini_generate.failure import decode_stream_failure
from penstock.protocols.gemini_generate.grounding import Said, citations
from penstock.protocols.gemini_generate.partial import PartialArguments
from penstock.protocols.gemini_generate.parts import BLOCK
from penstock.protocols.gemini_generate.signatures import unwrap
from penstock.protocols.gemini_generate.usage import decode_usage
from penstock.protocols.gemini_generate.words import NAME, many
from penstock.protocols.halves import LONE, Halves
from penstock.protocols.kept import keep, rest
from penstock.protocols.loss import RAW
from penstock.types import CITATIONS, Usage

REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
"""Google's word for an end without a reason."""

_NUMBERED = ("", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
"""Reasons as numbers, which callers may ask for (``enum-encoding=int``). Above these Google AI and
Vertex AI number differently."""

OF_ANSWER = ("promptFeedback", "modelStatus")
"""What ``Finish.metadata`` holds of the answer, beside what it holds of the candidate."""
BESIDE = "answer"
"""Holds what else an answer said of itself."""

_PLACED = ("candidates", "usageMetadata", "modelVersion", "responseId", "createTime", *OF_ANSWER)
_OURS = frozenset((RAW, BESIDE, BLOCK, *OF_ANSWER))
"""Keys of our own; a service's key of that name would be taken for them."""


class GenerateAnswer(Answer):
    """What has been said so far: chunks in, events out.

    ``index`` is the number of the part begun last; ``plain`` says that it is text that goes on,
    and nothing of it is held back, so that a plain chunk is one ``TextDelta`` and no more.
    """

    def __init__(self, frames: Chunks | None = None) -> None:
        self.plain = False
        self.index = -1
        self._frames = frames
        self._kind: type[Event] | None = None
        self._spoken = False
        self._halves = Halves()
        self._texts: list[tuple[int, list[str]]] = []
        self._name = ""
        self._calls = 0
        self._partial: tuple[int, PartialArguments] | None = None
        self._reason: str | None = None
        self._usage: Mapping[str, Any] | Raw | None = None
        self._about: dict[str, Any] = {}
        self._beside: dict[str, Any] = {}
        self._created: Any = None

    @property
    def usage(self) -> Usage | None:
        try:
            return self._spent()
        except MalformedStream:
            return None

    def _spent(self) -> Usage | None:
        said = self._usage
        if isinstance(said, Raw):
            said = decode_chunk(bytes(said), MalformedStream)
        return None if said is None else decode_usage(said)

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for payload in payloads:
            if self.plain:
                try:
                    chunk = decode_plain(payload)
                    usage = chunk.usage()
                except json.UNREADABLE:
                    yield from self.take(payload)
                else:
                    yield from self._take_plain(chunk, usage, payload)
            else:
                yield from self.take(payload)
        if self._frames is not None and self._frames.closed:
            yield from self._end_array()

    def _take_plain(self, chunk: PlainChunk, usage: Raw | None, payload: bytes) -> Iterator[Event]:
        (candidate,) = chunk.candidates
        if candidate.index:
            yield from self.take(payload)
            return
        self._usage = self._usage if usage is None else usage
        if text := candidate.content.parts[0].text:
            self._texts[-1][1].append(text)
            yield TextDelta(text, self.index)

    def take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":  # OpenAI's word, which some gateways add
            return
        value = decode_chunk(payload, MalformedStream)
        for event in self.take_chunk(value, payload):
            self._spoken = self._spoken or isinstance(event, SPOKEN)
            yield event
        self.plain = self._kind is TextDelta and "text" not in self._halves

    def take_chunk(self, value: Mapping[str, Any], payload: bytes) -> Iterator[Event]:
        """The events of one chunk; a whole answer is a big one."""
        if value.get("error") is not None:
            raise decode_stream_failure(value, self._spoken)
        self._note(value)
        if not self.began:
            self.began = True
            id = str(value.get("responseId") or "")
            self._name = id or payload.decode(errors="replace")
            yield Start(id, str(value.get("modelVersion") or ""))
        for candidate in _listed(value, "candidates"):
            if not candidate.get("index"):  # the waist carries one answer
                yield from self._candidate(candidate)

    def _note(self, value: Mapping[str, Any]) -> None:
        """What a chunk says beside its candidates."""
        usage = _object(value, "usageMetadata")
        self._usage = self._usage if usage is None else usage
        self._created = value.get("createTime") or self._created
        for key in OF_ANSWER:
            if value.get(key) is not None:
                self._about[key] = value[key]
        self._beside.update(_said(rest(value, *_PLACED)))

    def _candidate(self, candidate: Mapping[str, Any]) -> Iterator[Event]:
        content = _object(candidate, "content") or {}
        for part in _listed(content, "parts"):
            yield from self._part(part)
        self._note_reason(candidate.get("finishReason"))
        others = rest(candidate, "content", "finishReason", "index", *_OURS)
        self._about.update(_said(others))

    def _note_reason(self, reason: Any) -> None:
        if type(reason) is int:
            reason = _NUMBERED[reason] if reason in range(len(_NUMBERED)) else str(reason)
        if not isinstance(reason, str | None):
            raise MalformedStream("the service sent a finishReason that is no word")
        self._reason = reason or self._reason

    def _part(self, part: Mapping[str, Any]) -> Iterator[Event]:
        if part.get("functionCall") is not None:
            yield from self._call(part)
        elif part.get("text") is None and _said(rest(part, "thought", "thoughtSignature")):
            yield TextDelta("", self._begin(None), metadata={NAME: {BLOCK: _said(part)}})
        elif part.get("thought") is True:
            yield from self._thought(part)
        else:
            yield from self._text(part)

    def _begin(self, kind: type[Event] | None) -> int:
        """The index of the open part of that kind, which goes on, or of a new one."""
        if kind is None or self._kind is not kind:
            self.index += 1
        self._kind = kind
        return self.index

    def _text(self, part: Mapping[str, Any]) -> Iterator[Event]:
        """Text goes on; a signed one is a part of its own, to be said back as it came."""
        text = self._halves.join("text", _string(part, "text"))
        kept = _said(rest(part, "text", "thought", *_OURS))
        if kept:
            yield self._say(text, self._begin(None), kept)
        elif text:
            yield self._say(text, self._begin(TextDelta))

    def _say(self, text: str, index: int, kept: dict[str, Any] | None = None) -> Event:
        if not self._texts or self._texts[-1][0] != index:
            self._texts.append((index, []))
        self._texts[-1][1].append(text)
        return TextDelta(text, index, metadata={NAME: kept} if kept else None)

    def _thought(self, part: Mapping[str, Any]) -> Iterator[Event]:
        """A thought goes on until it is signed."""
        text = self._halves.join("thought", _string(part, "text"))
        signature = unwrap(_string(part, "thoughtSignature"))
        kept = _said(rest(part, "text", "thought", "thoughtSignature", *_OURS))
        if text or signature or kept:
            index = self._begin(ReasoningDelta)
            yield ReasoningDelta(text, index, signature, keep(NAME, kept))
        if signature:
            self._kind = None

    def _call(self, part: Mapping[str, Any]) -> Iterator[Event]:
        call = _object(part, "functionCall") or {}
        name, pieces = _string(call, "name"), call.get("partialArgs")
        if self._partial is None and not _said(call):
            return  # the end of pieces that had ended themselves
        if self._partial is None or name:
            yield from self._end_partial()
            yield from self._begin_call(part, call, name)
        if self._partial is None:
            return
        for piece in pieces if isinstance(pieces, list) else ():
            self._partial[1].take(piece)
        if call.get("willContinue") is not True:
            yield from self._end_partial()

    def _begin_call(
        self, part: Mapping[str, Any], call: Mapping[str, Any], name: str
    ) -> Iterator[Event]:
        id = _string(call, "id") or call_ids.make(self._name, self._calls)
        self._calls += 1
        index = self._begin(None)
        inner = _said(rest(call, "id", "name", "args", "partialArgs", "willContinue"))
        kept = _said(rest(part, "functionCall", *_OURS))
        kept |= {"functionCall": inner} if inner else {}
        yield ToolCallStart(index, id, name, keep(NAME, kept))
        arguments = _object(call, "args")
        if arguments is not None:
            yield ToolCallDelta(index, json.encode(arguments).decode())
        elif call.get("partialArgs") or call.get("willContinue") is True:
            self._partial = index, PartialArguments()

    def _end_partial(self) -> Iterator[Event]:
        if self._partial is not None:
            index, arguments = self._partial
            self._partial = None
            yield ToolCallDelta(index, arguments.text())

    def close(self, delimited: bool) -> Iterator[Event]:
        # Nothing in the events is their end: only a body that ended well says that none follow.
        if self._frames is None or self._frames.is_array or not delimited or not self._is_over():
            yield from super().close(delimited)
        yield from self.end()

    def _end_array(self) -> Iterator[Event]:
        if not self.began:
            raise EmptyStream("the service's stream held nothing; try again")
        if not self._is_over():
            raise StreamTruncated("the service ended its array before it ended the answer")
        yield from self.end()

    def _is_over(self) -> bool:
        return self._reason is not None or self._is_blocked()

    def _is_blocked(self) -> bool:
        """Whether the service refused the question itself."""
        feedback = self._about.get("promptFeedback")
        return isinstance(feedback, Mapping) and bool(feedback.get("blockReason"))

    def end(self) -> Iterator[Event]:
        """What is still held, and ``Finish``. Raises ``EmptyStream`` if nothing was said."""
        self.ended = True
        if not self._spoken and not self._is_over() and not self._halves_wait():
            raise EmptyStream("the service ended the stream before it said anything; try again")
        yield from self._end_partial()
        if "thought" in self._halves:
            yield ReasoningDelta(LONE, self._begin(ReasoningDelta))
        if "text" in self._halves:
            yield self._say(LONE, self._begin(TextDelta))
        texts = [Said(index, "".join(pieces)) for index, pieces in self._texts]
        for index, cited in sorted(citations(self._about, texts).items()):
            yield TextDelta("", index, metadata={CITATIONS: cited})
        yield self._finish()

    def _halves_wait(self) -> bool:
        return any(True for _ in self._halves)

    def _finish(self) -> Finish:
        raw = None if self._reason == UNSPECIFIED else self._reason
        reason: FinishReason = REASONS.get(raw or "", "unknown")
        if reason == "stop" and self._calls:
            reason = "tool_calls"  # Gemini has no word of its own for it
        elif raw is None and self._is_blocked():
            reason = "content_filter"
        kept = dict(self._about)
        kept |= {BESIDE: self._beside} if self._beside else {}
        kept |= {RAW: {"createTime": self._created}} if self._created else {}
        return Finish(reason, raw, self._spent(), keep(NAME, kept))


def _said(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object without the keys that say nothing."""
    return {key: item for key, item in value.items() if item is not None}


def _listed(value: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    for item in many(value.get(key)):
        if not isinstance(item, Mapping):
            raise MalformedStream(f"the service sent {key} that are no objects")
        yield item


def _object(value: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    found = value.get(key)
    if found is not None and not isinstance(found, Mapping):
        raise MalformedStream(f"the service sent a {key} that is no object")
    return found


def _string(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise MalformedStream(f"the service sent a {key} that is not a string")
    return found or ""
