"""``cost``: what a usage costs, part by part, each charged once.

    input ── cached_input ── cached_audio        output ── reasoning
          ├─ cache_write ── cache_write_1h              ├─ output_audio
          └─ input_audio                                └─ output_image

A part with a price of its own is taken out of its whole; one without stays in it and is charged
as the whole is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, localcontext

from msgspec import Struct, field

from penstock.prices import counted, rates, table
from penstock.types import Provenance, Usage

_WHOLES = ("input", "output")

_WITHIN: dict[str, tuple[str, ...]] = {
    "cached_audio": ("cached_input", "input_audio", "input"),
    "cache_write_1h": ("cache_write", "input"),
    "cached_input": ("input",),
    "cache_write": ("input",),
    "input_audio": ("input",),
    "reasoning": ("output",),
    "output_audio": ("output",),
    "output_image": ("output",),
}
"""What each part is a part of; parts of parts come first."""

_ALIKE = ("reasoning", "cached_audio", "request")
"""Kinds that nearly every service charges as their whole, or not at all."""

_EXACT = Context(prec=60)
_UNROUNDED = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)
_MILLION = Decimal(10) ** 6


class Cost(Struct, frozen=True, repr_omit_defaults=True):
    """What a usage costs, in US dollars: ``total``, and ``parts`` by what the tokens were (the
    names of ``Rates``). Nothing is rounded.

    ``approximate`` names what could not be charged at a price of its own: parts that were charged
    as their whole or not at all, a number that nobody said, a price on which the public sources are
    far apart, or ``tier``. ``charged`` is what the service itself says it charges; then it is the
    total, and the parts, which are reckoned, may make another. ``provenance`` is the usage's own.
    """

    total: Decimal
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    approximate: tuple[str, ...] = ()
    charged: Decimal | None = None
    provenance: Provenance = "reported"

    def __str__(self) -> str:
        return f"${self.total.normalize(_UNROUNDED):f}"


def cost(
    usage: Usage | None, model: str, *, at: datetime | None = None, tier: str = ""
) -> Cost | None:
    """What ``usage`` costs of ``provider/model``, by the public prices that penstock knows.

        cost(reply.usage, "openai/gpt-5-mini")

    ``at``: when it was used (now; without a zone: UTC), for prices change. ``tier``: the service
    tier that answered (``batch``, ``flex``, ``priority``, ``fast``), where the usage does not say.
    ``None`` where the price or the usage is not known; never 0 instead.
    """
    provider, _, name = model.partition("/")
    if usage is None:
        return None
    with localcontext(_EXACT):
        charged = counted.charged(provider, usage)
        reckoned = _reckoned(
            usage, provider, name, at, counted.another(tier) or counted.tier(usage)
        )
        if reckoned is None and charged is None:
            return None
        parts, unsure = reckoned or ({}, ())
        total = sum(parts.values(), Decimal(0)) if charged is None else charged
    return Cost(total, parts, unsure, charged, usage.provenance)


def _reckoned(
    usage: Usage, provider: str, model: str, at: datetime | None, tier: str
) -> tuple[dict[str, Decimal], tuple[str, ...]] | None:
    """The price of each part, and what of it is not exact."""
    row, counts = table.find(provider, model, priced=True), counted.counts(usage)
    if row is None or not counts.keys() & _WHOLES:
        return None
    prices, heeded = _prices(row, at, tier, counts.get("input", 0))
    if any(counts.get(whole) and whole not in prices for whole in _WHOLES):
        return None
    apart = _apart(counts, prices)
    parts = {kind: n * prices[kind] / _unit(kind) for kind, n in apart.items() if n > 0}
    unsure = *_unsure(counts, prices, apart), *(kind for kind in row.doubts if kind in parts)
    return parts, (*dict.fromkeys(unsure), *(() if heeded else ("tier",)))


def _prices(
    row: table.Row, at: datetime | None, tier: str, tokens: int
) -> tuple[dict[str, Decimal], bool]:
    """The price of each kind, and whether the tier is heeded in it."""
    price = rates.holding(row.price, at)
    standard = rates.for_length(price.rates, tokens) if price else {}
    changed = rates.in_tier(standard, row, tier, tokens) if tier else standard
    return (standard, False) if changed is None else (changed, True)


def _unsure(
    counts: Mapping[str, int], prices: Mapping[str, Decimal], apart: Mapping[str, int]
) -> Iterator[str]:
    yield from (kind for kind, number in apart.items() if number < 0)
    yield from (whole for whole in _WHOLES if whole in prices and whole not in counts)
    yield from (kind for kind, n in counts.items() if n and kind not in (*prices, *_ALIKE))


def _apart(counts: Mapping[str, int], prices: Mapping[str, Decimal]) -> dict[str, int]:
    """How many there are of each kind that has a price, without the parts of it that have one of
    their own. Less than none: a service said more of the parts than of the whole."""
    left = {kind: number for kind, number in counts.items() if kind in prices}
    for part, wholes in _WITHIN.items():
        for whole in wholes:
            if part in left and whole in left:
                left[whole] -= max(left[part], 0)
    return left


def _unit(kind: str) -> Decimal:
    return Decimal(1) if kind in ("search", "request") else _MILLION
