"""The front door: ``Client`` and ``AsyncClient``, over every provider of the catalog."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from penstock import _sync, config, embedding, structured
from penstock.catalog import Catalog
from penstock.embedding import Texts
from penstock.events import Event, Reply
from penstock.provider import Provider, question, split
from penstock.streams import AsyncStream
from penstock.structured import is_type
from penstock.types import ChatRequest, Embeddings, Messages, ModelInfo, Secret

_SECRETS = ("api_key", "proxy")


class AsyncClient:
    """Asks any model by name: ``provider/model``, or a bare name that one provider lists.

    ``model``: what is asked when a call names none (empty: the catalog's default).
    ``config``: the path of a ``penstock.toml``, or a ``Config``. ``given``: settings for every
    call, see ``Settings``.
    """

    def __init__(
        self, model: str = "", *, config: config.Config | str | Path | None = None, **given: Any
    ) -> None:
        self.catalog = Catalog(_config(config))
        self._model = model
        self._given = {
            name: Secret(value) if name in _SECRETS and isinstance(value, str) else value
            for name, value in given.items()
        }

    def stream(
        self, messages: Messages | str, model: str = "", **options: Any
    ) -> AsyncStream[Event]:
        """The answer as events; ``print(event, end="")`` writes its text.

        ``messages``: dicts with ``role`` and ``content``, or one string. ``options``: settings
        of the call and fields of the request. Raises ``PenstockError`` when it is read.
        """
        return AsyncStream(lambda: self._events(messages, model, options))

    async def chat(self, messages: Messages | str, model: str = "", **options: Any) -> Reply:
        """The whole answer; ``str(reply)`` is its text. Raises ``PenstockError``, never half.

        With a type as ``response_format``, ``reply.value`` is one of its values, checked.
        """
        provider, request = await self._asked(messages, model, options)
        reply = await provider.answer(request)
        form = options.get("response_format")
        return replace(reply, value=structured.read(reply, form)) if is_type(form) else reply

    async def embed(self, texts: Texts, model: str = "", **options: Any) -> Embeddings:
        """One vector for each of the texts, in their order; ``texts`` may be one string.

        ``model``: ``provider/model``, or a provider's name for the model that it embeds with.
        ``options``: ``dimensions``, ``purpose`` (``query``, ``document``, ``similarity``,
        ``classification``, ``clustering``), ``strict``, settings of the call, and the service's own
        fields. Raises ``PenstockError``, never some of the vectors.
        """
        asked = model or self._model
        provider, name = await self.catalog.resolve(asked)
        name = embedding.model_of(provider, asked, name)
        provider, rest = split(provider, {**self._given, **options})
        return await provider.embed(embedding.question(texts, name, rest))

    async def models(self) -> list[ModelInfo]:
        """The models of every configured provider, as ``provider/model``."""
        return await self.catalog.list_models()

    async def _events(
        self, messages: Messages | str, model: str, options: dict[str, Any]
    ) -> AsyncGenerator[Event]:
        provider, request = await self._asked(messages, model, options)
        async with aclosing(provider.stream(request)) as events:
            async for event in events:
                yield event

    async def _asked(
        self, messages: Messages | str, model: str, options: dict[str, Any]
    ) -> tuple[Provider, ChatRequest]:
        provider, name = await self.catalog.resolve(model or self._model)
        provider, rest = split(provider, {**self._given, **options})
        return provider, question(name, messages, rest)


class Client:
    """``AsyncClient`` for synchronous callers: in a script, a thread, or a notebook."""

    def __init__(
        self, model: str = "", *, config: config.Config | str | Path | None = None, **given: Any
    ) -> None:
        self._client = AsyncClient(model, config=config, **given)
        self.catalog = self._client.catalog

    def stream(
        self, messages: Messages | str, model: str = "", **options: Any
    ) -> _sync.SyncStream[Event]:
        """The answer as events; leaving the loop closes the connection to the service."""
        return _sync.SyncStream(lambda: self._client._events(messages, model, options))

    def chat(self, messages: Messages | str, model: str = "", **options: Any) -> Reply:
        """The whole answer; ``str(reply)`` is its text. Raises ``PenstockError``, never half."""
        return _sync.run(self._client.chat(messages, model, **options))

    def embed(self, texts: Texts, model: str = "", **options: Any) -> Embeddings:
        """One vector for each of the texts, in their order. Raises ``PenstockError``."""
        return _sync.run(self._client.embed(texts, model, **options))

    def models(self) -> list[ModelInfo]:
        """The models of every configured provider, as ``provider/model``."""
        return _sync.run(self._client.models())


def _config(given: config.Config | str | Path | None) -> config.Config:
    return given if isinstance(given, config.Config) else config.load(given)


def chat(messages: Messages | str, model: str = "", **options: Any) -> Reply:
    """Ask once and wait for the whole answer: ``print(penstock.chat("Men are all alike."))``."""
    return Client().chat(messages, model, **options)


def embed(texts: Texts, model: str = "", **options: Any) -> Embeddings:
    """Make vectors of texts: ``penstock.embed(["a", "b"], "openai").vectors``."""
    return Client().embed(texts, model, **options)


def stream(messages: Messages | str, model: str = "", **options: Any) -> _sync.SyncStream[Event]:
    """Ask once and read the answer as it comes.

    for event in penstock.stream("Men are all alike."):
        print(event, end="", flush=True)
    """
    return Client().stream(messages, model, **options)
