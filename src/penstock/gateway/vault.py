"""What a service wants echoed next turn, kept for callers whose protocol cannot carry it.

Gemini signs its tool calls, Claude its thinking; the plain OpenAI SDK has no field for either. The
vault keeps such answers as the service gave them. When the caller comes back with the answer in its
history, as much of it as its protocol says, the whole answer takes its place again on the way to
the same service.

An answer is found by its caller (their key), the service, the turn that it answered, and the ids of
its tool calls; one without calls by its text and all that was said before it. So nobody finds what
another conversation was told. What the caller says itself is never replaced.

It lives in memory: at most ``SIZE`` bytes, the longest unused leave first, each after ``AGE``
seconds.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.protocols import json
from penstock.protocols.loss import RAW
from penstock.types import (
    CACHE,
    ChatRequest,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

SIZE = 64 * 1024 * 1024
"""Bytes that may be kept."""

AGE = 24 * 3600.0
"""Seconds after which an answer is forgotten."""

_LARGEST = 4 * 1024 * 1024
_OVERHEAD = 512  # of an entry, beside its bytes


class _Kept(Struct, gc=False):
    message: bytes
    names: tuple[bytes, ...]
    until: float

    @property
    def size(self) -> int:
        return len(self.message) + _OVERHEAD * (1 + len(self.names))


class Vault:
    """Answers with opaque parts. ``now`` is a clock's reading in seconds, the same clock's in
    every call; ``said`` are the messages before the answer, as the caller said them."""

    def __init__(self, size: int = SIZE, age: float = AGE) -> None:
        self._size, self._age = size, age
        self._held = 0
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._found: dict[bytes, int] = {}
        self._number = 0

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return self._held

    def keep(self, owner: str, said: Sequence[Message], answer: Message, now: float) -> None:
        """Remember an answer to ``owner`` (a caller, and the service that answered), if anything
        in it is opaque."""
        if not _is_opaque(answer):
            return
        data = json.encode(answer)
        kept = _Kept(data, tuple(_Heard(owner, said).names(answer)), now + self._age)
        if not kept.names or kept.size > min(_LARGEST, self._size):
            return
        self._number += 1
        for name in kept.names:
            self._drop(self._found.get(name))
        self._kept[self._number] = kept
        self._found |= dict.fromkeys(kept.names, self._number)
        self._held += kept.size
        while self._held > self._size:
            self._drop(next(iter(self._kept)))

    def restore(self, owner: str, request: ChatRequest, now: float) -> ChatRequest:
        """The request with the answers in its history as they were given."""
        said = request.messages
        if not self._kept or not any(m.role == "assistant" for m in said):
            return request
        return replace(request, messages=tuple(self._all_restored(owner, said, now)))

    def _all_restored(self, owner: str, said: Sequence[Message], now: float) -> Iterator[Message]:
        heard, used = _Heard(owner), set[int]()
        for message in said:
            yield self._restored(heard, message, now, used)
            heard.hear(message)

    def _restored(self, heard: _Heard, echo: Message, now: float, used: set[int]) -> Message:
        if echo.role != "assistant":
            return echo
        for name in heard.names(echo):
            number = self._find(name, now)
            if number is not None:
                kept = _decode(self._kept[number].message)
                merged = _merge(echo, kept, thoughts_too=number not in used)
                used.add(number)
                return merged
        return echo

    def _find(self, name: bytes, now: float) -> int | None:
        number = self._found.get(name)
        if number is None:
            return None
        if self._kept[number].until < now:
            self._drop(number)
            return None
        self._kept.move_to_end(number)
        return number

    def _drop(self, number: int | None) -> None:
        kept = None if number is None else self._kept.pop(number, None)
        if kept is not None:
            self._held -= kept.size
            for name in kept.names:
                if self._found.get(name) == number:
                    del self._found[name]


_decode = msgspec.json.Decoder(Message).decode


def _is_opaque(message: Message) -> bool:
    return any(
        getattr(part, "metadata", None) or getattr(part, "signature", "")
        for part in message.content
    )


class _Heard:
    """What was said before an answer: all of it and the last turn, each message hashed as it is
    heard, so that a history is read once however many answers are in it."""

    def __init__(self, owner: str, said: Iterable[Message] = ()) -> None:
        self._owner = owner
        self._history, self._turn = _hash("text", owner), _hash("call", owner)
        self._is_answered = False
        for message in said:
            self.hear(message)

    def hear(self, message: Message) -> None:
        if message.role in ("system", "developer"):
            return
        words = _words(message)
        _add(self._history, words)
        if message.role == "assistant":
            self._is_answered = True
            return
        if self._is_answered:  # not before: a caller may split an answer in several messages
            self._turn, self._is_answered = _hash("call", self._owner), False
        _add(self._turn, words)

    def names(self, answer: Message) -> Iterator[bytes]:
        """What an answer is found by: each of its calls and the turn that it answered, else its
        text and all that was said before."""
        calls = [part.id for part in answer.content if isinstance(part, ToolCallPart) and part.id]
        if calls:
            yield from (_name(self._turn, id) for id in calls)
        elif answer.text:
            yield _name(self._history, answer.text)


def _words(message: Message) -> str:
    """What is said in a message, whatever else it holds."""
    role = "user" if message.role == "tool" else message.role
    return role + "".join(f"\0{words}" for part in message.content for words in _spoken(part))


def _spoken(part: Part) -> Iterator[str]:
    match part:
        case TextPart(text) | RefusalPart(text):
            yield text
        case ToolCallPart(id, name):
            yield from (id, name)
        case ToolResultPart(id, content):
            yield id
            for inner in content:
                yield from _spoken(inner)
        case _:
            return


def _hash(*words: str) -> hashlib.blake2b:
    hashed = hashlib.blake2b(digest_size=16)
    for word in words:
        _add(hashed, word)
    return hashed


def _add(hashed: hashlib.blake2b, word: str) -> None:
    data = word.encode(errors="surrogatepass")
    hashed.update(len(data).to_bytes(8, "big") + data)


def _name(before: hashlib.blake2b, word: str) -> bytes:
    hashed = before.copy()
    _add(hashed, word)
    return hashed.digest()


def _merge(echo: Message, kept: Message, thoughts_too: bool) -> Message:
    """The answer as it was given, where the caller says the same of it; where the caller changed
    it, what it says, with what belongs to the calls that it left alone."""
    calls = {part.id: part for part in kept.content if isinstance(part, ToolCallPart)}
    echoed = [part for part in echo.content if isinstance(part, ToolCallPart)]
    same = [part.id for part in echoed if part.id in calls and _is_same(part, calls[part.id])]
    says_thoughts = any(_is_said(part) for part in echo.content)
    is_whole = len(same) == len(echoed) == len(calls) and echo.text in ("", kept.text)
    if is_whole and thoughts_too and not says_thoughts:
        return replace(echo, content=tuple(_with_marks(kept.content, echo.content)))
    if not same:
        return echo
    given = [_given(part, calls, same) for part in echo.content]
    if says_thoughts or not thoughts_too:
        return replace(echo, content=tuple(given))
    thoughts = [part for part in kept.content if isinstance(part, ReasoningPart)]
    rest = [part for part in given if not isinstance(part, ReasoningPart)]
    return replace(echo, content=(*thoughts, *rest))


def _is_said(part: Part) -> bool:
    """Whether the caller itself brings back signed reasoning."""
    return isinstance(part, ReasoningPart) and bool(part.signature or _sealed(part))


def _sealed(part: ReasoningPart) -> bool:
    metadata = part.metadata or {}
    return any(set(kept) - {RAW} for by, kept in metadata.items() if kept and by != CACHE)


def _given(part: Part, calls: dict[str, ToolCallPart], same: list[str]) -> Part:
    """A call that the caller left alone, as it was given, with the caller's own mark."""
    if not isinstance(part, ToolCallPart) or part.id not in same:
        return part
    return _marked(calls[part.id], part)


def _with_marks(given: Sequence[Part], echo: Sequence[Part]) -> Iterator[Part]:
    """The parts as they were given, with the caller's own marks on the same parts; not on
    reasoning, for which Anthropic and Bedrock refuse a request."""
    marks = [part for part in echo if CACHE in (getattr(part, "metadata", None) or {})]
    for part in given:
        twin = next((mark for mark in marks if _is_twin(part, mark)), None)
        yield part if twin is None else _marked(part, twin)


def _is_twin(part: Part, other: Part) -> bool:
    if isinstance(part, ToolCallPart) and isinstance(other, ToolCallPart):
        return part.id == other.id
    return isinstance(part, TextPart) and isinstance(other, TextPart) and part.text == other.text


def _marked(part: Part, by: Part) -> Part:
    mark = (getattr(by, "metadata", None) or {}).get(CACHE)
    if mark is None or isinstance(part, OpaquePart):
        return part
    return replace(part, metadata={**(part.metadata or {}), CACHE: mark})


def _is_same(one: ToolCallPart, other: ToolCallPart) -> bool:
    return one.name == other.name and _value(one.arguments) == _value(other.arguments)


def _value(arguments: str) -> object:
    try:
        return json.loads(arguments.encode()) if arguments.strip() else {}
    except (*json.UNREADABLE, UnicodeEncodeError):
        return arguments
