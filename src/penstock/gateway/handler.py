"""One handler: decode the request, resolve the model, stream the answer, encode it.

The path from socket to socket: ``Gateway.handle`` -> ``_chat`` -> ``_relay`` (same protocol on
both sides: the service's bytes go through unchanged while a decoder reads them on the side) or a
``Translation`` (events in between) -> the listener writes what they yield.

No status is sent before the answer's first spoken event, so that an early failure has its own
status. A later one is told in the caller's protocol (``Streamed.tell``), and then the connection is
cut, so that nobody takes half an answer for a whole one.
"""

from __future__ import annotations

import difflib
import functools
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from penstock import __version__, discovery, embedding
from penstock.catalog import Catalog
from penstock.errors import (
    CallerError,
    ConfigError,
    InvalidRequest,
    PenstockError,
    UnknownModel,
)
from penstock.events import SPOKEN, Event, Finish, collect
from penstock.exchange import read_whole
from penstock.gateway import embeddings
from penstock.gateway.guard import check_caller, is_loopback
from penstock.gateway.routes import OLLAMA_VERSION, Route, build, find
from penstock.gateway.translation import Translation
from penstock.gateway.vault import Vault
from penstock.http_provider import HTTPProvider
from penstock.protocols import Decoder, Encoder, Protocol, json, signatures
from penstock.protocols.embeddings import CallerFormat
from penstock.protocols.openai_chat import OpenAIChat
from penstock.provider import Provider
from penstock.transport import read_out
from penstock.types import ChatRequest

logger = logging.getLogger("penstock.gateway")

STRICT = "penstock-strict"
"""The header by which a caller refuses to lose anything."""

_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_JSON = "application/json"
_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_REASON = 200
"""Characters of a status text; clients refuse long ones."""
_PATH = 200
"""Characters of a wrong path that are compared with the right ones."""
_HELD = 256 * 1024
"""Bytes of an answer that may wait for its first spoken event."""


class Asked(Struct, frozen=True):
    """A caller's request; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    target: str = ""
    """The path as it came, percent signs and query included."""

    @property
    def is_strict(self) -> bool:
        """Whether the caller would rather be refused than lose a part of the question."""
        return self.headers.get(STRICT, "").lower() in ("1", "true", "yes")


class Streamed(Struct, frozen=True):
    """A body in pieces: the first, which is there already, those that follow, and what tells a
    caller of a failure amid them. After that the connection is to be closed without ending the
    body."""

    first: bytes
    rest: AsyncGenerator[bytes]
    tell: Callable[[PenstockError], bytes]


class Answer(Struct, frozen=True):
    """What goes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Streamed
    reason: str | None = None


class _NotFound(InvalidRequest):
    http_status = 404


class _WrongMethod(InvalidRequest):
    http_status = 405


class Gateway:
    """Answers requests over one catalog. Closing an answer's chunks closes the service's side."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.address: tuple[str, int] | None = None
        """Where it listens, once it does; it never asks itself."""
        self._table = build(catalog)
        self._vault = Vault()
        self.plain = Route("health", OpenAIChat())

    async def handle(self, asked: Asked) -> Answer:
        """The answer to any request, errors included. Raises nothing of ours."""
        if asked.headers.get("user-agent") == discovery.AGENT:
            return failure(self.plain, _NotFound("this is a gateway of penstock, no engine"))
        route = find(self._table, asked.method, asked.path)
        try:
            headers = asked.headers
            check_caller(headers.get("host"), headers.get("origin"), route.origin if route else "")
            if route is None:
                raise self._no_route(asked)
            match route.asks:
                case "chat":
                    return await self._chat(route, asked)
                case "embeddings":
                    return await self._embed(route, asked)
                case "models":
                    return await self._models(route)
                case "health":
                    return self._health()
                case "version":
                    return self._version()
        except PenstockError as error:
            logger.warning("%s %s: %s", asked.method, asked.path, error.message)
            return failure(route or self.plain, error)

    def _no_route(self, asked: Asked) -> PenstockError:
        methods = {m for m, _ in self._table if find(self._table, m, asked.path)}
        if methods:
            return _WrongMethod(f"{asked.path} takes {', '.join(sorted(methods))}")
        near = difflib.get_close_matches(asked.path[:_PATH], (path for _, path in self._table), 1)
        hint = f"did you mean {near[0]}? " if near else ""
        return _NotFound(f"no such path; {hint}docs/gateway.md lists them all")

    def _health(self) -> Answer:
        said = {"status": "ok", "version": __version__, "default": self.catalog.default()}
        return _whole(said)

    def _version(self) -> Answer:
        return _whole({"version": OLLAMA_VERSION})

    async def _models(self, route: Route) -> Answer:
        return _whole(route.protocol.encode_models(await self.catalog.list_models()))

    async def _chat(self, route: Route, asked: Asked) -> Answer:
        protocol = route.protocol
        value = protocol.with_path(read_object(asked.body), asked.target)
        model, stream = protocol.peek(value)
        provider, model = await self._resolve(route, model)
        if isinstance(provider, HTTPProvider) and type(provider.protocol) is type(protocol):
            relayed = protocol.relayed(value, model)
            if relayed is not None and signatures.MARK.encode() not in asked.body:
                return await self._pass_on(provider, value, relayed, model, stream)
        request = msgspec.structs.replace(
            protocol.decode_request(value), model=model, strict=asked.is_strict
        )
        translation = Translation(protocol, provider, request, self._vault, _caller(asked))
        if not stream:
            answer = _whole(await translation.whole())
            return msgspec.structs.replace(
                answer, headers={**answer.headers, **translation.headers}
            )
        encoder = protocol.encoder(translation.request)
        kind = encoder.content_type or protocol.stream_type
        chunks = translation.stream(encoder)
        first = await anext(chunks, b"")  # an error before anything is spoken has its own status
        headers = {"Content-Type": kind, **_UNBUFFERED, **translation.headers}
        return Answer(200, headers, Streamed(first, chunks, encoder.error))

    async def _embed(self, route: Route, asked: Asked) -> Answer:
        form = route.embeddings or route.protocol.embeddings
        if not isinstance(form, CallerFormat):
            raise self._no_route(asked)
        value = form.with_path(read_object(asked.body), asked.target)
        said = form.peek(value)
        provider, model = await self._resolve(route, said)
        model = embedding.model_of(provider, said, model)
        body, headers = await embeddings.answer(form, provider, value, model, asked.is_strict)
        return Answer(200, {"Content-Type": _JSON, **headers}, body)

    async def _pass_on(
        self,
        provider: HTTPProvider,
        value: dict[str, Any],
        relayed: dict[str, Any],
        model: str,
        stream: bool,
    ) -> Answer:
        """Caller and service speak the same protocol: the bytes go through."""
        protocol, raw = provider.protocol, json.encode(relayed)
        if not stream:
            return await _relay_whole(provider, raw, model)
        chunks = _relay(provider, raw, model, lambda: self._encoder(protocol, value))
        first = await anext(chunks, b"")

        def tell(error: PenstockError) -> bytes:
            return self._encoder(protocol, value).error(error)

        headers = {"Content-Type": protocol.stream_type, **_UNBUFFERED}
        return Answer(200, headers, Streamed(first, chunks, tell))

    def _encoder(self, protocol: Protocol, value: dict[str, Any]) -> Encoder:
        """For a failure amid a relay, whose request the service alone has read until now."""
        try:
            request = protocol.decode_request(value)
        except (
            InvalidRequest
        ):  # the service took it, so it answers; the failure is told all the same
            request = ChatRequest()
        return protocol.encoder(request)

    async def _resolve(self, route: Route, model: str) -> tuple[Provider, str]:
        try:
            return self._allowed(*await self.catalog.resolve(model))
        except CallerError:
            if not route.any_model:
                raise
            return self._allowed(*await self.catalog.resolve())

    def _allowed(self, provider: Provider, model: str) -> tuple[Provider, str]:
        """Not what a caller must not choose; and a founding provider that is pointed here would
        have the gateway ask itself for ever."""
        if not provider.serves(model):
            message = f"{provider.name} has no such model here; `penstock models` lists them"
            raise UnknownModel(message, param="model")
        port = self.address[1] if self.address else None
        if isinstance(provider, HTTPProvider) and _is_here(provider.endpoint, port):
            raise ConfigError(f"{provider.name} has this very gateway as its base_url")
        return provider, model


def _caller(asked: Asked) -> str:
    """Who asks, as far as credentials tell; Google's clients may put a key into the query."""
    named = next((asked.headers[name] for name in _CREDENTIALS if asked.headers.get(name)), "")
    return named or "".join(parse_qs(asked.target.partition("?")[2]).get("key", ()))


@functools.lru_cache(256)
def _is_here(url: str, port: int | None) -> bool:
    try:
        asked = urlsplit(url)
        return port is not None and asked.port == port and is_loopback(asked.hostname or "")
    except ValueError:  # no URL at all; asking it says so
        return False


async def _relay(
    provider: HTTPProvider, body: bytes, model: str, encoder: Callable[[], Encoder]
) -> AsyncGenerator[bytes]:
    """The service's own bytes, whole events only, read on the side for the truth of their end."""
    async with provider.open(body, model=model, stream=True) as response:
        decoder = provider.protocol.decoder()
        held, speaking = b"", False
        async with aclosing(response.chunks()) as chunks:
            async for chunk in chunks:
                events, failure = _read(decoder, chunk)
                if not speaking and any(isinstance(event, SPOKEN) for event in events):
                    speaking = True
                    response.spoken()
                if failure is not None:
                    if speaking:  # what came before the failure was said, and is not lost
                        yield b"".join(map(encoder().encode, events))
                    raise failure
                data = held + chunk if held else chunk
                ended = bool(events) and isinstance(events[-1], Finish)
                if not speaking and not ended and len(data) < _HELD:
                    held = data
                    continue
                whole = len(data) - decoder.pending
                held = data[whole:]
                if whole:
                    yield data[:whole] if held else data
                if ended:
                    await read_out(chunks)  # whatever follows is no part of the answer
                    return
        events = list(decoder.close(response.delimited))
        if decoder.whole:  # a whole answer where a stream was asked
            writer = encoder()
            held = b"".join(map(writer.encode, events)) + writer.close()
        if held:
            yield held


def _read(decoder: Decoder, chunk: bytes) -> tuple[list[Event], PenstockError | None]:
    """The events of a chunk, and the error that followed them."""
    events: list[Event] = []
    try:
        for event in decoder.feed(chunk):
            events.append(event)  # noqa: PERF402 - kept though the next one raises
    except PenstockError as error:
        return events, error
    return events, None


async def _relay_whole(provider: HTTPProvider, body: bytes, model: str) -> Answer:
    protocol = provider.protocol
    async with provider.open(body, model=model, stream=False) as response:
        answer = await read_whole(response)
        protocol.check_response(answer, response.delimited)  # a 200 may hold an error
        if answer.lstrip()[:1] == b"{":
            return Answer(200, {"Content-Type": _JSON}, answer)
        # A stream where a whole answer was asked.
        reply = collect(protocol.decode_response(answer, response.delimited))
    return _whole(protocol.encode_response(reply))


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises ``InvalidRequest``."""
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        raise InvalidRequest("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value


def _whole(value: Any) -> Answer:
    """A whole answer: text where the protocol is bare text, else JSON."""
    if isinstance(value, str):
        return Answer(200, {"Content-Type": "text/plain; charset=utf-8"}, value.encode())
    return Answer(200, {"Content-Type": _JSON}, json.encode(value))


def failure(route: Route, error: PenstockError) -> Answer:
    """A failed answer in the caller's protocol; a protocol of bare text has only the status text
    to say why."""
    status, value = route.protocol.encode_error(error)
    headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
    answer = _whole(value)
    reason = None
    if isinstance(value, str):
        reason = " ".join(error.message.split()).encode("ascii", "replace").decode()[:_REASON]
    return Answer(status, {**answer.headers, **headers}, answer.body, reason)
