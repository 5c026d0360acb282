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

import msgspec

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
_ONLY_WITH = {
    "continues": "fallback",
    "by": "balance",
    "weights": "balance",
    "affinity": "balance",
}
"""Keys that mean nothing where a route chooses in another way."""


class Routes:
    """The routes of one config, each made when it is first asked for. ``find``: the provider of
    that name.

    A model that several routes ask shares one circuit breaker.
    """

    def __init__(self, said: Mapping[str, RouteConfig], find: Callable[[str], Provider]) -> None:
        self._said = said
        self._find = find
        self._made: dict[str, Routed] = {}
        self._targets: dict[tuple[str, str], Routed] = {}
        self._making: list[str] = []

    def get(self, name: str) -> Routed:
        """The route of that name. Raises ``ConfigError`` where it cannot be made."""
        if name not in self._made:
            if name in self._making:
                circle = " -> ".join((*self._making, name))
                raise ConfigError(f"routes.{name} asks itself: {circle}; leave one of these out")
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
        way = _way(name, said)
        targets = [self._target(name, target) for target in getattr(said, way)]
        if way == "fallback":
            return Fallback(*targets, continues=said.continues)
        if way == "hedge":
            return Hedge(*targets)
        try:
            shares = said.weights or None
            return Balance(*targets, by=said.by, weights=shares, affinity=said.affinity)
        except ConfigError as error:
            raise ConfigError(f"routes.{name}.{error.message}") from None

    def _target(self, route: str, said: str) -> Routed:
        if said in self._said:
            return self.get(said)
        name, _, model = said.partition("/")
        if name in self._said:
            raise ConfigError(f"routes.{route}: {name} is a route and has no models: say {name}")
        try:
            provider = self._find(name)
        except ConfigError as error:
            raise ConfigError(f"routes.{route}: {error.message}") from None
        model = model or provider.default_model
        if not model:
            raise ConfigError(f"routes.{route}: {name} names no model; say {name}/MODEL")
        if (name, model) not in self._targets:
            self._targets[name, model] = Breaker(Target(provider, model))
        return self._targets[name, model]


def _way(name: str, said: RouteConfig) -> str:
    """How it chooses. Raises ``ConfigError`` where that is not clear, or where what is said beside
    it means nothing there."""
    ways = [way for way in WAYS if getattr(said, way)]
    if not ways:
        raise ConfigError(f"routes.{name} asks nobody: say fallback, balance or hedge")
    if len(ways) > 1:
        both = " and ".join(ways)
        raise ConfigError(f"routes.{name} has {both}: make one of them a route of its own")
    for field in msgspec.structs.fields(said):
        way = _ONLY_WITH.get(field.name, ways[0])
        if way != ways[0] and getattr(said, field.name) != field.default:
            key = f"routes.{name}.{field.encode_name}"
            raise ConfigError(f"{key} goes with {way}, not with {ways[0]}: leave it out")
    return ways[0]
