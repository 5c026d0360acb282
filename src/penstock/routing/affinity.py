"""Which conversation a question belongs to, and whose turn it is there: so that the target that
has read its beginning already, and keeps that in its prompt cache, is asked again.

Nothing is remembered for it, and nothing but the question and the targets' names counts: all
processes that know the same targets choose alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b

from penstock.types import ChatRequest, Message, Part, TextPart

_SHOWN = 1024
"""Characters at each end of a text by which, and by its length, it is known again."""

_OPENING = 16
"""Messages before the first of the user that are looked at."""

_RANGE = 2**64


def conversation(request: ChatRequest) -> bytes:
    """A key that stays the same while a conversation grows: made of all up to the first message
    of the user, and of the tools.

    What clients change on the way is left out: the model, and marks of what to cache. Two long
    texts that differ in the middle alone may be taken for one, which costs no more than that two
    conversations have one target.
    """
    words = [word for message in _opening(request) for word in _words(message)]
    words += [tool.name for tool in request.tools]
    return blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=16).digest()


def turn(key: bytes, name: str, weight: float) -> float:
    """When it is a target's turn in a conversation: the least number is the first.

    Weighted rendezvous hashing: each target draws a lot by the conversation's key and its own
    name, so that it gets conversations in proportion to its weight, and that none but its own
    have to move where it goes (Schindelhauer and Schomaker, 2005; Thaler and Ravishankar, 1998).
    """
    lot = int.from_bytes(blake2b(name.encode(), key=key, digest_size=8).digest(), "big")
    return -math.log((lot + 1) / _RANGE) / weight


def _opening(request: ChatRequest) -> Iterator[Message]:
    for message in request.messages[:_OPENING]:
        yield message
        if message.role not in ("system", "developer"):
            return


def _words(message: Message) -> Iterator[str]:
    yield message.role
    for part in message.content:
        if type(part) is TextPart:
            yield _shown(part.text)
        else:
            yield from _strings(part)


def _strings(part: Part) -> Iterator[str]:
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, str):
            yield _shown(value)


def _shown(word: str) -> str:
    """A word as it is, if it is short."""
    if len(word) <= 2 * _SHOWN:
        return word
    return f"{word[:_SHOWN]}{len(word)}{word[-_SHOWN:]}"
