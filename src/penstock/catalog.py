"""The catalog: names and models -> providers, found without a hand-kept list.

A name comes from (the first that has it): the config's ``[providers.NAME]``, a file in the
user's providers folder (``providers_folder`` or ``PENSTOCK_PROVIDERS``), a file in
``penstock/providers``, an entry point of the group ``penstock.providers``. Looking names up
loads no provider; asking for one loads that one. What a file declares (a key's variable, a port of
this machine) is read from its text, which loads none either.

Engines that run on this machine are looked for when it is asked what there is (``discover``), not
when a provider is named.
"""

from __future__ import annotations

import asyncio
import difflib
import importlib.util
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from penstock import declarations, discovery, settings, sources, variables
from penstock.config import Config, ProviderConfig, load
from penstock.declarations import Declared
from penstock.discovery import Ask, Kept, Place
from penstock.errors import ConfigError, InvalidRequest, PenstockError, UnknownModel
from penstock.provider import Provider
from penstock.types import ModelInfo

if TYPE_CHECKING:
    from penstock.local_engine import LocalEngine

_LIST_AGE = 300.0
_LIST_TIMEOUT = 10.0
_LOCAL = "local"
_OFF = ("0", "false", "no", "off")
BUILTIN = "builtin/eliza"


class Catalog:
    """All providers of one configuration; each is made once, when it is first asked for."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = load() if config is None else config
        self._made: dict[str, Provider] = {}
        self._found: dict[str, tuple[float, Provider]] = {}
        self._lists: dict[str, tuple[float, tuple[ModelInfo, ...]]] = {}
        self._running = Kept(self._look)

    # Names

    def names(self) -> list[str]:
        """Every provider's name, sorted. Loads none of them."""
        found = {*self.config.providers, *self._files(), *sources.own(), *sources.installed()}
        return sorted(found)

    def _files(self) -> dict[str, Path]:
        said, folder = os.environ.get("PENSTOCK_PROVIDERS"), self.config.providers_folder
        if not said and not folder:
            return {}
        path = Path(said).expanduser() if said else self.config.folder / Path(folder).expanduser()
        if not path.is_dir():
            raise ConfigError(f"no folder {path} (providers_folder or PENSTOCK_PROVIDERS)")
        return sources.files_in(path)

    def get(self, name: str) -> Provider:
        """The provider of that name, configured. Raises ``ConfigError`` if there is none."""
        return self._running.known.get(name) or self._usual(name)

    def _usual(self, name: str) -> Provider:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Provider:
        said = self.config.providers.get(name, ProviderConfig())
        provider = self._class(name, said)(**self._settings(name, said))
        provider.name = name
        if said.models:
            provider.models = said.models
        if said.default_model:
            provider.default_model = said.default_model
        return provider

    def _class(self, name: str, said: ProviderConfig) -> type[Provider]:
        if said.file:
            return sources.load_file(self.config.folder / said.file, name)
        if said.cls:
            return sources.load_class(said.cls, name)
        if said.type and said.type != name:
            return self._class(said.type, self.config.providers.get(said.type, ProviderConfig()))
        if file := self._files().get(name):
            return sources.load_file(file, name)
        if name in sources.own():
            return sources.load_own(name)
        if name in sources.installed():
            return sources.load_installed(name)
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

    def keys(self) -> dict[str, str]:
        """The variable with a provider's key, by the provider's name, where one is set. Loads none
        of them."""
        declared, environment = self.declared(), dict(os.environ)
        found = {name: _set_key(name, declared.get(name), environment) for name in self.names()}
        return {name: key for name, key in found.items() if key}

    def declared(self) -> dict[str, Declared]:
        """What the providers' files declare, by the providers' names. Loads none of them, but where
        there are no files, as in an archive."""
        files = {**sources.own_files(), **self._files()}
        silent = sources.own().keys() - files.keys()
        return {
            **{name: declarations.read(file) for name, file in files.items()},
            **{name: declarations.of(sources.load_own(name)) for name in silent},
        }

    def configured(self) -> list[Provider]:
        """The providers that can be asked as things are: with a key, or in need of none."""
        return [p for p in map(self.get, self.candidates()) if p.is_configured()]

    def how(self, name: str) -> str:
        """What makes a provider configured, in a word or a few; empty where it is not. Raises
        ``ConfigError`` where it cannot be loaded."""
        provider = self.get(name)
        if not provider.is_configured():
            return ""
        base_url = f"PENSTOCK_{name}_BASE_URL".upper().replace("-", "_")
        if running := self._running.known.get(name):
            return f"running at {discovery.place(running.home())}"
        if name in self.config.providers:
            return "config"
        if key := self.keys().get(name):
            return key
        if os.environ.get(base_url):
            return base_url
        if name == _LOCAL:
            return "pulled"
        return "account" if getattr(provider, "account", None) else "no key needed"

    def candidates(self) -> list[str]:
        """Names of all that may be configured: who lacks a key for certain need not be loaded."""
        declared, keys = self.declared(), self.keys()
        return [
            name
            for name in self.names()
            if name in keys
            or name in self.config.providers
            or name in self._running.known
            or settings.from_environment(name, "base_url")
            or not declared.get(name, Declared()).is_plain
        ]

    # What runs on this machine

    async def discover(self) -> None:
        """Look for engines on this machine's usual ports, unless that was done within the last 30
        seconds or is switched off (``discovery = false``, ``PENSTOCK_DISCOVERY=0``). Those that run
        count as configured from now on. Takes a fifth of a second at most."""
        if _is_on(os.environ.get("PENSTOCK_DISCOVERY", ""), self.config.discovery):
            await self._running.renew()

    async def _look(self) -> Mapping[str, LocalEngine]:
        return await discovery.look(self._usual_places(), self._recognise)

    def _usual_places(self) -> dict[str, Place]:
        """Where engines may be that nobody said the address of."""
        declared = self.declared()
        there = {name: self._usual_place(name, said) for name, said in declared.items()}
        return {name: place for name, place in there.items() if place}

    def _usual_place(self, name: str, declared: Declared) -> Place | None:
        said = self.config.providers.get(name, ProviderConfig())
        another = said.base_url or said.cls or said.file or said.type not in ("", name)
        if another or settings.from_environment(name, "base_url"):
            return None
        return discovery.place(declared["base_url"], os.environ.get(declared["host_env"], ""))

    async def _recognise(self, name: str, ask: Ask) -> LocalEngine | None:
        from penstock.local_engine import LocalEngine  # only where a port is open

        try:
            engine = self._usual(name)
        except ConfigError:  # a file that cannot be loaded says so when it is asked for
            return None
        if not isinstance(engine, LocalEngine):
            return None
        models = await engine.recognise(ask)
        said = self.config.providers.get(name, ProviderConfig()).default_model
        return None if models is None else engine.running([said] if said else models)

    # Models

    def default(self) -> str:
        """The model that answers when none is named, by what is known: the config's, else the first
        ready provider's of the config, else that of the first engine found running, else one that
        was pulled, else that of the first service whose key is in the environment, else
        ``builtin/eliza``."""
        return self.explain_default()[0]

    def explain_default(self) -> tuple[str, str]:
        """The model that ``default`` gives, and why it is that one, in words."""
        return next(self._answers())

    def _answers(self) -> Iterator[tuple[str, str]]:
        yield from self._said()
        for name, engine in sorted(self._running.known.items()):
            if model := self._ready_model(name):
                yield model, f"{name} is running at {engine.home()}"
        if pulled := self._pulled():
            yield f"{_LOCAL}/{pulled}", "it was pulled to this machine"
        for name, key in sorted(self.keys().items()):
            if model := self._ready_model(name, unasked=True):
                yield model, f"{key} is set"
        yield BUILTIN, "no model is configured: this is ELIZA (1966), running here"

    def _pulled(self) -> str:
        """The model to run in this process, where one was pulled and the engine is installed."""
        if importlib.util.find_spec("xllamacpp") is None or _LOCAL not in self.names():
            return ""
        from penstock.hub import store

        pulled = store.default()
        return pulled.name if pulled else ""

    def _said(self) -> Iterator[tuple[str, str]]:
        """What the config says."""
        if self.config.default:
            yield self.config.default, "the config names it as its default"
        for name in self.config.providers:
            if model := self._ready_model(name):
                yield model, "the config's first provider that is ready"

    def _ready_model(self, name: str, unasked: bool = False) -> str:
        """``name/model`` where that provider can be asked as things are, else empty. ``unasked``:
        only where it answers those who did not name it."""
        provider = self.get(name)
        model = provider.default_model or next(iter(provider.models), "")
        ready = provider.is_configured() and (not unasked or provider.answers_unasked)
        return f"{name}/{model}" if model and ready else ""

    async def resolve(self, model: str = "") -> tuple[Provider, str]:
        """The provider of a model and the model's name there.

        ``provider/model``; a provider's name alone (its default model); a bare model name that
        one configured provider lists; empty: the default. Raises ``UnknownModel``.
        """
        if not isinstance(model, str):
            raise InvalidRequest("model must be a string", param="model")
        model = model or await self._default()
        name, slash, rest = model.partition("/")
        if name in self._made or name in self.names():
            if not slash and self._usual_place(name, self.declared().get(name, Declared())):
                await self.discover()
            provider = self.get(name)
            return provider, rest if slash else provider.default_model
        return await self._find(model)

    async def _default(self) -> str:
        """The default, after a look around where the config does not say it."""
        if next(self._said(), None) is None:
            await self.discover()
        return self.default()

    async def _find(self, model: str) -> tuple[Provider, str]:
        """A bare model name; what was found holds as long as a model list does."""
        if known := self._found.get(model):
            when, provider = known
            if time.monotonic() - when < _LIST_AGE:
                return provider, model
        await self.discover()
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
        await self.discover()
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
            infos = await _described(provider)
            self._lists[provider.name] = now, infos
        return infos


async def _described(provider: Provider) -> tuple[ModelInfo, ...]:
    """The provider's models with what is known of them; where it does not say which they are, those
    that the table of models has."""
    from penstock import prices  # the table is read only here

    kind = type(provider).name
    try:
        async with asyncio.timeout(_LIST_TIMEOUT):
            infos = await provider.list_models()
    except (PenstockError, TimeoutError):
        infos = ()
    return prices.described(kind, infos, "" if provider.models else "live") or prices.listed(kind)


def _is_on(said: str, otherwise: bool) -> bool:
    return said.lower() not in _OFF if said else otherwise


def _set_key(name: str, declared: Declared | None, environment: Mapping[str, str]) -> str:
    """The variable that holds the provider's key, if one does. Whose file cannot be read has the
    usual one."""
    own = f"{name}_API_KEY".upper().replace("-", "_")
    usual = own if declared is None else declared["api_key_env"]
    asked = (f"PENSTOCK_{own}", *variables.names(usual))
    return next((variable for variable in asked if environment.get(variable)), "")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
