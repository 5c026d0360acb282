"""``Question``: what a caller asks, put to one provider, or over a route to several."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import cached_property
from typing import Any
from typing import Protocol as Shape

from msgspec.structs import replace

from penstock.errors import InvalidRequest, PenstockError
from penstock.gateway.answer import Answer, Asked, Streamed, read_object, whole
from penstock.gateway.relay import relay, relay_whole
from penstock.gateway.translation import Translation
from penstock.gateway.vault import Vault
from penstock.http_provider import HTTPProvider
from penstock.protocols import Encoder, Protocol, json, signatures
from penstock.provider import Call, Provider
from penstock.routing.routed import Routed
from penstock.types import ChatRequest

ROUTE = "penstock-route"
"""The header that says who answers, and who was asked before."""

_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_LONGEST = 1024


class Writing(Shape):
    """An answer on its way to the caller."""

    chunks: AsyncGenerator[bytes]

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, known once its first bytes are."""
        ...

    def tell(self, error: PenstockError) -> bytes:
        """What a caller is told of a failure amid them."""
        ...


class Question:
    """A caller's question in ``protocol``. ``allow`` raises for who must not be asked.

    Raises ``InvalidRequest`` where the body is none.
    """

    def __init__(
        self,
        protocol: Protocol,
        asked: Asked,
        vault: Vault,
        allow: Callable[[Provider, str], None],
    ) -> None:
        self._protocol = protocol
        self._asked, self._vault, self._allow = asked, vault, allow
        self._value = protocol.with_path(read_object(asked.body), asked.target)
        self._is_wrapped = signatures.MARK.encode() in asked.body
        self.model, self._stream = protocol.peek(self._value)

    @cached_property
    def _request(self) -> ChatRequest:
        return replace(self._protocol.decode_request(self._value), strict=self._asked.is_strict)

    async def put_to(self, provider: Provider, model: str) -> Answer:
        """The answer, once something of it was said. Raises ``PenstockError`` until then."""
        if provider.is_route and isinstance(provider, Routed) and not provider.continues:
            return await (self._route if self._stream else self._route_whole)(provider, model)
        if not self._stream:
            return await self._whole(provider, model)
        writing = self._write(provider, model)
        first = await anext(writing.chunks, b"")
        return Answer(200, writing.headers, Streamed(first, writing.chunks, writing.tell))

    async def _whole(self, provider: Provider, model: str) -> Answer:
        if relayed := self._relayed(provider, model):
            return await relay_whole(*relayed, model)
        translation = self._translation(provider, model)
        value = await translation.whole()
        return whole(value, translation.headers)

    def _write(self, provider: Provider, model: str) -> Writing:
        if relayed := self._relayed(provider, model):
            return _Relayed(self, *relayed, model)
        return _Translated(self._protocol, self._translation(provider, model))

    def _relayed(self, provider: Provider, model: str) -> tuple[HTTPProvider, bytes] | None:
        """A service of the same protocol, and the question as it goes on to it."""
        if not isinstance(provider, HTTPProvider) or self._is_wrapped:
            return None
        if type(provider.protocol) is not type(self._protocol):
            return None
        relayed = self._protocol.relayed(self._value, model)
        return None if relayed is None else (provider, json.encode(relayed))

    def _translation(self, provider: Provider, model: str) -> Translation:
        request = replace(self._request, model=model)
        return Translation(self._protocol, provider, request, self._vault, self._asked.caller)

    def encoder(self, protocol: Protocol) -> Encoder:
        """For a failure amid a relay, whose request the service alone has read until now."""
        try:
            return protocol.encoder(self._request)
        except InvalidRequest:  # the service took it, so it answers; the failure is told as well
            return protocol.encoder(ChatRequest())

    def _understood(self) -> ChatRequest:
        """For who chooses a service by the question, which the service alone may understand."""
        try:
            return self._request
        except InvalidRequest:
            return ChatRequest()

    # Over a route

    async def _route(self, route: Routed, model: str) -> Answer:
        async def ask(provider: Provider, model: str) -> AsyncGenerator[tuple[Writing, bytes]]:
            self._allow(provider, model)
            writing = self._write(provider, model)
            async with aclosing(writing.chunks) as chunks:
                async for chunk in chunks:
                    yield writing, chunk

        call = Call(ask, self._understood, model)
        answers = route.through(call)
        writing, first = await anext(answers)
        headers = {**writing.headers, **_told(call)}
        return Answer(200, headers, Streamed(first, _chunks(answers), writing.tell))

    async def _route_whole(self, route: Routed, model: str) -> Answer:
        async def ask(provider: Provider, model: str) -> AsyncGenerator[Answer]:
            self._allow(provider, model)
            answer = await self._whole(provider, model)
            yield answer

        call = Call(ask, self._understood, model)
        async with aclosing(route.through(call)) as answers:
            answer = await anext(answers)
        return replace(answer, headers={**answer.headers, **_told(call)})


class _Relayed:
    """The service's own bytes."""

    def __init__(self, question: Question, provider: HTTPProvider, body: bytes, model: str) -> None:
        self._question, self._protocol = question, provider.protocol
        self.headers = {"Content-Type": provider.protocol.stream_type, **_UNBUFFERED}
        self.chunks = relay(provider, body, model, self._encoder)

    def _encoder(self) -> Encoder:
        return self._question.encoder(self._protocol)

    def tell(self, error: PenstockError) -> bytes:
        return self._encoder().error(error)


class _Translated:
    """Events, in the caller's own protocol."""

    def __init__(self, protocol: Protocol, translation: Translation) -> None:
        self._encoder = encoder = protocol.encoder(translation.request)
        self._kind = encoder.content_type or protocol.stream_type
        self._translation = translation
        self.chunks = translation.stream(encoder)
        self.tell = encoder.error

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": self._kind, **_UNBUFFERED, **self._translation.headers}


async def _chunks(answers: AsyncGenerator[tuple[Writing, bytes]]) -> AsyncGenerator[bytes]:
    async with aclosing(answers):
        async for _, chunk in answers:
            yield chunk


def _told(call: Call[Any]) -> dict[str, str]:
    """The header that names who was asked in vain."""
    asked = ", ".join(f"{a.target} {a.error}".strip() for a in call.attempts)
    return {ROUTE: asked.encode("ascii", "replace").decode()[:_LONGEST]} if asked else {}
