"""Models with what the table says of them: their limits, prices and capabilities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from penstock.prices import names, table
from penstock.prices.rates import holding
from penstock.types import ModelInfo, Rates

_UNTOLD = ("azure", "azure-anthropic", "bedrock-openai")
"""Providers whose models the table cannot tell: people name them, or they are some of another's."""


def described(provider: str, infos: Iterable[ModelInfo], source: str = "") -> tuple[ModelInfo, ...]:
    """The models that ``provider`` lists, each with what is known of it. What the list itself says
    of a model stands; the table fills what it leaves out. ``source``: where the list is from."""
    return tuple(_described(provider, replace(info, source=source)) for info in infos)


def listed(provider: str) -> tuple[ModelInfo, ...]:
    """The models of ``provider`` to chat with that the table knows, for where it cannot be asked.
    What its vendor has given up, never sold or sells for other things is left out."""
    if provider in _UNTOLD:
        return ()
    current = ((row, _prices(provider, row)) for row in _offered(provider) if row.is_listed)
    return tuple(
        _from_row(ModelInfo(row.id, source="snapshot"), row, rates)
        for row, rates in current
        if row.capabilities or (rates and rates.output)  # others embed or decide
    )


def _offered(provider: str) -> Iterator[table.Row]:
    """A provider's own rows, then those of others whose models it offers: each model once."""
    own = table.own_rows(provider)
    yield from own
    for row in table.rows(provider)[len(own) :]:
        if not any(names.fit(row.id.lower(), other.id, other.names) for other in own):
            yield row


def _described(provider: str, info: ModelInfo) -> ModelInfo:
    row = table.find(provider, info.id)
    return info if row is None else _from_row(info, row, _prices(provider, row))


def _prices(provider: str, row: table.Row) -> Rates | None:
    """The prices of a row, which may be those of one that stands after it."""
    priced = row if row.price else table.find(provider, row.id, priced=True)
    price = holding(priced.price) if priced else None
    return price.rates if price else None


def _from_row(info: ModelInfo, row: table.Row, rates: Rates | None) -> ModelInfo:
    return replace(
        info,
        context=info.context or row.context,
        output=info.output or row.output,
        prices=info.prices or rates,
        capabilities=info.capabilities or row.capabilities,
    )
