"""penstock: streaming access to every chat model, that tells the truth.

    import penstock

    for event in penstock.stream("Men are all alike."):
        print(event, end="", flush=True)

Names are loaded when they are first used, so that importing penstock costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"
"""The version of this package."""

if TYPE_CHECKING:
    from penstock.catalog import Catalog as Catalog
    from penstock.client import AsyncClient as AsyncClient
    from penstock.client import Client as Client
    from penstock.client import chat as chat
    from penstock.client import embed as embed
    from penstock.client import stream as stream
    from penstock.config import Config as Config
    from penstock.errors import CallerError as CallerError
    from penstock.errors import CertificateRejected as CertificateRejected
    from penstock.errors import ConfigError as ConfigError
    from penstock.errors import ConnectionFailed as ConnectionFailed
    from penstock.errors import ContentFiltered as ContentFiltered
    from penstock.errors import EmptyStream as EmptyStream
    from penstock.errors import InvalidRequest as InvalidRequest
    from penstock.errors import MalformedStream as MalformedStream
    from penstock.errors import MissingExtra as MissingExtra
    from penstock.errors import PenstockError as PenstockError
    from penstock.errors import RateLimited as RateLimited
    from penstock.errors import Redirected as Redirected
    from penstock.errors import ServiceError as ServiceError
    from penstock.errors import StreamError as StreamError
    from penstock.errors import StreamFailed as StreamFailed
    from penstock.errors import StreamStalled as StreamStalled
    from penstock.errors import StreamTruncated as StreamTruncated
    from penstock.errors import Timeout as Timeout
    from penstock.errors import Unauthorized as Unauthorized
    from penstock.errors import Unavailable as Unavailable
    from penstock.errors import UnexpectedAnswer as UnexpectedAnswer
    from penstock.errors import UnknownModel as UnknownModel
    from penstock.events import Attempt as Attempt
    from penstock.events import Event as Event
    from penstock.events import Finish as Finish
    from penstock.events import ReasoningDelta as ReasoningDelta
    from penstock.events import Reply as Reply
    from penstock.events import Start as Start
    from penstock.events import TextDelta as TextDelta
    from penstock.events import ToolCallDelta as ToolCallDelta
    from penstock.events import ToolCallStart as ToolCallStart
    from penstock.events import collect as collect
    from penstock.events import collect_async as collect_async
    from penstock.generator import AbstractProvider as AbstractProvider
    from penstock.generator import AsyncGeneratorProvider as AsyncGeneratorProvider
    from penstock.generator import AsyncProvider as AsyncProvider
    from penstock.generator import GeneratorProvider as GeneratorProvider
    from penstock.health.report import Status as Status
    from penstock.health.report import status as status
    from penstock.http_provider import HTTPProvider as HTTPProvider
    from penstock.outcomes import Outcome as Outcome
    from penstock.outcomes import observe as observe
    from penstock.prices import Cost as Cost
    from penstock.prices import cost as cost
    from penstock.provider import Provider as Provider
    from penstock.providers.aivvm import Aivvm as Aivvm
    from penstock.providers.aura import Aura as Aura
    from penstock.providers.codelink_ava import CodeLinkAva as CodeLinkAva
    from penstock.providers.openai import OpenAI as OpenAI
    from penstock.providers.openai_compatible import OpenAICompatible as OpenAICompatible
    from penstock.routing.balance import Balance as Balance
    from penstock.routing.breaker import Breaker as Breaker
    from penstock.routing.drain import Drain as Drain
    from penstock.routing.fallback import Fallback as Fallback
    from penstock.routing.hedge import Hedge as Hedge
    from penstock.routing.retry import Retry as Retry
    from penstock.routing.target import Target as Target
    from penstock.routing.within import Within as Within
    from penstock.settings import Settings as Settings
    from penstock.transport import Timeouts as Timeouts
    from penstock.transport.http import HTTPTransport as HTTPTransport
    from penstock.transport.mock import MockResponse as MockResponse
    from penstock.transport.mock import MockTransport as MockTransport
    from penstock.types import AsyncResult as AsyncResult
    from penstock.types import ChatRequest as ChatRequest
    from penstock.types import CreateResult as CreateResult
    from penstock.types import EmbeddingRequest as EmbeddingRequest
    from penstock.types import Embeddings as Embeddings
    from penstock.types import Message as Message
    from penstock.types import Messages as Messages
    from penstock.types import ModelInfo as ModelInfo
    from penstock.types import Purpose as Purpose
    from penstock.types import Rates as Rates
    from penstock.types import RatesAbove as RatesAbove
    from penstock.types import TextPart as TextPart
    from penstock.types import Usage as Usage
    from penstock.types import Vector as Vector

_HOMES = {
    "catalog": ("Catalog",),
    "client": ("AsyncClient", "Client", "chat", "embed", "stream"),
    "config": ("Config",),
    "errors": (
        "CallerError",
        "CertificateRejected",
        "ConfigError",
        "ConnectionFailed",
        "ContentFiltered",
        "EmptyStream",
        "InvalidRequest",
        "MalformedStream",
        "MissingExtra",
        "PenstockError",
        "RateLimited",
        "Redirected",
        "ServiceError",
        "StreamError",
        "StreamFailed",
        "StreamStalled",
        "StreamTruncated",
        "Timeout",
        "Unauthorized",
        "Unavailable",
        "UnexpectedAnswer",
        "UnknownModel",
    ),
    "events": (
        "Attempt",
        "Event",
        "Finish",
        "ReasoningDelta",
        "Reply",
        "Start",
        "TextDelta",
        "ToolCallDelta",
        "ToolCallStart",
        "collect",
        "collect_async",
    ),
    "generator": (
        "AbstractProvider",
        "AsyncGeneratorProvider",
        "AsyncProvider",
        "GeneratorProvider",
    ),
    "health.report": ("Status", "status"),
    "http_provider": ("HTTPProvider",),
    "outcomes": ("Outcome", "observe"),
    "prices": ("Cost", "cost"),
    "provider": ("Provider",),
    "providers.aivvm": ("Aivvm",),
    "providers.aura": ("Aura",),
    "providers.codelink_ava": ("CodeLinkAva",),
    "providers.openai": ("OpenAI",),
    "providers.openai_compatible": ("OpenAICompatible",),
    "routing.balance": ("Balance",),
    "routing.breaker": ("Breaker",),
    "routing.drain": ("Drain",),
    "routing.fallback": ("Fallback",),
    "routing.hedge": ("Hedge",),
    "routing.retry": ("Retry",),
    "routing.target": ("Target",),
    "routing.within": ("Within",),
    "settings": ("Settings",),
    "transport": ("Timeouts",),
    "transport.http": ("HTTPTransport",),
    "transport.mock": ("MockResponse", "MockTransport"),
    "types": (
        "AsyncResult",
        "AudioPart",
        "ChatRequest",
        "CreateResult",
        "EmbeddingRequest",
        "Embeddings",
        "FilePart",
        "ImagePart",
        "Message",
        "Messages",
        "ModelInfo",
        "OpaquePart",
        "Purpose",
        "Rates",
        "RatesAbove",
        "ReasoningPart",
        "RefusalPart",
        "TextPart",
        "Tool",
        "ToolCallPart",
        "ToolResultPart",
        "Usage",
        "Vector",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    value = getattr(import_module(f"penstock.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
