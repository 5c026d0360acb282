"""Routes of the config: a name that stands for several models, and how one of them is chosen.

[routes.smart]
fallback = ["openai/gpt-5", "anthropic/claude-sonnet-4-5"]   # one after the other
continue = true          # an answer that is cut goes on at the next
retries = 2              # rounds over all of them, before anything was said
timeout = 300            # seconds, for all of it
on_leave = "drain"       # read on when the caller leaves; or "cancel", or so many seconds

[routes.pool]
balance = ["groq/llama-3.3-70b-versatile", "cerebras/llama-3.3-70b"]   # as one
by = "latency"           # or "weight", "busy", "cost"
weights = [2, 1]
affinity = true          # a conversation stays where its prompt is cached

[routes.quick]
hedge = ["pool", "openai/gpt-5-mini"]    # a second one where the first is slow to speak
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.config import RouteConfig
from penstock.errors import ConfigError
from penstock.provider import Provider
from penstock.routing.balance import Balance
from penstock.routing.breaker import Breaker
from penstock.routing.drain import Drain
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.routing.retry import Retry
from penstock.routing.routed import Routed
from penstock.routing.target import Target
from penstock.routing.within import Within

_PATIENCE = 20.0
"""Seconds that a route waits for a service at most, when none of its targets can be asked now."""
WAYS = ("fallback", "balance", "hedge")


class Routes:
    """The routes of one config, each made when it is first asked for. ``find``: the provider of
    that name.

    A model that several routes ask shares one circuit breaker.
    """

    def __init__(self, said: Mapping[str, RouteConfig], find: Callable[[str], Provider]) -> None:
        self._said = said
        self._find = find
        self._made: dict[str, Routed] = {}
        self._targets: dict[str, Routed] = {}
        self._making: list[str] = []

    def get(self, name: str) -> Routed:
        """The route of that name. Raises ``ConfigError`` where it cannot be made."""
        if name not in self._made:
            if name in self._making:
                circle = " -> ".join((*self._making, name))
                raise ConfigError(f"routes.{name} asks itself: {circle}")
            self._making.append(name)
            try:
                self._made[name] = self._make(name, self._said[name])
            finally:
                self._making.pop()
        return self._made[name]

    def targets(self) -> list[tuple[Provider, str]]:
        """Every provider and model that a route may ask. Raises ``ConfigError``."""
        for name in self._said:
            self.get(name)
        leaves = (target.targets[0] for target in self._targets.values())
        return [(leaf.targets[0], leaf.model) for leaf in leaves if isinstance(leaf, Target)]

    def _make(self, name: str, said: RouteConfig) -> Routed:
        route = self._chosen(name, said)
        if said.retries:
            route = Retry(route, said.retries, patience=_PATIENCE)
        if said.timeout is not None:
            route = Within(route, said.timeout)
        if said.on_leave != "cancel":
            route = Drain(route, None if said.on_leave == "drain" else float(said.on_leave))
        route.name = name
        return route

    def _chosen(self, name: str, said: RouteConfig) -> Routed:
        ways = [way for way in WAYS if getattr(said, way)]
        if len(ways) != 1:
            raise ConfigError(f"routes.{name} needs one of fallback, balance and hedge")
        targets = [self._target(name, target) for target in getattr(said, ways[0])]
        if ways == ["fallback"]:
            return Fallback(*targets, continues=said.continues)
        if ways == ["hedge"]:
            return Hedge(*targets)
        return Balance(*targets, by=said.by, weights=said.weights or None, affinity=said.affinity)

    def _target(self, route: str, said: str) -> Routed:
        if said in self._said:
            return self.get(said)
        if said not in self._targets:
            name, _, model = said.partition("/")
            try:
                provider = self._find(name)
            except ConfigError as error:
                raise ConfigError(f"routes.{route}: {error.message}") from None
            if not (model or provider.default_model):
                raise ConfigError(f"routes.{route}: {name} names no model; say {name}/MODEL")
            self._targets[said] = Breaker(Target(provider, model or provider.default_model))
        return self._targets[said]
