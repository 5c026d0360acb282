"""Ids for tool calls, where a service gives none and every other protocol needs one.

An id is made of the answer's own id and the call's place in it, so that the same bytes always give
the same id and two answers never share one. It is never said back to a service that has no ids.
"""

from __future__ import annotations

import hashlib

_PREFIX = "call_ps_"


def make(answer: str, number: int) -> str:
    """The id of the call ``number`` of the answer called ``answer`` (whatever names it: its id, or
    the bytes that it began with)."""
    digest = hashlib.blake2b(f"{number}:{answer}".encode(errors="surrogatepass"), digest_size=9)
    return _PREFIX + digest.hexdigest()


def is_made(id: str) -> bool:
    """Whether ``id`` is one of ours, which no service has heard of."""
    return id.startswith(_PREFIX)
