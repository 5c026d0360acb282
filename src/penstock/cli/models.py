"""``penstock models``: what each service offers, its limits, its prices, what it can do."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from decimal import Decimal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock import config, lists, prices
from penstock.catalog import Catalog
from penstock.cli import running
from penstock.cli.table import print_table
from penstock.cli.terminal import command, complain, in_one_line, note
from penstock.cli.wording import told
from penstock.errors import CallerError, PenstockError, ServiceError
from penstock.prices.table import own_file, table
from penstock.provider import Provider
from penstock.types import ModelInfo, Rates

_TITLES = ["MODEL", "CONTEXT", "OUTPUT", "$ IN", "$ CACHED", "$ OUT", "FROM", "CAN"]


class _Listing(Struct):
    """A provider's models, and why it did not say them itself, where it did not."""

    provider: str
    models: list[ModelInfo]
    error: PenstockError | None = None


def run(args: Namespace) -> None:
    """List the models. Raises ``PenstockError`` after what could be listed."""
    catalog = Catalog(config.load(args.config))
    with running.runner() as runner:
        if args.refresh:
            runner.run(_refresh(catalog.config.proxy))
        listings = runner.run(_listed(catalog, args.provider))
    routes = [] if args.provider else catalog.config.routes
    models = [model for listing in listings for model in listing.models]
    _print([*(ModelInfo(name, source="route") for name in routes), *models], args)
    sys.stdout.flush()  # what is said of them stands below them
    _judge(listings, args.provider)


def _judge(listings: list[_Listing], only: str | None) -> None:
    """Say whose list is not the service's own, or is empty. Raises ``PenstockError``."""
    failed = [_failure(one, one.error) for one in listings if one.error]
    if only and failed:
        raise failed[0]
    for failure in failed:
        complain(failure.message)
    if failed:
        raise ServiceError(f"{len(failed)} of {len(listings)} providers did not list their models")
    if only and not listings[0].models:
        more = f"; `{command()} pull` lists some to fetch" if only == "local" else ""
        note(f"{only} has no models{more}")


def _failure(listing: _Listing, error: PenstockError) -> PenstockError:
    """The error in words that say what stands in the list instead."""
    name, why = listing.provider, told(error)
    if isinstance(error, CallerError) and error.status is None:  # the service has not said it
        why = f"{name} was not asked: {why.replace(f'{name} needs', 'it needs', 1)}"
    elif name not in why:
        why = f"{name}: {why}"
    instead = f"; this is from the snapshot of {table().made}" if listing.models else ""
    return type(error)(f"{why}{instead}")


async def _refresh(proxy: str) -> None:
    from penstock.prices.refresh import refresh  # the network, only where it is asked for
    from penstock.transport.http import HTTPTransport

    made = await refresh(HTTPTransport(), os.environ.get("PENSTOCK_PROXY") or proxy)
    count = sum(map(len, made.providers.values()))
    note(f"{count} models of {len(made.providers)} providers are in {own_file()}")


async def _listed(catalog: Catalog, name: str | None) -> list[_Listing]:
    if name and name in catalog.config.routes:
        return await _targets(catalog.get(name))
    if name:
        return [await _shown(catalog.get(name))]
    await catalog.discover()
    return await asyncio.gather(*map(_shown, catalog.configured()))


async def _targets(found: Provider) -> list[_Listing]:
    """Those that a route may ask, with what is known of each."""
    from penstock.cli import route  # routes are loaded where there are any

    asked: dict[Provider, list[str]] = {}
    for provider, model in route.targets(found):
        asked.setdefault(provider, []).append(f"{provider.name}/{model}")
    listings = await asyncio.gather(*map(_shown, asked))
    return [_only(one, names) for one, names in zip(listings, asked.values(), strict=True)]


def _only(listing: _Listing, names: list[str]) -> _Listing:
    """Of a provider's models those of these names, whether it lists them or not."""
    known = {model.id: model for model in listing.models}
    return _Listing(listing.provider, [known.get(name, ModelInfo(name)) for name in names])


async def _shown(provider: Provider) -> _Listing:
    """What the provider offers; the snapshot's models where it does not say."""
    offer = await lists.offer(provider)
    models = prices.listed(type(provider).name) if offer.error else offer.models
    named = [replace(model, id=f"{provider.name}/{model.id}") for model in models]
    return _Listing(provider.name, named, offer.error)


def _print(models: list[ModelInfo], args: Namespace) -> None:
    if args.json:
        _print_json(models)
    elif models and (args.long or sys.stdout.isatty()):
        print_table(_TITLES, [_row(model) for model in models])
        print(f"\nPrices: US dollars for a million tokens, as of {table().made}.")
    else:
        print("".join(f"{in_one_line(model.id)}\n" for model in models), end="")


def _print_json(models: list[ModelInfo]) -> None:
    lines = [{name: getattr(m, name) for name in ModelInfo.__struct_fields__} for m in models]
    for line in lines:
        del line["metadata"]
    body = msgspec.json.Encoder(decimal_format="number").encode(lines)
    print(msgspec.json.format(body, indent=2).decode())


def _row(model: ModelInfo) -> list[str]:
    price = model.prices or Rates()
    return [
        model.id,
        _tokens(model.context),
        _tokens(model.output),
        _dollars(price.input) + ("+" if price.above else ""),
        _dollars(price.cached_input),
        _dollars(price.output),
        model.source or "-",
        " ".join(model.capabilities) or "-",
    ]


def _tokens(number: int | None) -> str:
    """Tokens in thousands or millions, as vendors write them."""
    if number is None:
        return "-"
    if number < 1000:
        return str(number)
    return f"{number // 1000}k" if number < 1_000_000 else f"{number / 1_000_000:.3g}M"


def _dollars(price: Decimal | None) -> str:
    return "-" if price is None else f"{price:f}"
