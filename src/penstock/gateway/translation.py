"""One call between two protocols: events in between, what is lost named, what is opaque kept."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from penstock.events import (
    SPOKEN,
    Collector,
    Event,
    Finish,
    Reply,
    Start,
    collect_async,
)
from penstock.gateway.vault import Vault
from penstock.http_provider import HTTPProvider
from penstock.protocols import Encoder, Protocol, signatures
from penstock.provider import Provider
from penstock.types import ChatRequest, Message

LOSS = "penstock-loss"
"""The header that names what a translation lost; at the end of a stream, a comment of that name."""

RECOVERED = "penstock-recovered"
"""The comment at the end of a stream that names whose answers were cut and went on elsewhere."""

_LONGEST, _NAME = 1024, 80
"""Characters of all names that are told, and of one."""

_UNCOMMENTED = ("gemini_generate",)
"""Protocols whose callers take every line for an event: Google's own SDK fails at a comment."""

_UNSAFE = re.compile(r"[^\w.$:/ -]", re.ASCII)


class Translation(Struct):
    """A request of ``caller`` in ``protocol``, answered by a provider that speaks another."""

    protocol: Protocol
    provider: Provider
    request: ChatRequest
    vault: Vault
    caller: str
    lost: tuple[str, ...] = ()
    """What the service was not told, once it answers."""

    said: tuple[Message, ...] = ()
    """The caller's messages as they came."""

    def __post_init__(self) -> None:
        self.said = self.request.messages
        restored = self.vault.restore(self._owner, self.request, time.monotonic())
        self.request = signatures.unwrap(restored)

    @property
    def _owner(self) -> str:
        """Whose the opaque data is: a caller's, of a service; it means nothing to another."""
        spoken = self.provider.protocol.name if isinstance(self.provider, HTTPProvider) else ""
        return f"{self.caller}\n{self.provider.name}\n{spoken}"

    def _keep(self, reply: Reply) -> None:
        self.vault.keep(self._owner, self.said, reply.message, time.monotonic())

    @property
    def headers(self) -> dict[str, str]:
        """What a caller is told of the loss."""
        return told(self.lost)

    async def whole(self) -> Any:
        """The whole answer, as the protocol's JSON values."""
        async with aclosing(self.provider.stream(self.request)) as events:
            reply = await collect_async(events)
        self._keep(reply)
        reply = signatures.wrap_reply(reply, self.protocol.name)
        self.lost = tuple(sorted({*reply.loss, *self.protocol.answer_loss(reply)}))
        return self.protocol.encode_response(reply)

    async def stream(
        self, encoder: Encoder, events: AsyncGenerator[Event]
    ) -> AsyncGenerator[bytes]:
        """The bytes of the answer that these events are; none before something is spoken, but for
        the whole of an answer that says nothing."""
        held, speaking, seen = b"", False, Collector()
        async with aclosing(events):
            async for event in events:
                data = encoder.encode(signatures.wrap(event, self.protocol.name))
                seen.add(event)
                if isinstance(event, Start):
                    self.lost = event.loss
                speaking = speaking or isinstance(event, SPOKEN)
                if isinstance(event, Finish):
                    held += self._told(encoder, seen)
                if not speaking:
                    held += data
                elif held or data:
                    yield held + data
                    held = b""
        if rest := held + encoder.close():
            yield rest

    def _told(self, encoder: Encoder, seen: Collector) -> bytes:
        """Keep what is opaque; the comments that name what the caller cannot be told."""
        reply = seen.reply()
        self._keep(reply)
        kind = encoder.content_type or self.protocol.stream_type
        if not kind.startswith("text/event-stream") or self.protocol.family in _UNCOMMENTED:
            return b""
        names = {LOSS: self.protocol.answer_loss(reply), RECOVERED: reply.recovered}
        said = (f": {name}: {listed(what)}\n\n" for name, what in names.items() if what)
        return "".join(said).encode()


def told(lost: Iterable[str]) -> dict[str, str]:
    """The header that names a loss, where there is one."""
    names = listed(lost)
    return {LOSS: names} if names else {}


def listed(lost: Iterable[str]) -> str:
    """Names as a header can carry them: a caller's own keys may hold anything, and be many."""
    names = [_UNSAFE.sub("_", name)[:_NAME] for name in lost]
    told = [name for n, name in enumerate(names) if sum(map(len, names[: n + 1])) < _LONGEST]
    return ", ".join(told if len(told) == len(names) else [*told, "..."])
