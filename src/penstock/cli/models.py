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

from penstock import config, prices
from penstock.catalog import Catalog
from penstock.cli import running
from penstock.cli.table import print_table
from penstock.cli.terminal import complain, note
from penstock.errors import PenstockError, ServiceError, Timeout
from penstock.http_provider import HTTPProvider
from penstock.prices.table import own_file, table
from penstock.provider import Provider
from penstock.types import ModelInfo, Rates

_WAIT = 10.0
_TITLES = ["MODEL", "CONTEXT", "OUTPUT", "$ IN", "$ CACHED", "$ OUT", "CAN", "FROM"]


class _Offer(Struct):
    """A provider's models, and why it could not be asked, where it could not."""

    models: list[ModelInfo]
    error: PenstockError | None = None


def run(args: Namespace) -> None:
    """List the models. Raises ``PenstockError`` after what could be listed."""
    catalog = Catalog(config.load(args.config))
    with running.runner() as runner:
        if args.refresh:
            runner.run(_refresh(catalog.config.proxy))
        offers = runner.run(_offers(catalog, args.provider))
    _print([model for offer in offers for model in offer.models], args)
    failed = [offer.error for offer in offers if offer.error]
    if failed and args.provider:
        raise failed[0]
    if failed:
        raise ServiceError(f"{len(failed)} of {len(offers)} providers did not list their models")


async def _refresh(proxy: str) -> None:
    from penstock.prices.refresh import refresh  # the network, only where it is asked for
    from penstock.transport.http import HTTPTransport

    made = await refresh(HTTPTransport(), os.environ.get("PENSTOCK_PROXY") or proxy)
    count = sum(map(len, made.providers.values()))
    note(f"{count} models of {len(made.providers)} providers are in {own_file()}")


async def _offers(catalog: Catalog, name: str | None) -> list[_Offer]:
    if name:
        return [await _offer(catalog.get(name))]
    await catalog.discover()
    offers = await asyncio.gather(*map(_offer, asked := catalog.configured()))
    for provider, offer in zip(asked, offers, strict=True):
        if offer.error:
            complain(f"{provider.name}: {offer.error.message}")
    return offers


async def _offer(provider: Provider) -> _Offer:
    """What a provider offers; what is known of it where it has no list, or does not give it."""
    kind, error = type(provider).name, None  # the name in a config may be any
    try:
        models = prices.described(kind, await _asked(provider), _source(provider))
    except PenstockError as failure:
        models, error = (), failure
    models = models or prices.listed(kind)
    return _Offer([replace(m, id=f"{provider.name}/{m.id}") for m in models], error)


async def _asked(provider: Provider) -> tuple[ModelInfo, ...]:
    try:
        async with asyncio.timeout(_WAIT):
            return await provider.list_models()
    except TimeoutError:
        raise Timeout(f"no list within {_WAIT:g} s", provider=provider.name) from None


def _source(provider: Provider) -> str:
    """Models that are declared are not from the service."""
    return "live" if isinstance(provider, HTTPProvider) and not provider.models else ""


def _print(models: list[ModelInfo], args: Namespace) -> None:
    if args.json:
        _print_json(models)
    elif args.long or sys.stdout.isatty():
        print_table(_TITLES, [_row(model) for model in models])
        print(f"\nPrices: US dollars for a million tokens, as of {table().made}.")
    else:
        print("".join(f"{model.id}\n" for model in models), end="")


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
        " ".join(model.capabilities) or "-",
        model.source or "-",
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
