"""A provider says where to ask and which protocol to speak.

    Provider              stream(request) -> events, and its projections
    ├── HTTPProvider      a base URL and a protocol; most services are a subclass of it
    └── GeneratorProvider you write one of the projections yourself (generator.py)

Declaration stands on the class (constants, never assigned at run time), configuration in the
instance, the question in the call. The projections work on the class too, where they run on a
fresh instance that only the environment configures.
"""

from __future__ import annotations

import copy
import os
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import MethodType
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Self, TypeVar

import msgspec

from penstock import _sync, browser, settings
from penstock.errors import (
    ConfigError,
    InvalidRequest,
    PenstockError,
    Redirected,
    Unauthorized,
    UnexpectedAnswer,
)
from penstock.events import SPOKEN, Event, TextDelta
from penstock.protocols import Protocol, json
from penstock.protocols.openai_chat.request import decode_request
from penstock.settings import Settings
from penstock.streams import AsyncStream
from penstock.transport import Request, Response, Timeouts, Transport, origin
from penstock.types import ChatRequest, CreateResult, Messages, ModelInfo, Secret

P = ParamSpec("P")
R = TypeVar("R")

_ERROR_BODY = 64 * 1024
_WHOLE_BODY = 64 * 1024 * 1024


class projection(Generic[P, R]):  # noqa: N801 - a decorator, used as one
    """A method that works on the class too: there it runs on a fresh default instance."""

    def __init__(self, function: Callable[Concatenate[Any, P], R]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: object | None, owner: type[Any]) -> Callable[P, R]:
        return MethodType(self.function, owner() if instance is None else instance)


class Provider(ABC):
    """One chat service. Subclasses say how by writing ``stream``."""

    name: str = ""
    """How the catalog calls it; the file's name in ``providers/``, else made of the class's."""
    url: ClassVar[str] = ""
    """The service's page for people."""
    working: ClassVar[bool] = True
    """What the author declared; what is working can only be measured."""
    supports_stream: ClassVar[bool] = True
    supports_gpt_35_turbo: ClassVar[bool] = False
    supports_gpt_4: ClassVar[bool] = False
    models: tuple[str, ...] = ()
    """Models known without asking the service."""
    default_model: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = _name_of(cls)

    def __init__(self, **given: Any) -> None:
        """``given``: see ``Settings``. Raises ``ConfigError`` for a setting that is not one."""
        self.settings = settings.changed(Settings(), given)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def configured(self, **given: Any) -> Self:
        """The same provider with other settings; this one stays as it is."""
        if not given:
            return self
        other = copy.copy(self)
        other.settings = settings.changed(self.settings, given)
        return other

    @abstractmethod
    def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer as events, ``Finish`` the last one if the service ended it.

        Raises ``PenstockError``. Closing the generator closes the connection.
        """

    async def list_models(self) -> tuple[ModelInfo, ...]:
        """The models this provider offers, from the service itself where it can be asked."""
        return tuple(ModelInfo(name) for name in self.models)

    def is_configured(self) -> bool:
        """Whether it can be asked: it needs no key, or has one."""
        return True

    @projection
    def create_async_generator(
        self: Any,
        /,
        model: str = "",
        messages: Messages | str = (),
        proxy: str | None = None,
        **options: Any,
    ) -> AsyncStream[str]:
        """The answer's text, chunk by chunk: ``async for chunk in ...``.

        ``messages`` are dicts with ``role`` and ``content``, or one string. ``options`` are
        settings of the call (``base_url``, ``api_key``, ``timeout``, …) and fields of the
        request (``temperature``, ``max_tokens``, ``tools``, …); unknown ones go to the service.
        Raises ``PenstockError`` when it is read.
        """
        provider, rest = split(self, {"proxy": proxy, **options})
        return AsyncStream(lambda: _texts(provider, model, messages, rest))

    @projection
    async def create_async(
        self: Any, /, model: str = "", messages: Messages | str = (), **options: Any
    ) -> str:
        """The answer's whole text. Raises ``PenstockError``, never half an answer."""
        provider, rest = split(self, options)
        async with aclosing(_texts(provider, model, messages, rest)) as chunks:
            return "".join([chunk async for chunk in chunks])

    @projection
    def create_completion(
        self: Any,
        /,
        model: str = "",
        messages: Messages | str = (),
        stream: bool = False,
        **options: Any,
    ) -> CreateResult:
        """The answer's text for synchronous callers: ``for chunk in ...``, anywhere, inside a
        running event loop too. ``stream=False`` gives it in one chunk. Raises ``PenstockError``
        when it is read; leaving the loop closes the connection."""
        provider, rest = split(self, options)
        texts = _texts if stream else _whole_text
        return _sync.SyncStream(lambda: texts(provider, model, messages, rest))


def _name_of(cls: type[Provider]) -> str:
    """``penstock.providers.codelink_ava`` and ``class MyService`` -> codelink-ava, my-service."""
    package, _, module = cls.__module__.rpartition(".")
    if package == "penstock.providers":
        return module.replace("_", "-")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


def split(provider: Provider, options: Mapping[str, Any]) -> tuple[Provider, dict[str, Any]]:
    """The provider with the call's settings, and the options that are the request's."""
    given = {k: v for k, v in options.items() if k in settings.NAMES and v is not None}
    rest = {k: v for k, v in options.items() if k not in settings.NAMES}
    return provider.configured(**given), rest


def question(model: str, messages: Messages | str, options: Mapping[str, Any]) -> ChatRequest:
    """The request that a call stands for. Raises ``InvalidRequest`` naming the field."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if isinstance(messages, Mapping) or not all(isinstance(m, Mapping) for m in messages):
        raise InvalidRequest("messages must be a list of dicts or one string", param="messages")
    body = {
        "stream": True,
        **options,
        "model": model or "",
        "messages": [dict(m) for m in messages],
    }
    return decode_request(body)


async def _texts(
    provider: Provider, model: str, messages: Messages | str, options: Mapping[str, Any]
) -> AsyncGenerator[str]:
    async with aclosing(provider.stream(question(model, messages, options))) as events:
        async for event in events:
            if type(event) is TextDelta:
                yield event.text


async def _whole_text(
    provider: Provider, model: str, messages: Messages | str, options: Mapping[str, Any]
) -> AsyncGenerator[str]:
    async with aclosing(_texts(provider, model, messages, options)) as chunks:
        yield "".join([chunk async for chunk in chunks])


class HTTPProvider(Provider):
    """A service that answers over HTTP in a protocol we know: where, how, and whose key."""

    base_url: ClassVar[str] = ""
    protocol: ClassVar[Protocol]
    api_key_env: ClassVar[str] = ""
    """The vendor's usual environment variable for the key; empty: no key is needed."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Headers of every request, beside the protocol's."""

    def configured(self, **given: Any) -> Self:
        if "webdriver" in given:
            given["webdriver"] = browser.hand_over(given["webdriver"], self.endpoint)
        return super().configured(**given)

    @property
    def endpoint(self) -> str:
        """The URL that questions go to."""
        said = self.settings.base_url or settings.from_environment(self.name, "base_url")
        return (said or self.base_url).rstrip("/") + self.protocol.path

    @property
    def api_key(self) -> str:
        """The key: the call's or instance's, the environment's, or empty."""
        return (
            self.settings.api_key
            or settings.from_environment(self.name, "api_key")
            or (os.environ.get(self.api_key_env, "") if self.api_key_env else "")
        )

    @property
    def _at_home(self) -> bool:
        """Whether it asks the vendor's own address, which wants the vendor's key."""
        return self.endpoint == self.base_url.rstrip("/") + self.protocol.path

    def is_configured(self) -> bool:
        if not self._at_home:
            return True
        has_key = bool(self.api_key) or not self.api_key_env
        return bool(self.base_url) and self.working and has_key

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        """The JSON body; a place for what this service alone wants."""
        return self.protocol.encode_request(request)

    async def list_models(self) -> tuple[ModelInfo, ...]:
        asked = self.protocol.models_request(self.api_key)
        if self.models or asked is None:
            return await super().list_models()
        method, path, body = asked
        url = self.endpoint.removesuffix(self.protocol.path) + path
        async with self._hold(method, url, body, "*/*", self.api_key) as response:
            return self.protocol.decode_models(await read_whole(response))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        if not request.api_key and self.api_key:
            request = msgspec.structs.replace(request, api_key=Secret(self.api_key))
        body = json.encode(self.encode_request(request))
        async with self.open(request, body) as response:
            if not request.stream:
                for event in self.protocol.decode_response(await read_whole(response)):
                    yield event
                return
            decoder = self.protocol.decoder()
            feed, waiting = decoder.feed, True
            async with aclosing(response.chunks()) as chunks:
                async for chunk in chunks:
                    for event in feed(chunk):
                        if waiting and isinstance(event, SPOKEN):
                            waiting = False
                            response.spoken()
                        yield event
            for event in decoder.close(response.delimited):
                yield event

    @asynccontextmanager
    async def open(self, request: ChatRequest, body: bytes) -> AsyncGenerator[Response]:
        """Ask, with ``body`` as it goes over the wire, and hold the answer's connection.

        Raises what the service's status stands for; errors from inside are given the provider's
        name and relieved of its key.
        """
        accept = self.protocol.stream_type.partition(";")[0] if request.stream else "*/*"
        key = request.api_key or self.api_key
        async with self._hold("POST", self.endpoint, body, accept, key) as response:
            yield response

    @asynccontextmanager
    async def _hold(
        self, method: str, url: str, body: bytes, accept: str, key: str
    ) -> AsyncGenerator[Response]:
        try:
            headers = await self._headers(url, accept, key)
            proxy = self.settings.proxy or os.environ.get("PENSTOCK_PROXY", "")
            timeouts = self.settings.timeouts or Timeouts()
            request = Request(method, url, headers, body, proxy, timeouts)
            response = await self._transport().send(request)
            try:
                await self._check(response)
                yield response
            finally:
                await response.close()
        except PenstockError as error:
            error.provider = error.provider or self.name
            _redact(error, key)
            raise

    def _transport(self) -> Transport:
        if self.settings.transport is not None:
            return self.settings.transport
        from penstock.transport.http import HTTPTransport  # aiohttp, only once it is needed

        return HTTPTransport()

    async def _headers(self, url: str, accept: str, key: str) -> dict[str, str]:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{self.name} needs a base_url that begins with http:// or https://")
        if not key and self.api_key_env and self._at_home:
            raise Unauthorized(f"{self.name} needs a key: set {self.api_key_env} or pass api_key=")
        headers = {
            "User-Agent": "penstock",
            "Accept": accept,
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            **(self.protocol.key_headers(key) if key else {}),
            **self.headers,
            **self.settings.headers,
        }
        if self.settings.webdriver is not None:
            headers |= await browser.session_headers(self.settings.webdriver, url)
        return headers

    async def _check(self, response: Response) -> None:
        """Raise unless the answer is a success in the service's own protocol."""
        if response.status >= 300:
            raise await self._failure(response)
        if response.headers.get("content-type", "").startswith("text/html"):
            raise UnexpectedAnswer(f"{self.name} answered with a web page; check its base_url")

    async def _failure(self, response: Response) -> PenstockError:
        body = b""
        try:
            async with aclosing(response.chunks()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _ERROR_BODY:
                        break
        except PenstockError:
            pass  # the status says enough
        if response.status < 400:
            where = origin(response.headers.get("location", "")) or "elsewhere"
            return Redirected(
                f"{self.name} redirects to {where}, which is never followed; check its base_url",
                status=response.status,
            )
        error = self.protocol.decode_error(response.status, body[:_ERROR_BODY], response.reason)
        error.retry_after = _seconds(response.headers.get("retry-after", ""))
        return error


async def read_whole(response: Response) -> bytes:
    """A whole body. Raises ``UnexpectedAnswer`` past 64 MiB."""
    chunks: list[bytes] = []
    size = 0
    async with aclosing(response.chunks()) as arriving:
        async for chunk in arriving:
            chunks.append(chunk)
            size += len(chunk)
            if size > _WHOLE_BODY:
                raise UnexpectedAnswer(f"the answer is longer than {_WHOLE_BODY} bytes")
    return b"".join(chunks)


def _seconds(value: str) -> float | None:
    """``Retry-After`` in seconds; its other forms say nothing yet."""
    return float(value) if value.isascii() and value.isdigit() else None


def _redact(error: PenstockError, key: str) -> None:
    if len(key) >= 4 and key in error.message:
        error.message = error.message.replace(key, "…")
        error.args = (error.message,)
