"""What a service wants echoed next turn, kept for callers whose protocol cannot carry it.

Gemini signs its tool calls, Claude its thinking; the plain OpenAI SDK has no field for either. The
vault keeps such answers as the service gave them, under the ids of their tool calls (or, without
any, under their text). When the caller comes back with the answer in its history, as much of it as
its protocol says, the whole answer takes its place again on the way to the same service.

It lives in memory: at most ``SIZE`` bytes, the longest unused leave first, each after ``AGE``
seconds. An entry is only found by the caller (its key) who got the answer.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.protocols import json
from penstock.types import ChatRequest, Message, Part, ReasoningPart, ToolCallPart

SIZE = 64 * 1024 * 1024
"""Bytes that may be kept."""

AGE = 24 * 3600.0
"""Seconds after which an answer is forgotten."""

_LARGEST = 4 * 1024 * 1024
_OVERHEAD = 512  # of an entry, beside its bytes


class _Entry(Struct, gc=False):
    service: str
    message: bytes
    until: float


class Vault:
    """Answers with opaque parts. ``now`` is a clock's reading in seconds, the same clock's in
    every call."""

    def __init__(self, size: int = SIZE, age: float = AGE) -> None:
        self._size, self._age = size, age
        self._held = 0
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return self._held

    def keep(self, caller: str, service: str, message: Message, now: float) -> None:
        """Remember an answer of ``service`` to ``caller``, if anything in it is opaque."""
        if not _is_opaque(message):
            return
        data = json.encode(message)
        if len(data) > _LARGEST:
            return
        for name in _names(message):
            key = _key(caller, name)
            self._drop(key)
            self._entries[key] = _Entry(service, data, now + self._age)
            self._held += len(data) + _OVERHEAD
        while self._held > self._size:
            self._drop(next(iter(self._entries)))

    def restore(self, caller: str, service: str, request: ChatRequest, now: float) -> ChatRequest:
        """The request with the answers of ``service`` in its history as they were given."""
        if not self._entries or not any(m.role == "assistant" for m in request.messages):
            return request
        messages = tuple(self._restored(caller, service, m, now) for m in request.messages)
        return replace(request, messages=messages)

    def _restored(self, caller: str, service: str, said: Message, now: float) -> Message:
        if said.role == "assistant":
            for name in _names(said):
                kept = self._find(_key(caller, name), service, now)
                if kept is not None and (merged := _merge(said, kept)) is not None:
                    return merged
        return said

    def _find(self, key: bytes, service: str, now: float) -> Message | None:
        entry = self._entries.get(key)
        if entry is None or entry.service != service:
            return None
        if entry.until < now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return _decode(entry.message)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._held -= len(entry.message) + _OVERHEAD


_decode = msgspec.json.Decoder(Message).decode


def _is_opaque(message: Message) -> bool:
    return any(
        getattr(part, "metadata", None) or getattr(part, "signature", "")
        for part in message.content
    )


def _names(message: Message) -> Iterator[str]:
    """What an answer is found by: each of its calls, else its text."""
    calls = [part.id for part in message.content if isinstance(part, ToolCallPart) and part.id]
    yield from (f"call:{id}" for id in calls)
    if not calls and message.text:
        yield f"text:{message.text}"


def _key(caller: str, name: str) -> bytes:
    text = f"{caller}\0{name}".encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def _merge(said: Message, kept: Message) -> Message | None:
    """The answer as it was given, where the caller says the same of it; where the caller changed
    it, what it says, with what belongs to the calls that it left alone. ``None``: another one."""
    calls = {part.id: part for part in kept.content if isinstance(part, ToolCallPart)}
    echoed = [part for part in said.content if isinstance(part, ToolCallPart)]
    same = [part.id for part in echoed if part.id in calls and _is_same(part, calls[part.id])]
    if echoed and not same:
        return None
    if len(same) == len(echoed) == len(calls) and said.text in ("", kept.text):
        return replace(said, content=kept.content)
    if not echoed:
        return None
    thoughts = [part for part in kept.content if isinstance(part, ReasoningPart)]
    rest = [part for part in said.content if not isinstance(part, ReasoningPart)]
    return replace(said, content=(*thoughts, *(_given(part, calls, same) for part in rest)))


def _given(part: Part, calls: dict[str, ToolCallPart], same: list[str]) -> Part:
    """A call that the caller left alone, as it was given."""
    return calls[part.id] if isinstance(part, ToolCallPart) and part.id in same else part


def _is_same(one: ToolCallPart, other: ToolCallPart) -> bool:
    return one.name == other.name and _value(one.arguments) == _value(other.arguments)


def _value(arguments: str) -> object:
    try:
        return json.loads(arguments.encode()) if arguments.strip() else {}
    except (*json.UNREADABLE, UnicodeEncodeError):
        return arguments
