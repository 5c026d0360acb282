"""Rows from the data of genai-prices: prices, with the names that they are asked for by.

The form is that of the published ``prices/new_data/v2/data.json``, which is described in
https://github.com/pydantic/genai-prices (``data.schema.json`` beside it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from penstock.prices import amounts, names
from penstock.prices.amounts import Tokens
from penstock.prices.table import Price, Row
from penstock.types import Rates

_KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cached_audio",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "web_searches_kcount": "search",
    "requests_kcount": "request",
}
_PER_THOUSAND = ("search", "request")
_TIERS = ("processing", "service_tier", "speed")
"""Contexts that say in which tier a request was served."""


class _Tier(Struct):
    start: Tokens
    price: Decimal

    def __post_init__(self) -> None:
        amounts.check(self.price)


class _Tiered(Struct):
    base: Decimal
    tiers: list[_Tier]

    def __post_init__(self) -> None:
        amounts.check(self.base)

    def at(self, start: int) -> Decimal:
        """The price of a question that is longer than ``start`` tokens."""
        reached = [tier for tier in self.tiers if tier.start <= start]
        return max(reached, key=lambda tier: tier.start).price if reached else self.base


_Amount = Decimal | _Tiered
_Amounts = dict[str, _Amount]


class _Constraint(Struct):
    start_date: date | None = None
    start_time: time | None = None
    end_time: time | None = None


class _Conditional(Struct):
    prices: _Amounts
    constraint: _Constraint | None = None

    def __post_init__(self) -> None:
        amounts.check(*self.prices.values())


class _Variant(_Conditional, kw_only=True):
    when: dict[str, str]


class _Model(Struct):
    id: str
    match: dict[str, Any]
    prices: _Amounts | list[_Conditional]
    context_window: Tokens | None = None
    deprecated: bool | None = None
    price_variants: list[_Variant] | None = None

    @property
    def conditional(self) -> list[_Conditional]:
        return self.prices if isinstance(self.prices, list) else [_Conditional(self.prices)]


class _Provider(Struct):
    id: str
    models: list[_Model]


class Prices(Struct):
    """What genai-prices says: rows by its own names of providers, and the last day it speaks of."""

    rows: dict[str, tuple[Row, ...]]
    newest: date


def decode(data: bytes, today: date) -> Prices:
    """Read the published file; ``today`` decides which service tiers are open. Raises
    ``ValueError``."""
    providers = msgspec.json.decode(data, type=list[_Provider])
    rows = {p.id: tuple(_row(m, today) for m in p.models if _is_chat(m)) for p in providers}
    days = [day for p in providers for m in p.models for day in _days(m) if day <= today]
    return Prices(rows, max(days, default=date.min))


def _days(model: _Model) -> Iterator[date]:
    for part in (*model.conditional, *(model.price_variants or ())):
        if part.constraint and part.constraint.start_date:
            yield part.constraint.start_date


def _is_chat(model: _Model) -> bool:
    """Whether tokens are what is paid for."""
    return any("input_mtok" in part.prices for part in model.conditional)


def _row(model: _Model, today: date) -> Row:
    prices = tuple(_price(part) for part in model.conditional)
    row = Row(
        id=model.id,
        names=names.needed(model.id, _names(model.match)),
        context=model.context_window,
        price=prices,
        tiers=_tiers(model, today),
    )
    return row.unlisted() if model.deprecated else row


def _names(match: object) -> Iterator[str]:
    """A rule of matching as names and patterns, see ``names``."""
    for rule, value in match.items() if isinstance(match, dict) else ((match, None),):
        match rule, value:
            case "or", list(parts):
                for part in parts:
                    yield from _names(part)
            case "equals", str():
                yield value.lower()
            case "starts_with", str():
                yield f"{value.lower()}*"
            case "ends_with", str():
                yield f"*{value.lower()}"
            case "contains", str():
                yield f"*{value.lower()}*"
            case "regex", str():
                yield names.checked(value if value.startswith("^") else f"^.*(?:{value})")
            case "and", list(parts):
                ahead = (_ahead(name) for part in parts for name in _names(part))
                yield names.checked("^" + "".join(ahead))
            case _:
                said = repr(rule)[:40]
                raise ValueError(f"genai-prices has a rule of matching that is not known: {said}")


def _ahead(name: str) -> str:
    """A name or pattern as a condition at the beginning of a regular expression."""
    if name.startswith("^"):
        return f"(?={name[1:]})"
    core = re.escape(name.strip("*"))
    start = ".*" if name.startswith("*") else ""
    return f"(?={start}{core}{'' if name.endswith('*') else '$'})"


def _price(part: _Conditional) -> Price:
    limit = part.constraint or _Constraint()
    hours = None
    if limit.start_time and limit.end_time:
        hours = _minute(limit.start_time), _minute(limit.end_time)
    return Price.of(_rates(part.prices), limit.start_date, hours)


def _minute(clock: time) -> int:
    offset = clock.utcoffset()
    return (clock.hour * 60 + clock.minute - (offset.seconds // 60 if offset else 0)) % (24 * 60)


def _rates(amounts: _Amounts) -> Rates:
    said = {_KINDS[key]: value for key, value in amounts.items() if key in _KINDS}
    tiered = {kind: value for kind, value in said.items() if isinstance(value, _Tiered)}
    base = {kind: v.base if isinstance(v, _Tiered) else v for kind, v in said.items()}
    above = [
        {"tokens": start} | {kind: value.at(start) for kind, value in tiered.items()}
        for start in sorted({tier.start for value in tiered.values() for tier in value.tiers})
    ]
    return msgspec.convert({**_dollars(base), "above": above}, Rates)


def _dollars(prices: dict[str, Decimal]) -> dict[str, Decimal]:
    """Prices of a thousand searches and requests as those of one."""
    return {k: price / 1000 if k in _PER_THOUSAND else price for k, price in prices.items()}


def _tiers(model: _Model, today: date) -> dict[str, Decimal | Rates]:
    """What each service tier changes, of those that are open."""
    found: dict[str, Decimal | Rates] = {}
    standard = _current(model.conditional, today).prices
    for variant in model.price_variants or ():
        ((key, tier), *more) = variant.when.items()
        is_open = not variant.constraint or (variant.constraint.start_date or today) <= today
        if key in _TIERS and variant.prices and is_open and not more:
            changed = _factor(standard, variant.prices)
            found.setdefault(tier, changed or _rates(variant.prices))
    return found


def _current(parts: Iterable[_Conditional], today: date) -> _Conditional:
    listed = list(parts)
    held = [p for p in listed if not p.constraint or _has_begun(p.constraint, today)]
    return held[-1] if held else listed[0]


def _has_begun(limit: _Constraint, today: date) -> bool:
    return limit.start_time is None and (limit.start_date or today) <= today


def _factor(standard: _Amounts, changed: _Amounts) -> Decimal | None:
    """By how much every price of tokens is multiplied, where all are by the same."""
    were, are = _steps(standard), _steps(changed)
    if not were or were.keys() != are.keys() or not all(were.values()):
        return None
    factors = {are[step] / were[step] for step in were}
    factor = factors.pop()
    is_exact = not factors and all(were[step] * factor == are[step] for step in were)
    return factor if is_exact else None


def _steps(amounts: _Amounts) -> dict[tuple[str, int], Decimal]:
    """The prices of tokens by kind and by the length from which on they hold."""
    said: dict[tuple[str, int], Decimal] = {}
    for key, amount in amounts.items():
        kind = _KINDS.get(key)
        if kind is None or kind in _PER_THOUSAND:
            continue
        said[kind, 0] = amount.base if isinstance(amount, _Tiered) else amount
        for tier in amount.tiers if isinstance(amount, _Tiered) else ():
            said[kind, tier.start] = tier.price
    return said
