"""Models with what the table says of them: their limits, prices and capabilities."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from penstock.prices import rates, table
from penstock.types import ModelInfo

_OWN_NAMES = ("azure", "azure-anthropic")
"""Providers whose models bear names that their owner gave them."""


def described(provider: str, infos: Iterable[ModelInfo], source: str = "") -> tuple[ModelInfo, ...]:
    """The models that ``provider`` lists, each with what is known of it. What the list itself says
    of a model stands; the table fills what it leaves out. ``source``: where the list is from."""
    return tuple(_described(provider, replace(info, source=source)) for info in infos)


def listed(provider: str) -> tuple[ModelInfo, ...]:
    """The models of ``provider`` that the table knows, for where it cannot be asked; those that
    their vendor has given up are left out, and there are none where people name them."""
    current = [row for row in table.rows(provider) if not row.old and _answers(row)]
    if provider in _OWN_NAMES:
        return ()
    return tuple(_from_row(ModelInfo(row.id, source="snapshot"), row) for row in current)


def _answers(row: table.Row) -> bool:
    """Whether a model writes, as far as is known; others embed or decide."""
    price = rates.holding(row.price)
    return bool(row.can or (price and price.output))


def _described(provider: str, info: ModelInfo) -> ModelInfo:
    row = table.find(provider, info.id)
    return info if row is None else _from_row(info, row)


def _from_row(info: ModelInfo, row: table.Row) -> ModelInfo:
    price = rates.holding(row.price)
    return replace(
        info,
        context=info.context or row.context,
        output=info.output or row.output,
        prices=info.prices or (price.rates if price else None),
        capabilities=info.capabilities or row.capabilities,
    )
