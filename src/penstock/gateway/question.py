"""``Question``: what a caller asks, put to one provider, or over a route to several."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import cached_property
from typing import Protocol as Shape

from msgspec.structs import replace

from penstock.errors import InvalidRequest, PenstockError
from penstock.events import Attempt, Event
from penstock.gateway.answer import Answer, Asked, Streamed, read_object, whole
from penstock.gateway.relay import relay, relay_whole
from penstock.gateway.translation import Translation, listed
from penstock.gateway.vault import Vault
from penstock.http_provider import HTTPProvider
from penstock.protocols import Encoder, Protocol, json, signatures
from penstock.provider import Call, Provider
from penstock.routing.routed import Routed, heard
from penstock.types import ChatRequest

ROUTE = "penstock-route"
"""The header that names who was asked in vain, and why."""

_MARK = signatures.MARK.encode()
_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


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
        self.protocol, self.allow = protocol, allow
        self._asked, self._vault = asked, vault
        self._value = protocol.with_path(read_object(asked.body), asked.target)
        self._is_wrapped = _MARK in asked.body
        self.model, self._stream = protocol.peek(self._value)

    @cached_property
    def _request(self) -> ChatRequest:
        return replace(self.protocol.decode_request(self._value), strict=self._asked.is_strict)

    async def put_to(self, provider: Provider, model: str) -> Answer:
        """The answer, once something of it was said. Raises ``PenstockError`` until then."""
        if not self._stream:
            return await self._whole(provider, model)
        writing = self.write(provider, model)
        first = await anext(writing.chunks, b"")
        return Answer(200, writing.headers, Streamed(first, writing.chunks, writing.tell))

    async def _whole(self, provider: Provider, model: str) -> Answer:
        if isinstance(provider, Routed):
            return await self._whole_over(provider, model)
        if relayed := self._relayed(provider, model):
            return await relay_whole(*relayed, model)
        translation = self.translation(provider, model)
        value = await translation.whole()
        return whole(value, translation.headers)

    async def _whole_over(self, route: Routed, model: str) -> Answer:
        """Nothing is given away before its end, so that it is one target's, asked for anew where
        another's was cut."""

        async def ask(provider: Provider, model: str) -> AsyncGenerator[Answer]:
            self.allow(provider, model)
            answer = await self._whole(provider, model)
            yield answer

        call = Call(ask, self.understood, model)
        async with aclosing(route.through(call)) as answers:
            (answer,) = [answer async for answer in answers]  # to the end: it did not fail
        return replace(answer, headers={**answer.headers, **_told(call.attempts)})

    def write(self, provider: Provider, model: str) -> Writing:
        """The answer as a stream."""
        if isinstance(provider, Routed):
            kind = _Continued if provider.continues else _Routed
            return kind(self, provider, model)
        if relayed := self._relayed(provider, model):
            return _Relayed(self, *relayed, model)
        translation = self.translation(provider, model)
        return _Translated(translation, provider.stream(translation.request))

    def _relayed(self, provider: Provider, model: str) -> tuple[HTTPProvider, bytes] | None:
        """A service of the same protocol, and the question as it goes on to it."""
        if not isinstance(provider, HTTPProvider) or self._is_wrapped:
            return None
        if type(provider.protocol) is not type(self.protocol):
            return None
        relayed = self.protocol.relayed(self._value, model)
        return None if relayed is None else (provider, json.encode(relayed))

    def translation(self, provider: Provider, model: str) -> Translation:
        """The question in our own words. Raises ``InvalidRequest``."""
        request = replace(self._request, model=model)
        return Translation(self.protocol, provider, request, self._vault, self._asked.caller)

    def encoder(self, protocol: Protocol) -> Encoder:
        """For a failure amid a relay, whose request the service alone has read until now."""
        return protocol.encoder(self.understood())

    def understood(self) -> ChatRequest:
        """The question as far as we know it: a service may understand one that we do not, and it
        answers all the same."""
        try:
            return self._request
        except InvalidRequest:
            return ChatRequest()


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

    def __init__(self, translation: Translation, events: AsyncGenerator[Event]) -> None:
        protocol = translation.protocol
        self._encoder = encoder = protocol.encoder(translation.request)
        self._kind = encoder.content_type or protocol.stream_type
        self._translation = translation
        self.chunks = translation.stream(encoder, events)
        self.tell = encoder.error

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": self._kind, **_UNBUFFERED, **self._translation.headers}


class _Continued(_Translated):
    """Events over a route, whose answer may be several targets'."""

    def __init__(self, question: Question, route: Routed, model: str) -> None:
        translation = question.translation(route, model)
        self._attempts = attempts = list[Attempt]()  # not the call, which holds ``ask``

        async def ask(provider: Provider, model: str) -> AsyncGenerator[Event]:
            question.allow(provider, model)
            asked = provider.stream(replace(translation.request, model=model))
            async with aclosing(heard(asked, attempts, provider.name)) as events:
                async for event in events:
                    yield event

        call = Call(ask, lambda: translation.request, model, attempts=attempts)
        super().__init__(translation, route.through(call))

    @property
    def headers(self) -> Mapping[str, str]:
        return {**super().headers, **_told(self._attempts)}


class _Routed:
    """Over a route, in whatever way the target that answers is asked."""

    def __init__(self, question: Question, route: Routed, model: str) -> None:
        self._question = question
        self._attempts: list[Attempt] = []
        self._writing: Writing
        self.chunks = self._chosen(route, model)

    async def _ask(self, provider: Provider, model: str) -> AsyncGenerator[tuple[Writing, bytes]]:
        self._question.allow(provider, model)
        writing = self._question.write(provider, model)
        is_empty = True
        async with aclosing(writing.chunks) as chunks:
            async for chunk in chunks:
                yield writing, chunk
                is_empty = False
        if is_empty:  # bare text, of an answer that says nothing and ends well
            yield writing, b""

    async def _chosen(self, route: Routed, model: str) -> AsyncGenerator[bytes]:
        call = Call(self._ask, self._question.understood, model, attempts=self._attempts)
        async with aclosing(route.through(call)) as answer:
            async for self._writing, chunk in answer:
                yield chunk

    @property
    def headers(self) -> Mapping[str, str]:
        return {**self._writing.headers, **_told(self._attempts)}

    def tell(self, error: PenstockError) -> bytes:
        return self._writing.tell(error)


def _told(attempts: Iterable[Attempt]) -> dict[str, str]:
    """The header that names who was asked in vain."""
    asked = listed(f"{a.target} {a.error}".strip() for a in attempts)
    return {ROUTE: asked} if asked else {}
