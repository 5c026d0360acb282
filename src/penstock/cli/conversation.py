"""A conversation: whom we ask, how, and what was said so far."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from penstock import prices, settings
from penstock.catalog import Catalog
from penstock.cli import default
from penstock.client import AsyncClient
from penstock.errors import ConfigError
from penstock.events import Event
from penstock.health import file
from penstock.http_provider import HTTPProvider
from penstock.provider import Provider
from penstock.streams import AsyncStream
from penstock.types import Usage

_ANY_SERVICE = "openai-compatible"
_OWN_OPTIONS = {
    "base_url": "--base-url",
    "messages": "PROMPT",
    "model": "--model",
    "proxy": "--proxy",
    "timeout": "--timeout",
}


class Conversation:
    """Turns between a person and a model. Raises ``ConfigError`` where the options are wrong."""

    def __init__(self, args: Namespace) -> None:
        self._options = _fields(dict(args.option), stream=not args.no_stream)
        self._base_url: str = args.base_url or ""
        self._client = AsyncClient(
            config=args.config, proxy=args.proxy, base_url=args.base_url, timeout=args.timeout
        )
        self.system: str = args.system
        self.model = _model(self.catalog, args.model, self._base_url)
        self.turns: list[dict[str, str]] = []

    @property
    def catalog(self) -> Catalog:
        """Where providers come from."""
        return self._client.catalog

    def price(self, usage: Usage | None) -> prices.Cost | None:
        """What ``usage`` costs at the service's own prices; ``None`` where nobody knows, or where
        another answers at its place."""
        name, _, model = self.asked().partition("/")
        if self._base_url or name not in self.catalog.names():
            return None
        provider = self.catalog.get(name)
        if isinstance(provider, HTTPProvider) and not provider.is_home(provider.at("")):
            return None
        kind = type(provider).name  # the name in a config may be any
        return prices.cost(usage, f"{kind}/{model or provider.default_model}")

    def asked(self) -> str:
        """The model that is asked, by its name here."""
        return (self.model or self.catalog.default()).removesuffix("/")

    def ask(self, text: str) -> AsyncStream[Event]:
        """The answer to ``text`` after all that was said before. A route asks those that are known
        to fail last."""
        if self.catalog.config.routes and self.asked() in self.catalog.config.routes:
            file.load()
        system = [_said("system", self.system)] if self.system else []
        messages = [*system, *self.turns, _said("user", text)]
        return self._client.stream(messages, self.model, **self._options)

    def remember(self, question: str, answer: str) -> None:
        """Keep a turn. A question that got no answer is forgotten: it will be asked again."""
        if answer:
            self.turns += [_said("user", question), _said("assistant", answer)]

    async def choose(self, model: str) -> None:
        """Ask another model from now on. Raises ``PenstockError`` where there is none such, or
        where it has no key."""
        chosen = _model(self.catalog, model, self._base_url)
        provider, name = await self.catalog.resolve(chosen)
        if not self._base_url:
            self._need_key(provider)
        self.model = provider.name if provider.is_route else f"{provider.name}/{name}"

    def _need_key(self, provider: Provider) -> None:
        lack = self.catalog.lacks(f"{provider.name}/any")
        if lack and getattr(provider, "api_key_env", ""):  # an engine may run, though not found
            raise ConfigError(lack)

    def introduce(self, *, briefly: bool = False) -> str:
        """Who answers, and why, where nobody named a model."""
        if not self.model:
            explain = default.explain_briefly if briefly else default.explain
            return explain(self.catalog)
        where = f" at {self._base_url}" if self._base_url else ""
        return f"{self.asked()} answers{where}."


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _model(catalog: Catalog, model: str, base_url: str) -> str:
    """With an address and no provider of ours: whatever speaks OpenAI chat there."""
    if not base_url or model.partition("/")[0] in catalog.names():
        return model
    return f"{_ANY_SERVICE}/{model}"


def _fields(options: Mapping[str, Any], stream: bool) -> dict[str, Any]:
    """The options that are fields of the request, which no setting may hide among."""
    for name in options:
        if name in _OWN_OPTIONS:
            raise ConfigError(f"-o {name}: say it with {_OWN_OPTIONS[name]}")
        if name in settings.NAMES or name == "self":
            raise ConfigError(f"-o {name}: no field of a request; penstock.toml may set it")
    return {"stream": stream, **options}
