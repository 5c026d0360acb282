"""Which prices of a model hold: at a time, in a service tier, for so long a question."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from penstock.prices.table import Price, Row
from penstock.types import Rates

KINDS = tuple(name for name in Rates.__struct_fields__ if name != "above")
"""What there can be a price of."""

_EACH = ("search", "request")
"""Kinds that are no tokens; no tier changes their price."""


def holding(prices: Iterable[Price], at: datetime | None = None) -> Price | None:
    """The prices that hold at a time (``None``: now; without a zone: UTC); ``None`` where there are
    none. Where none holds yet, the first ones do."""
    listed = tuple(prices)
    when = _utc(at)
    return next((price for price in reversed(listed) if _holds(price, when)), None) or next(
        iter(listed), None
    )


def _utc(at: datetime | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _holds(price: Price, when: datetime) -> bool:
    if price.since is not None and when.date() < price.since:
        return False
    if price.hours is None:
        return True
    start, end = price.hours
    minute = when.hour * 60 + when.minute
    return start <= minute < end if start <= end else minute >= start or minute < end


def for_length(rates: Rates, tokens: int) -> dict[str, Decimal]:
    """The price of each kind for a question of so many tokens."""
    held = _said(rates)
    for longer in rates.above:
        if tokens > longer.tokens:
            held |= _said(longer)
    return held


def _said(rates: Rates) -> dict[str, Decimal]:
    return {kind: price for kind in KINDS if (price := getattr(rates, kind)) is not None}


def in_tier(
    standard: dict[str, Decimal], row: Row, tier: str, tokens: int
) -> dict[str, Decimal] | None:
    """The same prices in a service tier; ``None`` where nobody knows what it changes."""
    match row.tiers.get(tier):
        case Decimal() as factor:
            return {k: p if k in _EACH else p * factor for k, p in standard.items()}
        case Rates() as changed:
            return standard | for_length(changed, tokens)
    return None
