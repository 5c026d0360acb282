"""The catalog: names and models -> providers, found without a hand-kept list.

A name comes from (the first that has it): the config's ``[providers.NAME]``, a file in the
user's providers folder (``providers_folder`` or ``PENSTOCK_PROVIDERS``), a file in
``penstock/providers``, an entry point of the group ``penstock.providers``. Looking names up
loads no provider; asking for one loads that one.
"""

from __future__ import annotations

import asyncio
import difflib
import functools
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import time
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from penstock import providers, settings
from penstock.config import Config, ProviderConfig, load
from penstock.errors import ConfigError, InvalidRequest, PenstockError, UnknownModel
from penstock.provider import Provider
from penstock.types import ModelInfo

_GROUP = "penstock.providers"
_LIST_AGE = 300.0
_LIST_TIMEOUT = 10.0
BUILTIN = "builtin/eliza"


class Catalog:
    """All providers of one configuration; each is made once, when it is first asked for."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = load() if config is None else config
        self._made: dict[str, Provider] = {}
        self._found: dict[str, tuple[float, Provider]] = {}
        self._lists: dict[str, tuple[float, tuple[ModelInfo, ...]]] = {}

    # Names

    def names(self) -> list[str]:
        """Every provider's name, sorted. Loads none of them."""
        found = {*self.config.providers, *self._files(), *_own(), *_entry_points()}
        return sorted(found)

    def _files(self) -> dict[str, Path]:
        said, folder = os.environ.get("PENSTOCK_PROVIDERS"), self.config.providers_folder
        if not said and not folder:
            return {}
        path = Path(said).expanduser() if said else self.config.folder / Path(folder).expanduser()
        if not path.is_dir():
            raise ConfigError(f"no folder {path} (providers_folder or PENSTOCK_PROVIDERS)")
        return {_name(file.stem): file for file in path.glob("*.py") if file.stem[0] != "_"}

    def get(self, name: str) -> Provider:
        """The provider of that name, configured. Raises ``ConfigError`` if there is none."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Provider:
        said = self.config.providers.get(name, ProviderConfig())
        provider = self._class(name, said)(**self._settings(name, said))
        provider.name = name
        provider.models = said.models or provider.models
        provider.default_model = said.default_model or provider.default_model
        return provider

    def _class(self, name: str, said: ProviderConfig) -> type[Provider]:
        if said.file:
            return _class_in(_load_file(self.config.folder / said.file), name)
        if said.cls:
            return _load_class(said.cls, name)
        if said.type and said.type != name:
            return self._class(said.type, self.config.providers.get(said.type, ProviderConfig()))
        if file := self._files().get(name):
            return _class_in(_load_file(file), name)
        if module := _own().get(name):
            return _class_in(importlib.import_module(f"penstock.providers.{module}"), name)
        if point := _entry_points().get(name):
            return _checked(point.load(), name)
        if name in self.config.providers:
            raise ConfigError(f"providers.{name} needs a type, a class or a file")
        raise ConfigError(f"no provider {name!r}{_nearest(name, self.names())}")

    def _settings(self, name: str, said: ProviderConfig) -> dict[str, Any]:
        """The file's settings, where the environment says nothing else."""
        env = settings.from_environment
        key = said.api_key or (os.environ.get(said.api_key_env, "") if said.api_key_env else "")
        return {
            "base_url": env(name, "base_url") or said.base_url or None,
            "api_key": env(name, "api_key") or key or None,
            "proxy": os.environ.get("PENSTOCK_PROXY") or said.proxy or self.config.proxy or None,
            "timeouts": said.timeouts or self.config.timeouts,
            "headers": said.headers or None,
        }

    def configured(self) -> list[Provider]:
        """The providers that can be asked as things are: with a key, or in need of none."""
        return [p for p in map(self.get, self.names()) if p.is_configured()]

    # Models

    def default(self) -> str:
        """The model that answers when none is named: the config's, else the first configured
        provider's of the config, else the first service whose usual key variable is set, else
        ``builtin/eliza``."""
        return self.explain_default()[0]

    def explain_default(self) -> tuple[str, str]:
        """The model that ``default`` gives, and why it is that one, in words."""
        if self.config.default:
            return self.config.default, "the config names it as its default"
        for name in self.config.providers:
            if model := self._ready_model(name):
                return model, "the config's first provider that is ready"
        for name, key in self._with_keys().items():
            if model := self._ready_model(name):
                return model, f"{key} is set"
        return BUILTIN, "no model is configured: this is ELIZA (1966), running here"

    def _ready_model(self, name: str) -> str:
        """``name/model`` where that provider can be asked as things are, else empty."""
        provider = self.get(name)
        model = provider.default_model or next(iter(provider.models), "")
        return f"{name}/{model}" if model and provider.is_configured() else ""

    def _with_keys(self) -> dict[str, str]:
        """Names whose ``<NAME>_API_KEY`` is set, and which variable it is, so that none need be
        loaded to find out."""
        upper = {name: name.upper().replace("-", "_") for name in self.names()}
        keys = {k for k, value in os.environ.items() if value and k.endswith("_API_KEY")}
        return {
            name: key
            for name, u in upper.items()
            for key in (f"{u}_API_KEY", f"PENSTOCK_{u}_API_KEY")
            if key in keys
        }

    async def resolve(self, model: str = "") -> tuple[Provider, str]:
        """The provider of a model and the model's name there.

        ``provider/model``; a provider's name alone (its default model); a bare model name that
        one configured provider lists; empty: the default. Raises ``UnknownModel``.
        """
        if not isinstance(model, str):
            raise InvalidRequest("model must be a string", param="model")
        model = model or self.default()
        name, slash, rest = model.partition("/")
        if name in self._made or name in self.names():
            provider = self.get(name)
            return provider, rest if slash else provider.default_model
        return await self._find(model)

    async def _find(self, model: str) -> tuple[Provider, str]:
        """A bare model name; what was found holds as long as a model list does."""
        if known := self._found.get(model):
            when, provider = known
            if time.monotonic() - when < _LIST_AGE:
                return provider, model
        declared = [p for p in self.configured() if model in p.models]
        found = declared or [p for p in self.configured() if model in await self._ids(p)]
        if len(found) == 1:
            self._found[model] = time.monotonic(), found[0]
            return found[0], model
        if found:
            names = ", ".join(f"{p.name}/{model}" for p in found)
            raise InvalidRequest(f"several providers have {model!r}: say {names}", param="model")
        listed = [info.id for info in await self.list_models()]
        raise UnknownModel(
            f"no model {model!r}{_nearest(model, listed)}; `penstock models` lists them",
            param="model",
        )

    async def _ids(self, provider: Provider) -> set[str]:
        return {info.id for info in await self._list(provider)}

    async def list_models(self) -> list[ModelInfo]:
        """Every configured provider's models as ``provider/model``; a provider that cannot be
        asked is left out."""
        asked = self.configured()
        lists = await asyncio.gather(*map(self._list, asked))
        return [
            msgspec.structs.replace(info, id=f"{provider.name}/{info.id}")
            for provider, infos in zip(asked, lists, strict=True)
            for info in infos
        ]

    async def _list(self, provider: Provider) -> tuple[ModelInfo, ...]:
        when, infos = self._lists.get(provider.name, (-_LIST_AGE, ()))
        now = time.monotonic()
        if now - when >= _LIST_AGE:
            try:
                async with asyncio.timeout(_LIST_TIMEOUT):
                    infos = await provider.list_models()
            except (PenstockError, TimeoutError):
                infos = ()
            self._lists[provider.name] = now, infos
        return infos


def _name(module: str) -> str:
    return module.replace("_", "-")


@functools.cache
def _own() -> dict[str, str]:
    return {_name(m.name): m.name for m in pkgutil.iter_modules(providers.__path__)}


@functools.cache
def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_GROUP)}


def _load_file(path: Path) -> ModuleType:
    """Run a user's file as a module of its own; the same file is run once."""
    name = f"penstock_user_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"no provider file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        kind = type(error).__name__
        raise ConfigError(f"{path} cannot be loaded: {kind}: {error}") from error
    return module


def _load_class(where: str, name: str) -> type[Provider]:
    module, _, attribute = where.partition(":")
    try:
        return _checked(getattr(importlib.import_module(module), attribute), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"providers.{name}: class {where!r} is not there: {error}") from None


def _class_in(module: ModuleType, name: str) -> type[Provider]:
    """The one provider class that a module defines; of several, the one named like the file."""
    own: list[type[Provider]] = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Provider)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    alike = [c for c in own if c.__name__.lower() == name.replace("-", "")]
    found = alike or own
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise ConfigError(f"{module.__file__} must define one provider class; it has {names}")
    return found[0]


def _checked(value: object, name: str) -> type[Provider]:
    if inspect.isclass(value) and issubclass(value, Provider):
        return value
    raise ConfigError(f"provider {name!r} is not a subclass of penstock.Provider")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
