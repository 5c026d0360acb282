"""The model that answers when none is named, why it is that one, and why no better one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from penstock.config import Config
from penstock.provider import Provider

if TYPE_CHECKING:
    from penstock.local_engine import LocalEngine

BUILTIN = "builtin/eliza"
_LOCAL = "local"
"""The provider of the models that were pulled."""


class Default:
    """Chooses among what is known, without asking anybody.

    ``running``: the engines found on this machine. ``keys``: the variable with each provider's key,
    where one is set. ``find``: the provider of a name, where it can be made. ``lack``: what is
    missing before that can be asked.
    """

    def __init__(
        self,
        config: Config,
        running: Mapping[str, LocalEngine],
        keys: Callable[[], Mapping[str, str]],
        find: Callable[[str], Provider | None],
        lack: Callable[[Provider], str],
    ) -> None:
        self._config = config
        self._running = running
        self._keys = keys
        self._find = find
        self._lack = lack

    def answers(self) -> Iterator[tuple[str, str]]:
        """Models that answer unasked, the best first, each with the reason why; never none."""
        yield from self.said()
        for name, engine in sorted(self._running.items()):
            if model := self._ready_model(name):
                yield model, f"{name} is running at {engine.home()}"
        if _has_pulled() and (model := self._ready_model(_LOCAL)):
            yield model, "it was pulled to this machine"
        for name, key in sorted(self._keys().items()):
            if model := self._ready_model(name, unasked=True):
                yield model, f"{key} is set"
        nobody = "no model is configured: this is ELIZA (1966), running here"
        yield BUILTIN, "; ".join(self._waiting()) or nobody

    def said(self) -> Iterator[tuple[str, str]]:
        """Those of the config."""
        if self._config.default:
            yield self._config.default, "the config names it as its default"
        for name in self._config.providers:
            if model := self._ready_model(name):
                yield model, "the config's first provider that is ready"

    def _ready_model(self, name: str, unasked: bool = False) -> str:
        """``name/model`` where that provider can be asked as things are, else empty. ``unasked``:
        only where it answers those who did not name it."""
        provider = self._find(name)
        if provider is None:
            return ""
        model = provider.default_model or next(iter(provider.models), "")
        ready = provider.is_configured() and (not unasked or provider.answers_unasked)
        return f"{name}/{model}" if model and ready else ""

    def _waiting(self) -> Iterator[str]:
        """What is there and does not answer unasked, and the step that each takes."""
        if _has_pulled() and (provider := self._find(_LOCAL)) and (lack := self._lack(provider)):
            yield f"{provider.default_model} was pulled; {lack}"
        for provider in filter(None, map(self._find, self._config.providers)):
            name = provider.name
            if lack := self._lack(provider):
                yield lack
            elif not provider.default_model and not provider.models:
                yield f"{name} is configured but names no model: -m {name}/MODEL, or default_model"
        for name, key in sorted(self._keys().items()):
            asked = None if name in self._config.providers else self._find(name)
            if asked is not None and asked.is_configured():
                model = "" if asked.default_model else "/MODEL"
                yield f"{key} is set, but {name} answers only where it is named: -m {name}{model}"


def _has_pulled() -> bool:
    from penstock.hub import store  # only where it comes to that

    return store.default() is not None
