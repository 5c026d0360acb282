"""``penstock providers`` and ``penstock models``."""

from __future__ import annotations

import asyncio
import inspect
import json
import shutil
import sys
from argparse import Namespace
from typing import Any

import msgspec
from msgspec import Struct

from penstock import config
from penstock.catalog import Catalog
from penstock.cli import default, running
from penstock.cli.terminal import complain
from penstock.errors import ConfigError, PenstockError, ServiceError, Timeout
from penstock.http_provider import HTTPProvider
from penstock.provider import Provider
from penstock.types import ModelInfo

_WAIT = 10.0


class ProviderLine(Struct):
    """What there is to know about one provider."""

    name: str
    configured: bool
    key: str
    url: str
    about: str


def run(args: Namespace) -> None:
    """List what was asked for. Raises ``PenstockError`` after what could be listed."""
    catalog = Catalog(config.load(args.config))
    if args.command == "providers":
        _list_providers(catalog, args.json)
    else:
        with running.runner() as runner:
            runner.run(_list_models(catalog, args.provider, args.json))


def _list_providers(catalog: Catalog, as_json: bool) -> None:
    lines = [line for name in catalog.names() if (line := _line(catalog, name))]
    if as_json:
        model, why = catalog.explain_default()
        _print_json({"default": {"model": model, "why": why}, "providers": lines})
        return
    rows = [[i.name, "yes" if i.configured else "no", i.key or "-", i.url, i.about] for i in lines]
    _print_table(["NAME", "CONFIGURED", "KEY", "URL", "ABOUT"], rows)
    print(f"\n{default.explain(catalog)}")


def _line(catalog: Catalog, name: str) -> ProviderLine | None:
    """A provider that cannot be loaded is told on stderr; the others are listed all the same."""
    try:
        provider = catalog.get(name)
    except ConfigError as error:
        complain(error.message)
        return None
    about = inspect.cleandoc(type(provider).__doc__ or "").partition("\n")[0].replace("``", "`")
    key = catalog.config.providers[name].api_key_env if name in catalog.config.providers else ""
    if not key and isinstance(provider, HTTPProvider):
        key = provider.api_key_env
    return ProviderLine(name, provider.is_configured(), key, provider.url, about)


async def _list_models(catalog: Catalog, name: str | None, as_json: bool) -> None:
    if name:
        _print_models(await _models(catalog.get(name)), as_json)
        return
    asked = catalog.configured()
    answers = await asyncio.gather(*map(_models_or_error, asked))
    found = [answer for answer in answers if isinstance(answer, list)]
    _print_models([model for models in found for model in models], as_json)
    if missing := len(asked) - len(found):
        raise ServiceError(f"{missing} of {len(asked)} providers did not list their models")


async def _models_or_error(provider: Provider) -> list[ModelInfo] | PenstockError:
    try:
        return await _models(provider)
    except PenstockError as error:
        complain(f"{provider.name}: {error.message}")
        return error


async def _models(provider: Provider) -> list[ModelInfo]:
    try:
        async with asyncio.timeout(_WAIT):
            infos = await provider.list_models()
    except TimeoutError:
        raise Timeout(f"no list within {_WAIT:g} s", provider=provider.name) from None
    return [msgspec.structs.replace(info, id=f"{provider.name}/{info.id}") for info in infos]


def _print_models(models: list[ModelInfo], as_json: bool) -> None:
    if as_json:
        _print_json([{"id": model.id, "name": model.name} for model in models])
    else:
        print("".join(f"{model.id}\n" for model in models), end="")


def _print_json(value: Any) -> None:
    print(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=2))


def _print_table(titles: list[str], rows: list[list[str]]) -> None:
    table = [titles, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(titles))]
    for row in table:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(_fitted("  ".join(padded).rstrip()))


def _fitted(line: str) -> str:
    """The line, cut at the edge of a terminal; a pipe gets all of it."""
    room = shutil.get_terminal_size().columns - 1
    return f"{line[: room - 1]}…" if len(line) > room and sys.stdout.isatty() else line
