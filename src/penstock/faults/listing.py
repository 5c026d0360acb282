"""What there is: the faults as a list for people, and as models for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from penstock.faults import failoverbench, http, statuses
from penstock.faults.answers import body
from penstock.faults.choice import choose, excess
from penstock.faults.reading import Request
from penstock.faults.script import Script
from penstock.faults.table import FAULTS
from penstock.protocols import Protocol
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ModelInfo

_OPENAI = OpenAIChat()
_NARROW = 20
"""Columns that a text has at least."""


def rows() -> Iterator[tuple[str, str, str]]:
    """Each fault's name with its numbers, what it does, and what is right."""
    for fault in FAULTS.values():
        yield fault.usage, fault.does, fault.right
    for name, ours in failoverbench.NAMES.items():
        if choice := choose(ours):
            yield name, f"{ours}, under failoverbench's name", choice.fault.right


def text() -> str:
    """All of them, a line each."""
    listed = list(rows())
    width = max(len(name) for name, _, _ in listed)
    return "".join(f"{name:{width}}  {does} | right: {right}\n" for name, does, right in listed)


def paragraphs(width: int) -> str:
    """The same for a screen of ``width`` columns: what is right stands below what it does, and no
    line is longer."""
    listed = list(rows())
    indent = max(len(name) for name, _, _ in listed) + 2

    def wrapped(name: str, text: str) -> str:
        begun = name.ljust(indent)
        lines = textwrap.wrap(
            text, max(width, indent + _NARROW), initial_indent=begun, subsequent_indent=" " * indent
        )
        return "".join(f"{line}\n" for line in lines)

    return "".join(wrapped(*pair) for n, d, r in listed for pair in ((n, d), ("", f"right: {r}")))


def models(protocol: Protocol) -> bytes:
    """The answer that lists them as models, in the protocol's words."""
    names = [(fault.example, fault.does) for fault in FAULTS.values()]
    names += [(name, ours) for name, ours in failoverbench.NAMES.items()]
    value = protocol.encode_models(ModelInfo(name, does) for name, does in names)
    content_type, data = body(value)
    return http.whole(200, content_type, data)


def unknown(protocol: Protocol, name: str) -> bytes:
    """The answer to who asks for a fault that there is not."""
    why = excess(name) or "GET /v1/models lists those there are"
    message = f"no fault {name[:100]!r}; {why}"
    return statuses.failed(protocol, statuses.error(protocol, 404, message))


def elsewhere(request: Request) -> Script:
    """The answer to who asks for something else than a chat: the list, or that nothing is there."""
    if request.method == "GET" and request.path in ("/", "/health"):
        return [http.whole(200, "text/plain; charset=utf-8", text().encode())]
    message = "nothing is asked here; POST to the path of a vendor's, as /v1/chat/completions"
    return [statuses.failed(_OPENAI, statuses.error(_OPENAI, 404, message))]
