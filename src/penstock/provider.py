"""A provider says where to ask and which protocol to speak.

    Provider              stream(request) -> events, and its projections
    ├── HTTPProvider      a base URL and a protocol; most services are one (http_provider.py)
    └── GeneratorProvider you write one of the projections yourself (generator.py)

Declaration stands on the class (constants, never assigned at run time), configuration in the
instance, the question in the call. The projections work on the class too, where they run on a
fresh instance that only the environment configures.
"""

from __future__ import annotations

import copy
import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from types import MethodType
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Self, TypeVar

import msgspec
from msgspec.structs import replace

from penstock import _sync, health, settings
from penstock.errors import InvalidRequest
from penstock.events import Attempt, Event, Reply, TextDelta, collect_async
from penstock.protocols.openai_chat.request_decode import decode_message, decode_request
from penstock.settings import Settings
from penstock.streams import AsyncStream
from penstock.structured import form_of, is_type
from penstock.types import (
    ChatRequest,
    CreateResult,
    EmbeddingRequest,
    Embeddings,
    Message,
    Messages,
    ModelInfo,
)

_MEASURED = health.here
"""Is told of every call, from the first one on, which takes this import."""
_SAYABLE = (Mapping, Message)
_BEYOND = ("strict", "reasoning_budget")
"""Fields of a request that OpenAI chat has no key for."""

_SPACE = {"role": "user", "content": " "}

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(slots=True)
class Call(Generic[T]):
    """A question that any of several services may answer.

    ``ask(provider, model)`` puts it to one of them; what comes is the answer in whatever shape the
    caller wants (events, a protocol's bytes, one whole reply), and nothing comes before something
    was said, so that a failure until then can still be mended elsewhere. ``request``: the question
    in our own words, for who chooses by it. ``deadline``: the event loop's time by which all has to
    be over. ``attempts``: who was asked in vain until now.
    """

    ask: Callable[[Provider, str], AsyncGenerator[T]]
    request: Callable[[], ChatRequest]
    model: str = ""
    deadline: float | None = None
    attempts: list[Attempt] = field(default_factory=list)


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
    small_model: str = ""
    """A cheap and quick one, for small tasks beside the work."""
    embedding_model: str = ""
    """The model that embeds texts where none is named; empty: nobody knows one."""
    is_route: ClassVar[bool] = False
    """Whether it asks other providers (routing/)."""
    answers_unasked: ClassVar[bool] = True
    """Whether it may answer where no model is named, once its key is there; not where that key
    opens more than its models."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = _name_of(cls)
        if not cls.__dict__.get("__doc__"):
            cls.__doc__ = _words_of(cls.__module__)

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

    def through(self, call: Call[T]) -> AsyncGenerator[T]:
        """``call`` on this provider, or on whichever it chooses; nothing comes before something is
        said. Raises ``PenstockError``. Closing the generator closes the connection."""
        return call.ask(self, call.model)

    async def answer(self, request: ChatRequest) -> Reply:
        """The whole answer. Raises ``PenstockError``, never half an answer."""
        async with aclosing(self.stream(request)) as events:
            return await collect_async(events)

    def is_failing(self, model: str) -> bool:
        """Whether it is known not to work at present, so that others are asked first."""
        return False

    def prefills(self, model: str) -> bool:
        """Whether that model goes on with an answer whose beginning is the last message."""
        return False

    async def list_models(self) -> tuple[ModelInfo, ...]:
        """The models this provider offers, from the service itself where it can be asked."""
        return tuple(ModelInfo(name) for name in self.models)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """One vector for each text. More texts than one request may hold are asked for in several.

        Raises ``PenstockError``, never some of the vectors; ``InvalidRequest`` where the service
        has none at all.
        """
        raise InvalidRequest(f"{self.name} has no embeddings; ask another provider", param="model")

    def is_configured(self) -> bool:
        """Whether it can be asked: it needs no key, or has one."""
        return True

    def ready_by(self) -> str:
        """What made it ready where nobody said a key or an address, in a word or a few."""
        return "no key needed"

    def lacks(self) -> str | None:
        """What to do before it can be asked; empty where it can be, ``None`` where that is told by
        its key and its address."""
        return None

    def serves(self, model: str) -> bool:
        """Whether a gateway's callers may ask for that model, too."""
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
        return (await provider.answer(question(model, messages, rest))).text

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


def _words_of(module: str) -> str | None:
    """What a provider's file says it is: its first words, up to the page that it names."""
    said = getattr(sys.modules.get(module), "__doc__", None) or ""
    return " ".join(said.partition("\n\n")[0].partition("https://")[0].split()) or None


def split(provider: Provider, options: Mapping[str, Any]) -> tuple[Provider, dict[str, Any]]:
    """The provider with the call's settings, and the options that are the request's."""
    given = {k: v for k, v in options.items() if k in settings.NAMES and v is not None}
    rest = {k: v for k, v in options.items() if k not in settings.NAMES}
    return provider.configured(**given), rest


def question(model: str, messages: Messages | str, options: Mapping[str, Any]) -> ChatRequest:
    """The request that a call stands for. Raises ``InvalidRequest`` naming the field."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    wrong = InvalidRequest("messages must be a list of dicts or one string", param="messages")
    if isinstance(messages, Mapping) or not isinstance(messages, Iterable):
        raise wrong
    messages = list(messages)
    if not all(isinstance(message, _SAYABLE) for message in messages):
        raise wrong
    if not messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    said = tuple(
        _checked(message, f"messages[{i}]")
        if isinstance(message, Message)
        else decode_message(message, f"messages[{i}]")
        for i, message in enumerate(messages)
    )
    _finite(options)
    beyond = {name: options[name] for name in _BEYOND if options.get(name) is not None}
    body = {key: value for key, value in options.items() if key not in _BEYOND}
    if is_type(form := body.get("response_format")):
        body["response_format"] = form_of(form)
    asked = decode_request({"stream": True, **body, "model": model or "", "messages": [_SPACE]})
    # A field without a name here is said as it is, in whatever words the service understands.
    return replace(asked, messages=said, protocol="", **beyond)


def _checked(message: Message, where: str) -> Message:
    """A message that somebody may have made by hand. Raises ``InvalidRequest`` naming what is wrong
    with it."""
    try:
        msgspec.convert(msgspec.to_builtins(message), Message)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise InvalidRequest(f"{where}: {error}", param=where) from None
    return message


def _finite(options: Mapping[str, Any]) -> None:
    """JSON has no word for what is no number."""
    for name, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequest(f"{name} is {value}: send a number", param=name)


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
    reply = await provider.answer(question(model, messages, options))
    yield reply.text
