"""Who signed a piece of reasoning: it is said back to the same service's kind alone.

A signature means nothing to another vendor, which refuses the whole request for it. So reasoning is
marked where it comes in (``SIGNED``), and a caller who carries a foreign one gets it wrapped in the
name of its signer, to be unwrapped when it comes back.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from penstock.events import Event, ReasoningDelta, Reply
from penstock.types import SIGNED, ChatRequest, Message, Part, ReasoningPart

MARK = "penstock-"
_WRAPPED = re.compile(rf"{MARK}(\w+)-(.*)", re.DOTALL)


def signed(event: Event, name: str) -> Event:
    """The event with the name of its signer, where it bears a signature."""
    if not isinstance(event, ReasoningDelta) or not event.signature:
        return event
    return replace(event, metadata={**(event.metadata or {}), SIGNED: name})


def signer(part: ReasoningDelta | ReasoningPart) -> str:
    """Who signed it; empty where nobody said."""
    return str((part.metadata or {}).get(SIGNED, ""))


def own(request: ChatRequest, name: str) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request without the signatures of others than ``name``, and whether there were any."""
    if not any(_is_foreign(part, name) for m in request.messages for part in m.content):
        return request, ()
    messages = tuple(_without(message, name) for message in request.messages)
    return replace(request, messages=messages), ("reasoning.signature",)


def _is_foreign(part: Part, name: str) -> bool:
    return isinstance(part, ReasoningPart) and signer(part) not in ("", name)


def _without(message: Message, name: str) -> Message:
    content = (
        replace(part, signature="")
        if isinstance(part, ReasoningPart) and _is_foreign(part, name)
        else part
        for part in message.content
    )
    return replace(message, content=tuple(content))


def wrap(event: Event, name: str) -> Event:
    """The event for a caller who speaks ``name``: a signature of another with its signer's name."""
    if not isinstance(event, ReasoningDelta) or not event.signature:
        return event
    by = signer(event)
    return event if by in ("", name) else replace(event, signature=f"{MARK}{by}-{event.signature}")


def wrap_reply(reply: Reply, name: str) -> Reply:
    """The same for a whole answer."""
    content = tuple(
        replace(part, signature=f"{MARK}{signer(part)}-{part.signature}")
        if isinstance(part, ReasoningPart) and part.signature and _is_foreign(part, name)
        else part
        for part in reply.message.content
    )
    return replace(reply, message=replace(reply.message, content=content))


def unwrap(request: ChatRequest) -> ChatRequest:
    """The request with the signatures that were wrapped as they were, and who signed them; the
    others are the caller's own protocol's."""
    if not any(_signature(part) for m in request.messages for part in m.content):
        return request
    return replace(request, messages=tuple(map(_unwrapped, request.messages)))


def _signature(part: Part) -> str:
    return part.signature if isinstance(part, ReasoningPart) else ""


def _unwrapped(message: Message) -> Message:
    return replace(message, content=tuple(map(_unwrapped_part, message.content)))


def _unwrapped_part(part: Part) -> Part:
    found = _WRAPPED.fullmatch(_signature(part))
    if found is None or not isinstance(part, ReasoningPart):
        return part
    metadata = {**(part.metadata or {}), SIGNED: found[1]}
    return replace(part, signature=found[2], metadata=metadata)
