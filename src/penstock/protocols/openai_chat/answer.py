"""One answer as it grows: chunks in, events out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import (
    EmptyStream,
    MalformedStream,
    PenstockError,
    StreamFailed,
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
from penstock.protocols import json
from penstock.protocols.error_body import error_from_value
from penstock.protocols.framed import Answer
from penstock.protocols.halves import LONE, Halves
from penstock.protocols.kept import keep
from penstock.protocols.openai_chat.chunks import (
    ABOUT_ANSWER,
    ABOUT_CHOICE,
    Choice,
    Chunk,
    Delta,
    Function,
    ToolCall,
    decode_chunk,
    decode_plain,
)
from penstock.protocols.openai_chat.citations import with_citations
from penstock.protocols.openai_chat.request_decode import LEGACY, NAME, signature_of
from penstock.protocols.openai_chat.usage import decode_usage
from penstock.types import Metadata, Usage

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


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


class ChatAnswer(Answer):
    """What has been said so far: chunks in, events out.

    ``index`` is the number of the part begun last; ``plain`` says that it is text and nothing
    of it is held back, so that a plain chunk is one ``TextDelta`` and no more.
    """

    def __init__(self, reasoning_apart: bool = False) -> None:
        self._reasoning_apart = reasoning_apart
        self.plain = False
        self.index = -1
        self.raw_reason: str | None = None
        self._kind: type[Event] | None = None
        self._refusing = False
        self._halves = Halves()
        self._started = False
        self._usage: dict[str, Any] | None = None
        self._calls: list[_OpenCall] = []
        self._known: dict[int | str, _OpenCall] = {}
        self._spoken = False
        self._about: dict[str, dict[str, Any]] = {"answer": {}, "choice": {}}

    @property
    def usage(self) -> Usage | None:
        return None if self._usage is None else decode_usage(self._usage, self._reasoning_apart)

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for payload in payloads:
            if self.plain:
                try:
                    content = decode_plain(payload).choices[0].delta.content
                except json.UNREADABLE:
                    yield from self.take(payload)
                else:
                    if content:
                        yield TextDelta(content, self.index)
            else:
                yield from self.take(payload)
            if self.ended:
                return

    def plainly(self, payloads: list[bytes]) -> list[Event] | None:
        if not self.plain:
            return None
        try:
            said = [decode_plain(payload).choices[0].delta.content for payload in payloads]
        except json.UNREADABLE:
            return None
        return [TextDelta(content, self.index) for content in said if content]

    def take(self, payload: bytes) -> Iterator[Event]:
        if payload.strip() == b"[DONE]":
            return self.end()
        return self.take_chunk(decode_chunk(payload, MalformedStream))

    def close(self, delimited: bool) -> Iterator[Event]:
        # Some services leave [DONE] out, but none ends a body properly in the middle.
        if not self.raw_reason or not delimited:
            yield from super().close(delimited)
        yield from self.end()

    def take_whole(self, body: bytes) -> Iterator[Event]:
        """The events of a whole answer."""
        chunk = decode_chunk(body, UnexpectedAnswer)
        if not chunk.choices and chunk.error is None:
            raise UnexpectedAnswer("the service's answer has no choices; check its base_url")
        yield from self.take_chunk(chunk)
        yield from self.end()

    def take_chunk(self, chunk: Chunk) -> Iterator[Event]:
        """The events of one chunk; a whole answer is a big one."""
        self.began = True
        self._note_usage(chunk)
        if chunk.error is not None and not chunk.choices:
            raise self._error(chunk.error)
        if not self._started:
            yield from self._begin(chunk)
        for choice in chunk.choices or ():
            if not choice.index:  # the waist carries one answer; others pass through as bytes
                yield from self._choose(choice)
        for name in ABOUT_ANSWER:
            if (value := getattr(chunk, name)) is not None:
                self._about["answer"][name] = value
        if chunk.error is not None:
            raise self._error(chunk.error)

    def _note_usage(self, chunk: Chunk) -> None:
        if chunk.usage is not None:
            self._usage = chunk.usage
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._usage = chunk.x_groq.usage

    def _error(self, error: Any) -> PenstockError:
        value = error if isinstance(error, Mapping) else {"error": str(error)}
        if self._spoken:
            found = error_from_value(200, value, StreamFailed)
            return StreamFailed(found.message, type=found.type, code=found.code, param=found.param)
        return error_from_value(200, value, StreamFailed)

    def _begin(self, chunk: Chunk) -> Iterator[Event]:
        id, model = str(chunk.id or ""), str(chunk.model or "")
        if id or model or chunk.choices:
            self._started = True
            yield Start(id, model)

    def _choose(self, choice: Choice) -> Iterator[Event]:
        delta = choice.delta or choice.message
        if delta is not None:
            yield from self._delta(delta, choice.logprobs)
        for name in ABOUT_CHOICE:
            if (value := getattr(choice, name)) is not None:
                self._about["choice"][name] = value
        if choice.error is not None:
            raise self._error(choice.error)
        if choice.finish_reason:  # some send "" until the end
            self.raw_reason = choice.finish_reason

    def _delta(self, delta: Delta, logprobs: Any = None) -> Iterator[Event]:
        yield from self._reasoning(delta)
        rare = delta.rare() | ({"logprobs": logprobs} if logprobs else {})
        if delta.content or rare:
            yield from self._content(delta.content, rare)
        if refusal := self._join("refusal", delta.refusal or ""):
            yield TextDelta(refusal, self._part(TextDelta, refusing=True), True)
        for call in delta.tool_calls or ():
            yield from self._tool_call(call)
        if delta.function_call is not None:
            yield from self._tool_call(ToolCall(-1, type=LEGACY, function=delta.function_call))
        self._spoken = self._spoken or self.index >= 0

    def _part(self, kind: type[Event], refusing: bool = False) -> int:
        """The index of the open part of that kind: the one begun last, or a new one."""
        if self._kind is not kind or self._refusing is not refusing or kind is ToolCallStart:
            self._kind, self._refusing = kind, refusing
            self.index += 1
        self.plain = kind is TextDelta and not refusing and "content" not in self._halves
        return self.index

    def _reasoning(self, delta: Delta) -> Iterator[Event]:
        said = delta.reasoning_content or delta.reasoning
        text = self._join("reasoning", said if isinstance(said, str) else "")
        details = delta.reasoning_details or []
        signature, metadata = _signature(text, details)
        signature = signature or delta.thought_signature or ""
        if text or signature or metadata:
            yield ReasoningDelta(text, self._part(ReasoningDelta), signature, metadata)

    def _content(self, content: Any, rare: dict[str, Any]) -> Iterator[Event]:
        if isinstance(content, list):
            yield from self._content_parts(content)
            return
        text = content or ""
        if not isinstance(text, str):  # an object where a JSON schema was asked (Cloudflare)
            text = json.encode(text).decode()
        text = self._join("content", text)
        if text or rare:
            yield TextDelta(text, self._part(TextDelta), False, with_citations(rare))

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

    def _join(self, whose: str | _OpenCall, text: str) -> str:
        text = self._halves.join(whose, text)
        if whose in self._halves:
            self.plain = False
        return text

    def _tool_call(self, call: ToolCall) -> Iterator[Event]:
        function = call.function or call.custom or Function()
        open_call = self._find(call, function)
        arguments = self._join(open_call, _arguments(function))
        if open_call.name is not None:
            if arguments:
                yield ToolCallDelta(open_call.index, arguments)
            return
        open_call.id = open_call.id or _id(call)
        open_call.held += arguments
        if function.name:
            open_call.name = str(function.name)
            yield from open_call.start()

    def _find(self, call: ToolCall, function: Function) -> _OpenCall:
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

    def _open_call(self, call: ToolCall) -> _OpenCall:
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
        about = {where: said for where, said in self._about.items() if said}
        yield Finish(reason, self.raw_reason, self.usage, keep(NAME, about))

    def _lone_half(self, whose: Hashable) -> Event:
        match whose:
            case _OpenCall():
                return ToolCallDelta(whose.index, LONE)
            case "reasoning":
                return ReasoningDelta(LONE, self._part(ReasoningDelta))
            case _:
                refusing = whose == "refusal"
                return TextDelta(LONE, self._part(TextDelta, refusing), refusing)


def _id(call: ToolCall) -> str:
    return str(call.id or "")


def _texts(parts: Any) -> Iterator[str]:
    """The texts in a list of content parts."""
    for part in parts if isinstance(parts, list) else ():
        text = part.get("text") if isinstance(part, Mapping) else None
        if isinstance(text, str):
            yield text


def _arguments(function: Function) -> str:
    value = function.arguments if function.arguments is not None else function.input
    if value is None:
        return ""
    return value if isinstance(value, str) else json.encode(value).decode()


def _signature(text: str, details: list[Any]) -> tuple[str, Metadata | None]:
    """The signature in ``reasoning_details``, and the details where they hold more than that."""
    signature, holds_more = signature_of(text, details)
    return ("", {NAME: {"reasoning_details": details}}) if holds_more else (signature, None)
