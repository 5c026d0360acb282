"""One answer as it grows: lines in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from penstock.errors import EmptyStream, MalformedStream
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
from penstock.protocols import call_ids, json
from penstock.protocols.framed import Answer
from penstock.protocols.halves import LONE, Halves
from penstock.protocols.kept import keep, rest
from penstock.protocols.ollama_chat.arguments import decode_arguments
from penstock.protocols.ollama_chat.failure import decode_stream_failure
from penstock.protocols.ollama_chat.lines import (
    Call,
    Line,
    Said,
    decode_keys,
    decode_line,
    decode_plain,
)
from penstock.protocols.ollama_chat.messages import IMAGES
from penstock.protocols.ollama_chat.names import NAME
from penstock.protocols.ollama_chat.usage import decode_usage, is_usage
from penstock.types import Usage

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",  # never Ollama's own word
}

_PLACED = (
    "content",
    "created_at",
    "done",
    "done_reason",
    "error",
    "images",
    "logprobs",
    "message",
    "model",
    "response",
    "thinking",
    "tool_calls",
)
"""What of the last line has a place in our events; the rest rides on ``Finish``."""


class ChatAnswer(Answer):
    """What has been said so far, to a chat or to a prompt.

    ``index`` is the number of the part begun last; ``plain`` says that it is text and nothing of
    it is held back, so that a plain line is one ``TextDelta`` and no more.
    """

    def __init__(self) -> None:
        self.plain = False
        self.index = -1
        self._kind: type[Event] | None = None
        self._halves = Halves()
        self._calls = 0
        self._head = ""
        self._spoken = False
        self._last: dict[str, Any] = {}

    @property
    def usage(self) -> Usage | None:
        return decode_usage(self._last)

    def read(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for payload in payloads:
            text = self._plain_text(payload) if self.plain else None
            if text is None:
                yield from self.take(payload)
            elif text:
                yield TextDelta(text, self.index)
            if self.ended:
                return

    def _plain_text(self, payload: bytes) -> str | None:
        """The text of a line that holds nothing else."""
        try:
            line = decode_plain(payload)
        except json.UNREADABLE:
            return None
        return None if line.done else line.message.content

    def take(self, payload: bytes) -> Iterator[Event]:
        line = decode_line(payload, MalformedStream)
        if line.error:
            raise decode_stream_failure(decode_keys(payload), self._spoken)
        if line.message is None and line.response is None and line.done is None:
            return  # what was invented later
        yield from self._begin(line, payload)
        yield from self._say(line.message or line, line.logprobs)
        if line.done:
            yield from self._end(line, payload)

    def _begin(self, line: Line, payload: bytes) -> Iterator[Event]:
        if not self.began:
            self.began = True
            self._head = payload.decode("utf-8", "replace")
            yield Start("", line.model or "")

    def _say(self, said: Said, logprobs: list[Any] | None) -> Iterator[Event]:
        if thinking := self._halves.join("thinking", said.thinking or ""):
            yield ReasoningDelta(thinking, self._part(ReasoningDelta))
        text = self._halves.join("text", said.content or said.response or "")
        if text or logprobs:
            kept = {"logprobs": logprobs} if logprobs else {}
            yield TextDelta(text, self._part(TextDelta), metadata=keep(NAME, kept))
        if said.images:
            self._kind = None
            block = {"type": IMAGES, IMAGES: said.images}
            yield TextDelta("", self._part(TextDelta), metadata={NAME: {"block": block}})
            self._kind = None
            self.plain = False
        for call in said.tool_calls or ():
            yield from self._call(call)
        self._spoken = self._spoken or self.index >= 0

    def _part(self, kind: type[Event]) -> int:
        """The index of the open part of that kind: the one begun last, or a new one."""
        if self._kind is not kind or kind is ToolCallStart:
            self._kind = kind
            self.index += 1
        self.plain = kind is TextDelta and "text" not in self._halves
        return self.index

    def _call(self, call: Call) -> Iterator[Event]:
        index = self._part(ToolCallStart)
        id = call.id or call_ids.make(self._head, self._calls)
        self._calls += 1
        yield ToolCallStart(index, id, call.function.name or "")
        if arguments := decode_arguments(call.function.arguments):
            yield ToolCallDelta(index, arguments)

    def _end(self, line: Line, payload: bytes) -> Iterator[Event]:
        """What is still held, and ``Finish``. Raises ``EmptyStream`` if nothing was said."""
        self.ended = True
        keys = {key: item for key, item in decode_keys(payload).items() if item is not None}
        self._last = keys
        for whose in self._halves:
            kind = ReasoningDelta if whose == "thinking" else TextDelta
            yield kind(LONE, self._part(kind))
            self._spoken = True
        if not self._spoken and not line.done_reason:
            raise EmptyStream("the service ended the stream before it said anything; try again")
        others = {key: item for key, item in rest(keys, *_PLACED).items() if not is_usage(key)}
        yield Finish(self._reason(line), line.done_reason, self.usage, keep(NAME, others))

    def _reason(self, line: Line) -> FinishReason:
        """Ollama has no word of its own for tool calls."""
        reason = REASONS.get(line.done_reason or "", "unknown")
        calls_tools = self._calls and reason in ("stop", "unknown")
        return "tool_calls" if calls_tools else reason
