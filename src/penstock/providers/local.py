"""A model file on one's own disk, run with llama.cpp in a child process (docs/local.md)."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from penstock import settings
from penstock.engine import CONTEXT, INSTALL, SLOTS, Engine, Engines, Model, is_installed
from penstock.errors import (
    ConfigError,
    ConnectionFailed,
    InvalidRequest,
    PenstockError,
    StreamError,
    Timeout,
    Unavailable,
    UnknownModel,
)
from penstock.events import Event
from penstock.http_provider import HTTPProvider
from penstock.hub import store
from penstock.hub.suggested import SUGGESTED
from penstock.local_engine import LAST_ANSWER, direct
from penstock.prefills import ANY
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.openai_chat.dialects.llamacpp import LlamaCpp
from penstock.transport import Request, Timeouts
from penstock.types import ChatRequest, EmbeddingRequest, Embeddings, ModelInfo

_MOST = 10**7
_MOST_SLOTS = 256
"""llama.cpp is built for no more (LLAMA_MAX_SEQ,
https://github.com/ggml-org/llama.cpp/blob/master/src/llama-cparams.h)."""
_MOST_TOKENS = 2**31
"""Of all slots together: llama.cpp counts them in 32 bits with a sign."""
_engines = Engines()
"""Of the whole process: a model is loaded once, whoever asks for it, from whichever loop."""
atexit.register(_engines.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_engines.disown)


class Local(HTTPProvider):
    """Models in process: ``local/path/to/model.gguf``, or the name of one that was pulled.

    ``PENSTOCK_LOCAL_CONTEXT`` says how many tokens a conversation may have,
    ``PENSTOCK_LOCAL_SLOTS`` how many conversations go on at once, and ``PENSTOCK_LOCAL_THREADS``
    how many threads compute. With a ``base_url`` it asks a server that runs already.
    """

    url = "https://github.com/ggml-org/llama.cpp"
    protocol = LlamaCpp()
    prefilled = ANY
    headers = LAST_ANSWER
    _said_model = ""

    @property
    def _has_server(self) -> bool:
        """Whether it was told of one, so that none need be started."""
        return bool(self.settings.base_url or settings.from_environment(self.name, "base_url"))

    def is_configured(self) -> bool:
        """Whether there are a llama.cpp and a model for it, pulled or in ``models``; a file that is
        named can be asked all the same."""
        return self._has_server or (bool(self.models or store.default()) and is_installed())

    def ready_by(self) -> str:
        return "pulled"

    def lacks(self) -> str:
        """What to do before a model can be run; empty where one can be."""
        return "" if self._has_server or is_installed() else f"to run it: {INSTALL}"

    def serves(self, model: str) -> bool:
        """What was pulled, and the files in ``models``; not any that a caller can think of."""
        named = not model or model in self.models or store.find(model) is not None
        return named or self._has_server

    @property
    def default_model(self) -> str:
        """The one that was said, else the first of ``models``, else the one that was pulled
        last."""
        if said := self._said_model or next(iter(self.models), ""):
            return said
        pulled = store.default()
        return pulled.name if pulled else ""

    @default_model.setter
    def default_model(self, name: str) -> None:
        self._said_model = name

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        # With something to write while it reads a long question, llama.cpp sees at once that nobody
        # listens any more (else once a second), and we see that it lives.
        return super().encode_request(request) | {"return_progress": request.stream}

    async def list_models(self) -> tuple[ModelInfo, ...]:
        """The models that were said, and those that were pulled."""
        if self._has_server:
            return await super().list_models()
        names = dict.fromkeys([*self.models, *(pulled.name for pulled in store.installed())])
        return tuple(map(ModelInfo, names))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        async with self._there(request.model or self.default_model) as there:
            if there is not self:
                request = replace(request, model="", api_key=there.api_key)
            async with aclosing(super(Local, there).stream(request)) as events:
                async for event in events:
                    yield event

    def embedding_format(self, model: str) -> EmbeddingFormat | None:
        """None of an engine that does not run yet: it is asked by ``embed`` alone."""
        return super().embedding_format(model) if self._has_server else None

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        async with self._there(request.model, embeds=True) as there:
            if there is not self:
                request = replace(request, api_key=there.api_key)
            return await super(Local, there).embed(request)

    @asynccontextmanager
    async def _there(self, name: str, embeds: bool = False) -> AsyncGenerator[Local]:
        """This provider, with the address of an engine that has loaded the model, which stays while
        the block runs. Errors from inside say how the engine ended, where it has."""
        if self._has_server:
            yield self
            return
        context = settings.variable(self.name, "context")
        try:
            async with AsyncExitStack() as stack:
                engine = await self._loaded(stack, self._model(name, embeds))
                try:
                    yield self.configured(base_url=engine.url, api_key=engine.key)
                except (ConnectionFailed, StreamError, InvalidRequest, Unavailable) as error:
                    raise await _explained(error, engine, context) from None
        except PenstockError as error:
            error.provider = error.provider or self.name
            raise

    async def _loaded(self, stack: AsyncExitStack, model: Model) -> Engine:
        """The model's engine, until ``stack`` closes. It has to load in the time in which an answer
        has to begin."""
        limits = self.settings.timeouts or Timeouts()
        said = (limits.headers, limits.first, limits.total)
        limit = min((seconds for seconds in said if seconds is not None), default=None)
        try:
            async with asyncio.timeout(limit):
                return await stack.enter_async_context(_engines.running(model))
        except TimeoutError:
            raise Timeout(
                f"{model.name} was not loaded within {limit:g} s; it goes on loading: ask again"
            ) from None

    def _model(self, name: str, embeds: bool) -> Model:
        """The model that ``name`` stands for. Raises ``UnknownModel`` if there is none."""
        if not name:
            raise UnknownModel(
                "no model was named, and none was pulled: say local/path/to/model.gguf, or "
                "`penstock pull` one",
                param="model",
            )
        path = store.find(name) or _path(name)
        if path.suffix != ".gguf" and not path.exists():
            raise UnknownModel(f"no model {name!r} was pulled; {_fetched(name)}", param="model")
        context, slots = self._number("context", CONTEXT), self._number("slots", SLOTS)
        self._check_memory(context, slots)
        return Model(
            path,
            context=context,
            slots=slots,
            threads=self._number("threads", 0),
            embeds=embeds,
        )

    def _number(self, setting: str, usual: int) -> int:
        said = settings.from_environment(self.name, setting)
        if said and not (
            said.isascii() and said.isdigit() and len(said) < 9 and 0 < int(said) <= _MOST
        ):
            raise ConfigError(
                f"{settings.variable(self.name, setting)} must be a number from 1 to {_MOST}"
            )
        return int(said) if said else usual

    def _check_memory(self, context: int, slots: int) -> None:
        of_context = settings.variable(self.name, "context")
        of_slots = settings.variable(self.name, "slots")
        if context * slots >= _MOST_TOKENS:
            most = f"less than {_MOST_TOKENS} tokens"
            raise ConfigError(f"{of_context} times {of_slots} must be {most}: make them smaller")
        if slots > _MOST_SLOTS:
            raise ConfigError(f"{of_slots} must be a number from 1 to {_MOST_SLOTS}")

    async def request(self, method: str, url: str, body: bytes, accept: str, key: str) -> Request:
        return direct(await super().request(method, url, body, accept, key))


def _fetched(name: str) -> str:
    """How a model that is not here may come here."""
    if any(name == model.name for model in SUGGESTED):
        return f"`penstock pull {name}` fetches it"
    return "`penstock pull` lists some to fetch, `penstock models local` those that are here"


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:  # nobody knows that user's home
        return Path(name).absolute()


async def _explained(error: PenstockError, engine: Engine, context: str) -> PenstockError:
    """The same error with what is known of it here, and what to do. ``context``: the variable that
    says how long a conversation may be."""
    if isinstance(error, Unavailable):
        return _too_long(error, context)
    if isinstance(error, InvalidRequest):
        if error.type == "exceed_context_size_error":
            more = f"say less, or set {context} to more tokens, if the model can read them"
            return InvalidRequest(f"{error.message}: {more}", type=error.type)
        if "Pooling type" in error.message:
            which = "name a model that is, by its path or as pulled"
            return InvalidRequest(f"{engine.name} is not made to embed: {which}", param="model")
        return error
    if ending := await asyncio.to_thread(engine.ending):
        return type(error)(f"{engine.name}: llama.cpp {ending}; ask again and it is started anew")
    return error


def _too_long(error: Unavailable, context: str) -> PenstockError:
    """Of a text that is to become a vector, which llama.cpp tells as a failure of its own."""
    what, found, _ = error.message.partition(" is too large to process")
    if not found:
        return error
    more = f"shorten or split it, or set {context} to more tokens, if the model can read them"
    return InvalidRequest(f"{what} is too long: {more}", param="input")
