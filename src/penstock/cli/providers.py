"""``penstock providers``: who is configured and how, who answers, and who else there is.

about.py says what there is to know about one provider, route.py about a route.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

import msgspec

from penstock import config
from penstock.catalog import Catalog
from penstock.cli import about, default, running
from penstock.cli.about import ProviderLine
from penstock.cli.table import print_columns, print_table
from penstock.cli.terminal import command, complain
from penstock.cli.wording import told
from penstock.declarations import Declared
from penstock.errors import ConfigError


def run(args: Namespace) -> None:
    """List the providers. Raises ``ConfigError`` where the config is wrong."""
    catalog = Catalog(config.load(args.config))
    with running.runner() as runner:
        runner.run(catalog.discover())
    lines = [_named(catalog, args.name)] if args.name else [*_routes(catalog), *_lines(catalog)]
    if args.json:
        model, why = catalog.explain_default()
        _print_json({"default": {"model": model, "why": why}, "providers": lines})
    elif args.name:
        _print_details(catalog, lines[0])
    elif args.all or not sys.stdout.isatty():
        _print_all(lines)
        print(f"\n{default.explain(catalog)}")
    else:
        _print_overview(lines, catalog)


def _named(catalog: Catalog, name: str) -> ProviderLine:
    if name in catalog.config.routes:
        return _route(catalog, name)
    return about.line(catalog, name)


def _routes(catalog: Catalog) -> list[ProviderLine]:
    return [_route(catalog, name) for name in catalog.config.routes]


def _route(catalog: Catalog, name: str) -> ProviderLine:
    from penstock.cli import route  # routes are loaded where there are any

    return route.line(catalog, name)


def _print_details(catalog: Catalog, line: ProviderLine) -> None:
    if line.name not in catalog.config.routes:
        about.print_details(catalog, line)
        return
    from penstock.cli import route
    from penstock.health import file

    file.load()
    route.print_details(catalog, line)


def _lines(catalog: Catalog) -> list[ProviderLine]:
    """Whoever lacks a key for certain, as most do, is told of by the text of its file. Those that
    are configured come first."""
    declared, candidates = catalog.declared(), set(catalog.candidates())
    lines = [
        _line(catalog, name) if name in candidates else _unready(name, declared[name])
        for name in catalog.names()
    ]
    return sorted(filter(None, lines), key=lambda line: (not line.configured, line.name))


def _unready(name: str, said: Declared) -> ProviderLine:
    return ProviderLine(
        name, False, "", said["api_key_env"], said["url"], about.first_sentence(said.about)
    )


def _line(catalog: Catalog, name: str) -> ProviderLine | None:
    """A provider that cannot be loaded is told on stderr; the others are listed all the same."""
    try:
        return about.line(catalog, name)
    except ConfigError as error:
        complain(told(error))
        return None


def _print_all(lines: list[ProviderLine]) -> None:
    rows = [[i.name, i.how or "no", i.key.partition("|")[0] or "-", i.url, i.about] for i in lines]
    print_table(["NAME", "CONFIGURED", "KEY", "URL", "ABOUT"], rows)


def _print_overview(lines: list[ProviderLine], catalog: Catalog) -> None:
    """What a person asks first: what is there, who answers, what else there could be."""
    print_table(["NAME", "HOW", "ABOUT"], [[i.name, i.how, i.about] for i in lines if i.configured])
    print(f"\n{default.explain(catalog)}")
    for way in _WAYS:
        if names := [line.name for line in lines if _way(catalog, line) == way]:
            print(f"\n{way}:")
            print_columns(names)
    print(f"\n`{command()} providers NAME` tells which key, and more.")


_WAYS = ("Set a key to use", "Start on this machine to use", "Set an address to use")


def _way(catalog: Catalog, line: ProviderLine) -> str:
    """How to make a provider ready; empty where it is, or where another line says how."""
    by_key, by_start, by_address = _WAYS
    if line.configured or line.name == "local" or line.name in catalog.config.routes:
        return ""
    if line.key:
        return by_key
    return by_start if about.is_engine(catalog, line.name) else by_address


def _print_json(value: Any) -> None:
    print(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=2))
