"""The catalog: names and models -> providers, found without a hand-kept list.

A name comes from (the first that has it): the config's ``[providers.NAME]``, a file in the
user's providers folder (``providers_folder`` or ``PENSTOCK_PROVIDERS``), a file in
``penstock/providers``, an entry point of the group ``penstock.providers``. Looking names up
loads no provider; asking for one loads that one. What a file declares (a key's variable, a port of
this machine) is read from its text, which loads none either, unless the text leaves it open.

Engines that run on this machine are looked for when it is asked what there is (``discover``), not
when a provider is named.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from penstock import declarations, discovery, lacking, lists, settings, sources, unfound, variables
from penstock.config import Config, ProviderConfig, load
from penstock.declarations import Declared
from penstock.default import BUILTIN as BUILTIN
from penstock.default import Default
from penstock.discovery import Ask, Kept, Place, Recognise
from penstock.errors import ConfigError, InvalidRequest, UnknownModel
from penstock.lists import Lists
from penstock.provider import Provider
from penstock.types import ModelInfo

if TYPE_CHECKING:
    from penstock.local_engine import LocalEngine
    from penstock.routes import Routes

logger = logging.getLogger("penstock.catalog")

_ON = ("1", "true", "yes", "on")
_OFF = ("0", "false", "no", "off")


class Catalog:
    """All providers of one configuration; each is made once, when it is first asked for."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = load() if config is None else config
        self._made: dict[str, Provider] = {}
        self._found: dict[str, tuple[float, Provider]] = {}
        self._asked: dict[str, Declared] = {}
        self._lists = Lists()
        self._running = Kept(self._look)
        self._broken: set[str] = set()
        self._check_routes()

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

    @cached_property
    def routes(self) -> Routes:
        """The config's routes."""
        from penstock.routes import Routes  # and all that they are made of, where there are any

        return Routes(self.config.routes, self.get)

    def _check_routes(self) -> None:
        for name in self.config.routes:
            if not name or "/" in name:
                raise ConfigError(f"routes.{name}: a route's name has no slash; choose another")
            if name in self.config.providers or name in sources.own():
                raise ConfigError(f"routes.{name} is a provider's name, too; choose another")

    def get(self, name: str) -> Provider:
        """The provider or route of that name, configured. Raises ``ConfigError`` if there is
        none."""
        if name in self.config.routes:
            return self.routes.get(name)
        return self._running.known.get(name) or self._usual(name)

    def _usual(self, name: str) -> Provider:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Provider:
        said = self._said(name)
        provider = self._class(name, said)(**self._settings(name, said))
        provider.name = name
        if said.models:
            provider.models = said.models
        if said.default_model:
            provider.default_model = said.default_model
        return provider

    def _said(self, name: str) -> ProviderConfig:
        """What the config says of a provider."""
        return self.config.providers.get(name, ProviderConfig())

    def _class(
        self, name: str, said: ProviderConfig, asked: tuple[str, ...] = ()
    ) -> type[Provider]:
        """``asked``: the names that led here, each being of the next one's type."""
        if said.file:
            return sources.load_file(self.config.folder / said.file, name)
        if said.cls:
            return sources.load_class(said.cls, name)
        if said.type and said.type != name:
            if said.type in asked:
                raise ConfigError(f"providers.{name}: its type leads back to itself; name another")
            return self._class(said.type, self._said(said.type), (*asked, name))
        if name in self._files() or name in sources.own():
            return self._class_of_file(name)
        if name in sources.installed():
            return sources.load_installed(name)
        if name in self.config.providers:
            raise ConfigError(f"providers.{name} needs a type, a class or a file")
        raise ConfigError(unfound.provider(name, self.names()))

    def _settings(self, name: str, said: ProviderConfig) -> dict[str, Any]:
        """The file's settings, where the environment says nothing else."""
        env = settings.from_environment
        key = said.api_key or variables.first(said.api_key_env)
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
        declared = self.declared()
        found = {name: _set_key(name, declared.get(name)) for name in self.names()}
        return {name: key for name, key in found.items() if key}

    def declared(self) -> dict[str, Declared]:
        """What the providers' files declare, by the providers' names. Loads none of them, but where
        the text does not say it, or there is none, as in an archive."""
        files = {**sources.own_files(), **self._files()}
        said = {name: declarations.read(file) for name, file in files.items()}
        clear = {name: declared for name, declared in said.items() if declared.is_whole}
        unclear = (files.keys() | sources.own().keys()) - clear.keys()
        return {**clear, **{name: self._declared_by_class(name) for name in unclear}}

    def _declared_by_class(self, name: str) -> Declared:
        if name not in self._asked:
            try:
                self._asked[name] = declarations.of(self._class_of_file(name))
            except ConfigError:  # asking for it tells
                self._asked[name] = Declared()
        return self._asked[name]

    def _class_of_file(self, name: str) -> type[Provider]:
        file = self._files().get(name)
        return sources.load_file(file, name) if file else sources.load_own(name)

    def configured(self) -> list[Provider]:
        """The providers that can be asked as things are: with a key, or in need of none."""
        found = map(self._made_of, self.candidates())
        return [provider for provider in found if provider and provider.is_configured()]

    def _made_of(self, name: str) -> Provider | None:
        """The provider of that name; ``None``, and a line in the log, where it cannot be made: the
        others go on, and asking for it says so again. What the config names has to be right."""
        if name in self._broken:
            return None
        try:
            return self.get(name)
        except ConfigError as error:
            if name in self.config.providers:
                raise
            self._broken.add(name)
            logger.warning("%s is left out: %s", name, error.message)
            return None

    def how(self, name: str) -> str:
        """What makes a provider configured, in a word or a few; empty where it is not. Raises
        ``ConfigError`` where it cannot be loaded."""
        provider = self.get(name)
        if not provider.is_configured():
            return ""
        if running := self._running.known.get(name):
            return f"running at {discovery.place(running.home())}"
        if name in self.config.providers:
            return "config"
        if key := self.keys().get(name):
            return key
        if address := variables.which(settings.variable(name, "base_url")):
            return address
        return provider.ready_by()

    def lacks(self, model: str) -> str:
        """What is missing before that model can be asked, and the step to take; empty where nothing
        is, as far as is known without asking anybody."""
        name, slash, rest = model.partition("/")
        if model in self.config.routes:
            return self._lack_of_route(model)
        if name not in self.names():
            return unfound.provider(name, self.names()) if slash else ""
        try:
            provider = self.get(name)
            if not rest and not provider.default_model:
                return f"{name} names no model: say {name}/MODEL"
            return self._lack_of_provider(provider)
        except ConfigError as error:
            return error.message

    def _lack_of_route(self, name: str) -> str:
        try:
            ready = self.routes.get(name).is_configured()
        except ConfigError as error:
            return error.message
        return "" if ready else f"none of the targets of routes.{name} is configured"

    def _lack_of_provider(self, provider: Provider) -> str:
        return lacking.of(provider, self._said(provider.name).api_key_env)

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
        count as configured from now on. A fifth of a second at most goes to knocking, and as much
        to asking what is there. Raises ``ConfigError`` where the variable is neither 0 nor 1."""
        if _is_on(variables.value("PENSTOCK_DISCOVERY"), self.config.discovery):
            await self._running.renew()

    async def _look(self) -> Mapping[str, LocalEngine]:
        return await discovery.look(self._usual_places(), self._recogniser)

    def _usual_places(self) -> dict[str, Place]:
        """Where engines may be that nobody said the address of."""
        declared = self.declared()
        there = {name: self._usual_place(name, said) for name, said in declared.items()}
        return {name: place for name, place in there.items() if place}

    def _usual_place(self, name: str, declared: Declared) -> Place | None:
        said = self._said(name)
        another = said.base_url or said.cls or said.file or said.type not in ("", name)
        if another or settings.from_environment(name, "base_url"):
            return None
        return discovery.place(declared["base_url"], os.environ.get(declared["host_env"], ""))

    def _recogniser(self, name: str) -> Recognise[LocalEngine | None] | None:
        from penstock.local_engine import LocalEngine  # only where a port is open

        try:
            engine = self._usual(name)
        except ConfigError:  # a file that cannot be loaded says so when it is asked for
            return None
        if not isinstance(engine, LocalEngine):
            return None
        said = self._said(name).default_model

        async def recognise(ask: Ask) -> LocalEngine | None:
            models = await engine.recognise(ask)
            return None if models is None else engine.running([said] if said else models)

        return recognise

    # Models

    def default(self) -> str:
        """The model that answers when none is named, by what is known: the config's, else the first
        ready provider's of the config, else that of the first engine found running, else one that
        was pulled, else that of the first service whose key is in the environment, else
        ``builtin/eliza``."""
        return self.explain_default()[0]

    def explain_default(self) -> tuple[str, str]:
        """The model that ``default`` gives, and why it is that one, in words."""
        return next(self._default.answers())

    @property
    def _default(self) -> Default:
        return Default(
            self.config, self._running.known, self.keys, self._made_of, self._lack_of_provider
        )

    async def resolve(self, model: str = "") -> tuple[Provider, str]:
        """The provider of a model and the model's name there.

        ``provider/model``; a route's name; a provider's name alone (its default model); a bare
        model name that one configured provider lists; empty: the default. Raises
        ``UnknownModel``.
        """
        if not isinstance(model, str):
            raise InvalidRequest("model must be a string", param="model")
        model = model or await self._look_for_default()
        if model in self.config.routes:
            return self.routes.get(model), ""
        name, slash, rest = model.partition("/")
        if name in self._made or name in self.names():
            if not slash and self._usual_place(name, self.declared().get(name, Declared())):
                await self.discover()
            provider = self.get(name)
            return provider, rest if slash else provider.default_model
        return await self._find(model)

    async def _look_for_default(self) -> str:
        """The default, after a look around where the config does not say it."""
        if next(self._default.said(), None) is None:
            await self.discover()
        return self.default()

    async def _find(self, model: str) -> tuple[Provider, str]:
        """A bare model name; what was found holds as long as a model list does."""
        if known := self._found.get(model):
            when, provider = known
            if time.monotonic() - when < lists.AGE:
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
        keys = {name: said["api_key_env"] for name, said in self.declared().items()}
        there = self.keys()
        wanted = {name: key for name, key in keys.items() if key and name not in there}
        raise UnknownModel(unfound.model(model, self.names(), listed, wanted), param="model")

    async def _ids(self, provider: Provider) -> set[str]:
        return {info.id for info in await self._lists.of(provider)}

    async def list_models(self) -> list[ModelInfo]:
        """The routes, and every configured provider's models as ``provider/model``; a provider that
        cannot be asked is left out."""
        await self.discover()
        asked = self.configured()
        offered = await asyncio.gather(*map(self._lists.of, asked))
        routes = [ModelInfo(name, source="route") for name in self.config.routes]
        return routes + [
            msgspec.structs.replace(info, id=f"{provider.name}/{info.id}")
            for provider, infos in zip(asked, offered, strict=True)
            for info in infos
        ]


def _is_on(said: str, otherwise: bool) -> bool:
    if said and said.lower() not in (*_ON, *_OFF):
        raise ConfigError(f"PENSTOCK_DISCOVERY must be 0 or 1, not {said!r}")
    return said.lower() in _ON if said else otherwise


def _set_key(name: str, declared: Declared | None) -> str:
    """The variable that holds the provider's key, if one does. Who has no file has the usual
    one."""
    own = settings.variable(name, "api_key")
    usual = own.removeprefix("PENSTOCK_") if declared is None else declared["api_key_env"]
    return variables.which(f"{own}|{usual}")
