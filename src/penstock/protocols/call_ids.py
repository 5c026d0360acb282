"""Ids for tool calls, where a service gives none and every other protocol needs one, or where
another service's id is none that this one takes.

An id is made of the answer's own id and the call's place in it, so that the same bytes always give
the same id and two answers never share one. It is never said back to a service that has no ids.
"""

from __future__ import annotations

import hashlib
import re

_PREFIX = "call_ps_"
_USUAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def make(answer: str, number: int) -> str:
    """The id of the call ``number`` of the answer called ``answer`` (whatever names it: its id, or
    the bytes that it began with)."""
    digest = hashlib.blake2b(f"{number}:{answer}".encode(errors="surrogatepass"), digest_size=9)
    return _PREFIX + digest.hexdigest()


def is_made(id: str) -> bool:
    """Whether ``id`` is one of ours, which no service has heard of."""
    return id.startswith(_PREFIX)


def fit(id: str) -> str:
    """An id as Anthropic and Bedrock take it, of at most 64 letters, digits, ``_`` and ``-``: such
    a one as it is, any other always as the same one."""
    if _USUAL.fullmatch(id):
        return id
    digest = hashlib.blake2b(id.encode(errors="surrogatepass"), digest_size=12)
    return "call_" + digest.hexdigest()
