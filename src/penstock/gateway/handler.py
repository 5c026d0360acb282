"""One handler: decode the request, resolve the model, stream the answer, encode it.

The path from socket to socket: ``Gateway.handle`` -> a ``Question`` is put to a provider, or over a
route to several -> ``relay`` (same protocol on both sides: the service's bytes go through unchanged
while a decoder reads them on the side) or a ``Translation`` (events in between) -> the listener
writes what they yield.

No status is sent before the answer's first spoken event, so that an early failure has its own
status. A later one is told in the caller's protocol (``Streamed.tell``), and then the connection is
cut, so that nobody takes half an answer for a whole one.
"""

from __future__ import annotations

import difflib
import functools
import logging
from urllib.parse import urlsplit

from penstock import __version__, discovery, embedding
from penstock.catalog import Catalog
from penstock.errors import CallerError, ConfigError, InvalidRequest, PenstockError, UnknownModel
from penstock.gateway import embeddings
from penstock.gateway.answer import Answer, Asked, failure, read_object, whole
from penstock.gateway.guard import check_caller
from penstock.gateway.question import Question
from penstock.gateway.routes import OLLAMA_VERSION, Route, build, find
from penstock.gateway.vault import Vault
from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings import CallerFormat
from penstock.protocols.openai_chat import OpenAIChat
from penstock.provider import Provider
from penstock.transport import is_loopback_host

logger = logging.getLogger("penstock.gateway")

_PATH = 200
"""Characters of a wrong path that are compared with the right ones."""


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
        self._is_here = functools.lru_cache(256)(_is_here)  # an address is looked at once
        self.plain = Route("health", OpenAIChat())

    async def handle(self, asked: Asked) -> Answer:
        """The answer to any request, errors included. Raises nothing of ours."""
        if asked.headers.get("user-agent") == discovery.AGENT:
            return failure(
                self.plain.protocol, _NotFound("this is a gateway of penstock, no engine")
            )
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
            return failure((route or self.plain).protocol, error)

    def _no_route(self, asked: Asked) -> PenstockError:
        methods = {m for m, _ in self._table if find(self._table, m, asked.path)}
        if methods:
            return _WrongMethod(f"{asked.path} takes {', '.join(sorted(methods))}")
        near = difflib.get_close_matches(asked.path[:_PATH], (path for _, path in self._table), 1)
        hint = f"did you mean {near[0]}? " if near else ""
        return _NotFound(f"no such path; {hint}docs/gateway.md lists them all")

    def _health(self) -> Answer:
        said = {"status": "ok", "version": __version__, "default": self.catalog.default()}
        return whole(said)

    def _version(self) -> Answer:
        return whole({"version": OLLAMA_VERSION})

    async def _models(self, route: Route) -> Answer:
        return whole(route.protocol.encode_models(await self.catalog.list_models()))

    async def _chat(self, route: Route, asked: Asked) -> Answer:
        question = Question(route.protocol, asked, self._vault, self._allow)
        provider, model = await self._resolve(route, question.model)
        return await question.put_to(provider, model)

    async def _embed(self, route: Route, asked: Asked) -> Answer:
        form = route.embeddings or route.protocol.embeddings
        if not isinstance(form, CallerFormat):
            raise self._no_route(asked)
        value = form.with_path(read_object(asked.body), asked.target)
        said = form.peek(value)
        provider, model = await self._resolve(route, said)
        model = embedding.model_of(provider, said, model)
        body, headers = await embeddings.answer(form, provider, value, model, asked.is_strict)
        return whole(body, headers)

    async def _resolve(self, route: Route, model: str) -> tuple[Provider, str]:
        try:
            provider, model = await self.catalog.resolve(model)
            self._allow(provider, model)
        except CallerError:
            if not route.any_model:
                raise
            provider, model = await self.catalog.resolve()
            self._allow(provider, model)
        return provider, model

    def _allow(self, provider: Provider, model: str) -> None:
        """Not what a caller must not choose; and a founding provider that is pointed here would
        have the gateway ask itself for ever."""
        if not provider.serves(model):
            message = f"{provider.name} has no such model here; `penstock models` lists them"
            raise UnknownModel(message, param="model")
        port = self.address[1] if self.address else None
        if self._is_here(provider, port):
            raise ConfigError(f"{provider.name} has this very gateway as its base_url")


def _is_here(provider: Provider, port: int | None) -> bool:
    """Whether the provider asks that port of this machine."""
    if port is None or not isinstance(provider, HTTPProvider):
        return False
    try:
        asked = urlsplit(provider.endpoint)
        return asked.port == port and is_loopback_host(asked.hostname or "")
    except ValueError:  # no URL at all; asking it says so
        return False
