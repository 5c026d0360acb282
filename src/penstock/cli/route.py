"""What a route of the config is made of, and how its targets stand."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.catalog import Catalog
from penstock.cli.about import ProviderLine
from penstock.cli.terminal import command, in_one_line
from penstock.health import here
from penstock.health.report import ago, of
from penstock.provider import Provider
from penstock.routes import WAYS
from penstock.routing.routed import Routed
from penstock.routing.target import Target

_HOW = {
    "fallback": "one after the other, until one answers",
    "balance": "one of them, by its share",
    "hedge": "the next where one is slow to speak",
}


def line(catalog: Catalog, name: str) -> ProviderLine:
    """The route as a line of the list."""
    said = catalog.config.routes[name]
    ways = [way for way in WAYS if getattr(said, way)]
    parts = [f"{', '.join(getattr(said, way))}: {_HOW[way]}" for way in ways]
    about = f"Asks {'; '.join(parts) or 'nobody'}."
    return ProviderLine(name, not catalog.lacks(name), "route", "", "", about)


def print_details(catalog: Catalog, line: ProviderLine) -> None:
    """What it is, then a line for each target. Raises ``ConfigError`` where there is no such."""
    asked = targets(catalog.get(line.name))
    names = [in_one_line(f"{provider.name}/{model}") for provider, model in asked]
    width = max(map(len, names))
    print(f"{line.name}: {line.about}")
    for name, (provider, model) in zip(names, asked, strict=True):
        print(f"  {name:{width}}  {_stands(catalog, provider, model)}")
    print(f"  `{command()} status --probe {line.name}` asks each of them")


def targets(route: Provider) -> list[tuple[Provider, str]]:
    """Every provider and model that a route may ask, each once, in its order."""
    leaves = {(leaf.targets[0].name, leaf.model): leaf for leaf in _leaves(route)}
    return [(leaf.targets[0], leaf.model) for leaf in leaves.values()]


def _leaves(route: Provider) -> Iterator[Target]:
    if isinstance(route, Target):
        yield route
    elif isinstance(route, Routed):
        for target in route.targets:
            yield from _leaves(target)


def _stands(catalog: Catalog, provider: Provider, model: str) -> str:
    """How a target stands, by what was measured and what it lacks."""
    status = of(here, provider.name, model)
    error = f" ({status.error})" if status.error else ""
    age = "" if status.age is None else f" {ago(status.age)}"
    lack = catalog.lacks(f"{provider.name}/{model}")
    return f"{status.state}{error}{age}{f'; {lack}' if lack else ''}"
