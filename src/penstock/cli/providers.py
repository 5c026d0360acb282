"""``penstock providers``: who is configured and how, who else there is, and who answers."""

from __future__ import annotations

import asyncio
import inspect
import json
from argparse import Namespace
from typing import Any

import msgspec
from msgspec import Struct

from penstock import config
from penstock.catalog import Catalog
from penstock.cli import default
from penstock.cli.table import print_table
from penstock.cli.terminal import complain
from penstock.declarations import Declared
from penstock.errors import ConfigError


class ProviderLine(Struct):
    """What there is to know about one provider; ``how`` it is configured, where it is."""

    name: str
    configured: bool
    how: str
    key: str
    url: str
    about: str


def run(args: Namespace) -> None:
    """List the providers. Raises ``ConfigError`` where the config is wrong."""
    catalog = Catalog(config.load(args.config))
    asyncio.run(catalog.discover())
    lines = sorted(_lines(catalog), key=lambda line: (not line.configured, line.name))
    if args.json:
        model, why = catalog.explain_default()
        _print_json({"default": {"model": model, "why": why}, "providers": lines})
        return
    rows = [[i.name, i.how or "no", i.key.partition("|")[0] or "-", i.url, i.about] for i in lines]
    print_table(["NAME", "CONFIGURED", "KEY", "URL", "ABOUT"], rows)
    print(f"\n{default.explain(catalog)}")


def _lines(catalog: Catalog) -> list[ProviderLine]:
    """Whoever lacks a key for certain, as most do, is told of by the text of its file."""
    declared, candidates = catalog.declared(), set(catalog.candidates())
    lines = [
        _line(catalog, name) if name in candidates else _unready(name, declared[name])
        for name in catalog.names()
    ]
    return [line for line in lines if line]


def _unready(name: str, said: Declared) -> ProviderLine:
    return ProviderLine(name, False, "", said["api_key_env"], said["url"], _plain(said.about))


def _line(catalog: Catalog, name: str) -> ProviderLine | None:
    """A provider that cannot be loaded is told on stderr; the others are listed all the same."""
    try:
        provider, how = catalog.get(name), catalog.how(name)
    except ConfigError as error:
        complain(error.message)
        return None
    about = inspect.cleandoc(type(provider).__doc__ or "").partition("\n")[0]
    said = catalog.config.providers.get(name)
    key = (said.api_key_env if said else "") or getattr(provider, "api_key_env", "")
    return ProviderLine(name, bool(how), how, key, provider.url, _plain(about))


def _plain(about: str) -> str:
    return about.replace("``", "`")


def _print_json(value: Any) -> None:
    print(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=2))
