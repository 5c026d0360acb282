"""Rows from the data of models.dev: what a model can do, its limits, and prices.

The form is that of https://models.dev/api.json, described in
https://github.com/anomalyco/models.dev (``packages/core/src/schema.ts``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Context, Decimal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from penstock.prices import amounts
from penstock.prices.amounts import Tokens
from penstock.prices.table import Price, Row
from penstock.types import Rates, RatesAbove

_KINDS = {
    "input": "input",
    "output": "output",
    "cache_read": "cached_input",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
    "input_audio": "input_audio",
    "output_audio": "output_audio",
}
_WHOLES = ("input", "output")
_LETTERS = {"image": "v", "audio": "a", "pdf": "f"}


_DIGITS = Context(prec=10)


class _Step(Struct):
    size: Tokens


class _Amounts(Struct):
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None

    def __post_init__(self) -> None:
        amounts.check(*(getattr(self, key) for key in _KINDS))

    def fields(self) -> dict[str, Decimal]:
        """The fields of ``Rates``. Reasoning that costs what output does needs no price; a part
        that costs nothing is one whose price was not known."""
        said = {kind: getattr(self, key) for key, kind in _KINDS.items()}
        if said["reasoning"] == said["output"]:
            del said["reasoning"]
        known = {k: p for k, p in said.items() if p or (p is not None and k in _WHOLES)}
        return {kind: _clean(price) for kind, price in known.items()}


class _Above(_Amounts, kw_only=True):
    tier: _Step


class _Cost(_Amounts):
    tiers: list[_Above] = field(default_factory=list)


class _Limit(Struct):
    context: Tokens | None = None
    output: Tokens | None = None


class _Modalities(Struct):
    input: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)


class _Model(Struct):
    id: str
    cost: _Cost | None = None
    limit: _Limit = field(default_factory=_Limit)
    modalities: _Modalities = field(default_factory=_Modalities)
    tool_call: bool = False
    structured_output: bool = False
    reasoning: bool = False
    status: str = ""
    last_updated: str = ""


class _Provider(Struct):
    models: dict[str, _Model]


class Facts(Struct):
    """What models.dev says: rows by its own names of providers, each price with the day it
    was last looked at, and the last day of all."""

    rows: dict[str, tuple[Row, ...]]
    newest: date


def decode(data: bytes, today: date) -> Facts:
    """Read the published file. Raises ``ValueError``."""
    said: dict[str, _Provider] = msgspec.json.decode(data, type=dict[str, _Provider])
    rows = {
        name: tuple(_row(m) for m in provider.models.values() if "text" in m.modalities.output)
        for name, provider in said.items()
    }
    days = [day for p in said.values() for m in p.models.values() for day in _days(m)]
    return Facts(rows, max((day for day in days if day <= today), default=date.min))


def _days(model: _Model) -> Iterator[date]:
    try:
        yield date.fromisoformat(model.last_updated)
    except ValueError:
        return  # a month alone, or nothing


def _row(model: _Model) -> Row:
    row = Row(
        id=model.id,
        context=model.limit.context or None,
        output=model.limit.output or None,
        can="".join(_can(model)),
        price=_prices(model.cost, next(_days(model), None)),
    )
    return row.unlisted() if model.status == "deprecated" else row


def _can(model: _Model) -> Iterator[str]:
    if model.tool_call:
        yield "t"
    if model.structured_output:
        yield "j"
    for modality, letter in _LETTERS.items():
        if modality in model.modalities.input:
            yield letter
    if model.reasoning:
        yield "r"


def _prices(cost: _Cost | None, since: date | None) -> tuple[Price, ...]:
    """Where both are 0 the model is free, or paid for otherwise: nobody can tell which."""
    if cost is None or not (cost.input or cost.output):
        return ()
    steps = sorted(cost.tiers, key=lambda step: step.tier.size)
    above = tuple(
        msgspec.convert({"tokens": step.tier.size, **step.fields()}, RatesAbove) for step in steps
    )
    return (Price.of(replace(msgspec.convert(cost.fields(), Rates), above=above), since),)


def _clean(price: Decimal) -> Decimal:
    """0.1 where the data has 0.09999999999999999, and 4 for 4.0."""
    return Decimal(f"{price.normalize(_DIGITS):f}")
