"""OpenAI chat answers: bytes -> events, whole or in chunks.

What real services make of the format (recorded): usage in a last chunk without choices or on
every chunk, ``finish_reason`` twice or never, ``[DONE]`` missing, ``delta: null``, tool calls
without an index or an id, reasoning as ``reasoning_content``, ``reasoning`` or
``reasoning_details``, half an emoji per chunk, a whole answer where a stream was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from penstock.errors import (
    EmptyStream,
    MalformedStream,
    PenstockError,
    StreamFailed,
    StreamTruncated,
    UnexpectedAnswer,
)
from penstock.events import (
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.protocols import Decoder, json
from penstock.protocols.error_body import BLANK, error_from_value, looks_like_html
from penstock.protocols.openai_chat.encode import signed
from penstock.protocols.openai_chat.request import LEGACY, NAME
from penstock.protocols.openai_chat.usage import decode_usage
from penstock.protocols.sse import MAX_EVENT, SSEDecoder
from penstock.types import Metadata

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class _PlainDelta(Struct, gc=False):
    content: str
    tool_calls: None = None
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: None = None
    refusal: None = None
    function_call: None = None
    annotations: None = None
    audio: None = None
    thought_signature: None = None


class _PlainChoice(Struct, gc=False):
    delta: _PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None


class _PlainChunk(Struct, gc=False):
    """The usual chunk, as a type: one choice that says text and nothing else."""

    choices: tuple[_PlainChoice]
    usage: None = None
    error: None = None
    x_groq: None = None


class _Function(Struct, gc=False):
    name: Any = None
    arguments: Any = None
    input: Any = None


class _ToolCall(Struct, gc=False):
    index: int | None = None
    id: Any = None
    type: Any = None
    function: _Function | None = None
    custom: _Function | None = None
    extra_content: Any = None


class _Delta(Struct):
    content: Any = None
    tool_calls: list[_ToolCall] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: list[Any] | None = None
    refusal: str | None = None
    function_call: _Function | None = None
    annotations: list[Any] | None = None
    audio: Any = None
    thought_signature: str | None = None


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Groq(Struct):
    usage: dict[str, Any] | None = None


class _Chunk(Struct):
    """Any chunk, and a whole answer too: its ``message`` is one big delta."""

    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    object: Any = None
    x_groq: _Groq | None = None


# Text that comes in pieces, so that half a character may wait for the other half.
_IN_PIECES = frozenset(
    ("content", "reasoning_content", "reasoning", "refusal", "arguments", "input")
)

_decode_plain = msgspec.json.Decoder(_PlainChunk).decode
_decode_any = msgspec.json.Decoder(_Chunk).decode


def _decode_chunk(data: bytes, wrong: type[PenstockError]) -> _Chunk:
    try:
        chunk = _read_chunk(data)
        if chunk.object == "error" and chunk.error is None:  # a flat error body
            chunk.error = json.loads(data)
    except json.UNREADABLE as error:
        raise wrong(f"the service sent what is not a chat completion: {_why(error)}") from None
    return chunk


def _read_chunk(data: bytes) -> _Chunk:
    try:
        return _decode_any(data)
    except json.UNREADABLE:
        if not json.may_hold_halves(data):
            raise
        return json.loads_leniently(data, _Chunk, _IN_PIECES)


def _why(error: Exception) -> str:
    """The parser's reason; never the data, which may hold anything."""
    return str(error).partition("\n")[0] if isinstance(error, msgspec.DecodeError) else "bad JSON"


class ChunkDecoder(Decoder):
    """Reads a stream of chunks, or the whole answer that some services send instead."""

    def __init__(self) -> None:
        self._events = SSEDecoder()
        self._answer = _Answer()
        self._begun = False
        self._whole: list[bytes] | None = None
        self._whole_size = 0
        self._done = False

    @property
    def pending(self) -> int:  # type: ignore[override]
        return self._events.pending if self._whole is None else self._whole_size

    @property
    def whole(self) -> bool:  # type: ignore[override]
        return self._whole is not None

    def feed(self, data: bytes) -> Iterator[Event]:
        if self._done:
            return
        try:
            if not self._begun:
                data = self._sniff(data)
            if self._whole is not None:
                self._keep_whole(self._whole, data)
                return
            answer = self._answer
            for payload in self._events.feed(data):
                if answer.ended:
                    return
                if answer.plain:
                    try:
                        content = _decode_plain(payload).choices[0].delta.content
                    except json.UNREADABLE:
                        yield from self._take(payload)
                    else:
                        if content:
                            yield TextDelta(content, answer.index)
                else:
                    yield from self._take(payload)
        except PenstockError:
            self._done = True  # a stream that failed once does not end well later
            raise

    def _sniff(self, data: bytes) -> bytes:
        """Decide by the first visible byte what the body is."""
        data = data.lstrip(BLANK)
        if looks_like_html(data):
            raise UnexpectedAnswer("the service answered with a web page; check its base_url")
        self._begun = bool(data)
        if data.startswith(b"{"):
            self._whole = []
        return data

    def _keep_whole(self, whole: list[bytes], data: bytes) -> None:
        whole.append(data)
        self._whole_size += len(data)
        if self._whole_size > MAX_EVENT:
            raise UnexpectedAnswer(f"the answer is longer than {MAX_EVENT} bytes")

    def _take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":
            self._done = True
            yield from self._answer.end()
        else:
            yield from self._answer.take(_decode_chunk(payload, MalformedStream))

    def close(self, delimited: bool = True) -> Iterator[Event]:
        if self._done:
            return
        self._done = True
        if self._whole is not None:
            yield from self._read_whole(b"".join(self._whole))
            return
        try:
            for payload in self._events.close():
                yield from self._take(payload)
        except MalformedStream:
            raise StreamTruncated("the stream was cut inside an event") from None
        if self._answer.ended:
            return
        if not self._answer.began:
            raise EmptyStream("the service's stream held nothing; try again")
        # Some services leave [DONE] out, but none ends a body properly in the middle.
        if not self._answer.raw_reason or not delimited:
            raise StreamTruncated("the stream was cut before the service ended it")
        yield from self._answer.end()

    def _read_whole(self, body: bytes) -> Iterator[Event]:
        try:
            yield from decode_response(body)
        except UnexpectedAnswer:
            if body.rstrip().endswith(b"}"):
                raise
            raise StreamTruncated("the answer was cut before its end") from None


def decode_response(body: bytes) -> Iterator[Event]:
    """The events of a whole answer, or of the stream that some services send instead."""
    if looks_like_html(body):
        raise UnexpectedAnswer("the service answered with a web page; check its base_url")
    body = body.lstrip(BLANK)
    if not body.startswith(b"{"):
        decoder = ChunkDecoder()
        yield from decoder.feed(body)
        yield from decoder.close()
        return
    chunk = _decode_chunk(body, UnexpectedAnswer)
    if not chunk.choices and chunk.error is None:
        raise UnexpectedAnswer("the service's answer has no choices; check its base_url")
    answer = _Answer()
    yield from answer.take(chunk)
    yield from answer.end()


class _OpenCall:
    """A tool call under way; its fragments wait until its name is known."""

    __slots__ = ("held", "id", "index", "metadata", "name")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name: str | None = None
        self.held = ""
        self.metadata: Metadata | None = None

    def start(self) -> Iterator[Event]:
        yield ToolCallStart(self.index, self.id, self.name or "", self.metadata)
        if self.held:
            yield ToolCallDelta(self.index, self.held)


class _Answer:
    """What has been said so far: chunks in, events out.

    ``index`` is the number of the part begun last; ``plain`` says that it is text and nothing
    of it is held back, so that a plain chunk is one ``TextDelta`` and no more.
    """

    def __init__(self) -> None:
        self.plain = False
        self.index = -1
        self.began = False
        self.ended = False
        self.raw_reason: str | None = None
        self._kind: type[Event] | None = None
        self._refusing = False
        self._halves: dict[str | _OpenCall, str] = {}
        self._started = False
        self._usage: dict[str, Any] | None = None
        self._calls: list[_OpenCall] = []
        self._known: dict[int | str, _OpenCall] = {}
        self._spoken = False

    def take(self, chunk: _Chunk) -> Iterator[Event]:
        self.began = True
        if chunk.error is not None and not chunk.choices:
            raise self._error(chunk.error)
        if not self._started:
            yield from self._begin(chunk)
        for choice in chunk.choices or ():
            if choice.index == 0:  # the waist carries one answer; others pass through as bytes
                yield from self._choose(choice)
        if chunk.usage is not None:
            self._usage = chunk.usage
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._usage = chunk.x_groq.usage
        if chunk.error is not None:
            raise self._error(chunk.error)

    def _error(self, error: Any) -> PenstockError:
        value = error if isinstance(error, Mapping) else {"error": str(error)}
        if self._spoken:
            found = error_from_value(200, value, StreamFailed)
            return StreamFailed(found.message, type=found.type, code=found.code, param=found.param)
        return error_from_value(200, value, StreamFailed)

    def _begin(self, chunk: _Chunk) -> Iterator[Event]:
        id, model = str(chunk.id or ""), str(chunk.model or "")
        if id or model or chunk.choices:
            self._started = True
            yield Start(id, model)

    def _choose(self, choice: _Choice) -> Iterator[Event]:
        delta = choice.delta or choice.message
        if delta is not None:
            yield from self._delta(delta)
        if choice.finish_reason:  # some send "" until the end
            self.raw_reason = choice.finish_reason

    def _delta(self, delta: _Delta) -> Iterator[Event]:
        yield from self._reasoning(delta)
        if delta.content or delta.annotations or delta.audio:
            yield from self._content(delta)
        if refusal := self._join_halves("refusal", delta.refusal or ""):
            yield TextDelta(refusal, self._part(TextDelta, refusing=True), True)
        for call in delta.tool_calls or ():
            yield from self._tool_call(call)
        if delta.function_call is not None:
            yield from self._tool_call(_ToolCall(-1, type=LEGACY, function=delta.function_call))
        self._spoken = self._spoken or self.index >= 0

    def _part(self, kind: type[Event], refusing: bool = False) -> int:
        """The index of the open part of that kind: the one begun last, or a new one."""
        if self._kind is not kind or self._refusing is not refusing or kind is ToolCallStart:
            self._kind, self._refusing = kind, refusing
            self.index += 1
        self.plain = kind is TextDelta and not refusing and "content" not in self._halves
        return self.index

    def _reasoning(self, delta: _Delta) -> Iterator[Event]:
        said = delta.reasoning_content or delta.reasoning
        text = self._join_halves("reasoning", said if isinstance(said, str) else "")
        details = delta.reasoning_details or []
        signature, metadata = _signature(text, details)
        signature = signature or delta.thought_signature or ""
        if text or signature or metadata:
            yield ReasoningDelta(text, self._part(ReasoningDelta), signature, metadata)

    def _content(self, delta: _Delta) -> Iterator[Event]:
        content = delta.content
        if isinstance(content, list):
            yield from self._content_parts(content)
            return
        text = content or ""
        if not isinstance(text, str):  # an object where a JSON schema was asked (Cloudflare)
            text = json.encode(text).decode()
        rare = {"annotations": delta.annotations, "audio": delta.audio}
        rare = {name: value for name, value in rare.items() if value}
        text = self._join_halves("content", text)
        if text or rare:
            index = self._part(TextDelta)
            yield TextDelta(text, index, False, {NAME: rare} if rare else None)

    def _content_parts(self, parts: list[Any]) -> Iterator[Event]:
        """Content as a list of text and thinking parts (Mistral)."""
        for part in parts:
            if not isinstance(part, Mapping):
                raise MalformedStream("a content part is not an object")
            if part.get("type") == "thinking":
                if text := "".join(_texts(part.get("thinking"))):
                    yield ReasoningDelta(text, self._part(ReasoningDelta))
            elif text := "".join(_texts([part])):
                yield TextDelta(text, self._part(TextDelta))

    def _join_halves(self, whose: str | _OpenCall, text: str) -> str:
        """Half a character at the end waits for its other half in the next chunk."""
        if text.isascii() and not self._halves:
            return text
        text = self._halves.pop(whose, "") + text
        if "\ud800" <= text[-1:] <= "\udbff":
            self._halves[whose], text = text[-1], text[:-1]
            self.plain = False
        mended: str = json.mend(text)
        return mended

    def _tool_call(self, call: _ToolCall) -> Iterator[Event]:
        function = call.function or call.custom or _Function()
        open_call = self._find(call, function)
        arguments = self._join_halves(open_call, _arguments(function))
        if open_call.name is not None:
            if arguments:
                yield ToolCallDelta(open_call.index, arguments)
            return
        open_call.id = open_call.id or _id(call)
        open_call.held += arguments
        if function.name:
            open_call.name = str(function.name)
            yield from open_call.start()

    def _find(self, call: _ToolCall, function: _Function) -> _OpenCall:
        """The call that a fragment belongs to: by index, else by id; a new id with a name and
        a known index begins a new call."""
        id = _id(call)
        if call.index is not None:
            known = self._known.get(call.index)
            is_new = bool(known and id and known.id and id != known.id and function.name)
        elif id:
            known = self._known.get(id)
            is_new = False
        else:
            known = self._calls[-1] if self._calls else None
            is_new = bool(function.name)
        if known is None or is_new:
            known = self._open_call(call)
        if id:
            self._known.setdefault(id, known)
        return known

    def _open_call(self, call: _ToolCall) -> _OpenCall:
        opened = _OpenCall(self._part(ToolCallStart))
        kept: dict[str, Any] = {}
        if call.type not in (None, "", "function"):
            kept["type"] = call.type
        if call.extra_content is not None:
            kept["extra_content"] = call.extra_content
        opened.metadata = {NAME: kept} if kept else None
        self._calls.append(opened)
        if call.index is not None:
            self._known[call.index] = opened
        return opened

    def end(self) -> Iterator[Event]:
        """What is still held, and ``Finish``. Raises ``EmptyStream`` if nothing was said."""
        self.ended = True
        for call in self._calls:
            if call.name is None:
                yield from call.start()
        for whose in self._halves:
            yield self._lone_half(whose)
        if not self._spoken and self.raw_reason is None:
            raise EmptyStream("the service ended the stream before it said anything; try again")
        reason = _REASONS.get(self.raw_reason or "", "unknown")
        usage = None if self._usage is None else decode_usage(self._usage)
        yield Finish(reason, self.raw_reason, usage)

    def _lone_half(self, whose: str | _OpenCall) -> Event:
        match whose:
            case _OpenCall():
                return ToolCallDelta(whose.index, "\ufffd")
            case "reasoning":
                return ReasoningDelta("\ufffd", self._part(ReasoningDelta))
            case _:
                refusing = whose == "refusal"
                return TextDelta("\ufffd", self._part(TextDelta, refusing), refusing)


def _id(call: _ToolCall) -> str:
    return str(call.id or "")


def _texts(parts: Any) -> Iterator[str]:
    """The texts in a list of content parts."""
    for part in parts if isinstance(parts, list) else ():
        text = part.get("text") if isinstance(part, Mapping) else None
        if isinstance(text, str):
            yield text


def _arguments(function: _Function) -> str:
    value = function.arguments if function.arguments is not None else function.input
    if value is None:
        return ""
    return value if isinstance(value, str) else json.encode(value).decode()


def _signature(text: str, details: list[Any]) -> tuple[str, Metadata | None]:
    """The signature in ``reasoning_details``, and the details where they hold more than that."""
    if not details:
        return "", None
    found = [str(d["signature"]) for d in details if isinstance(d, Mapping) and d.get("signature")]
    signature = found[-1] if found else ""
    if details == [signed(text, signature)]:
        return signature, None
    return signature, {NAME: {"reasoning_details": details}}
