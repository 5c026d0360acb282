"""The table, put together from public data: prices from genai-prices, the rest from models.dev.

Where only models.dev has a price, its price is taken, and where a name has moved to another model
since genai-prices looked, as ``mistral-large-latest`` has: from the day of models.dev on, its price
holds. Where the two are far apart and that of genai-prices has no date, the row says so.
Aggregators that list thousands of models with their prices themselves (OpenRouter, Vercel,
Requesty, Poe) have no rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from penstock.prices import genai, models_dev, names, offered
from penstock.prices.rates import for_length, holding
from penstock.prices.table import DOUBTS, SEE_ALSO, Price, Row, Source, Table, first

GENAI_PRICES = (
    "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/"
    "new_data/v2/data.json"
)
MODELS_DEV = "https://models.dev/api.json"


class _Names(Struct, frozen=True):
    """What a provider is called in either source; empty: not there. ``only``: the models whose name
    begins with what fits this regular expression."""

    genai: str = ""
    models_dev: str = ""
    only: str = ""


PROVIDERS = {
    "anthropic": _Names("anthropic", "anthropic"),
    "arcee": _Names("arcee"),
    "azure": _Names("azure", "azure"),
    "baseten": _Names("baseten", "baseten"),
    "bedrock": _Names("aws", "amazon-bedrock"),
    "cerebras": _Names("cerebras", "cerebras"),
    "chutes": _Names("", "chutes"),
    "cloudflare": _Names("cloudflare", "cloudflare-workers-ai"),
    "cohere": _Names("cohere", "cohere"),
    "dashscope": _Names("", "alibaba"),
    "databricks": _Names("databricks", "databricks"),
    "deepinfra": _Names("", "deepinfra"),
    "deepseek": _Names("deepseek", "deepseek"),
    "digitalocean": _Names("", "digitalocean"),
    "fireworks": _Names("fireworks", "fireworks-ai"),
    "friendli": _Names("", "friendli"),
    "gemini": _Names("google", "google", "(?!claude)"),
    "groq": _Names("groq", "groq"),
    "huggingface": _Names("", "huggingface"),
    "hyperbolic": _Names("huggingface_hyperbolic"),
    "inception": _Names("", "inception"),
    "meta": _Names("meta"),
    "minimax": _Names("minimax", "minimax"),
    "mistral": _Names("mistral", "mistral"),
    "moonshot": _Names("moonshotai", "moonshotai"),
    "morph": _Names("", "morph"),
    "nebius": _Names("", "nebius"),
    "novita": _Names("novita", "novita-ai"),
    "nscale": _Names("huggingface_nscale"),
    "nvidia": _Names("", "nvidia"),
    "ollama-cloud": _Names("", "ollama-cloud"),
    "openai": _Names("openai", "openai"),
    "ovhcloud": _Names("ovhcloud", "ovhcloud"),
    "perplexity": _Names("perplexity", "perplexity"),
    "sambanova": _Names("huggingface_sambanova"),
    "sarvam": _Names("", "sarvam"),
    "scaleway": _Names("", "scaleway"),
    "siliconflow": _Names("", "siliconflow"),
    "snowflake": _Names("", "snowflake-cortex"),
    "stepfun": _Names("", "stepfun"),
    "together": _Names("together", "togetherai"),
    "upstage": _Names("", "upstage"),
    "v0": _Names("", "v0"),
    "venice": _Names("", "venice"),
    "vertex-anthropic": _Names("google", "google-vertex-anthropic", "claude"),
    "vertex-openai": _Names("", "google-vertex", ".+/"),
    "wandb": _Names("", "wandb"),
    "xai": _Names("x-ai", "xai"),
    "zai": _Names("zai", "zai"),
}
"""Whose rows there are, by our own names."""


class Difference(Struct, frozen=True):
    """A price on which the sources differ: dollars for a million tokens."""

    model: str
    kind: str
    genai: Decimal
    models_dev: Decimal


class Built(Struct, frozen=True):
    """A table, and what a person may want to look at."""

    table: Table
    differences: tuple[Difference, ...]


def build(genai_prices: bytes, models_dev_api: bytes, today: date) -> Built:
    """The table of ``today`` from what the two sources publish. Raises ``ValueError`` where that
    is not of the form that is known."""
    prices = genai.decode(genai_prices, today)
    facts = models_dev.decode(models_dev_api, today)
    sides = {name: _sides(said, prices, facts) for name, said in PROVIDERS.items()}
    known = {offered.short(row.id) for rows in facts.rows.values() for row in rows}
    rows: dict[str, tuple[Row, ...]] = {}
    for name in sorted(sides, key=SEE_ALSO.__contains__):  # first those that others look at
        priced, described = sides[name]
        elsewhere = [row for other in SEE_ALSO.get(name, ()) for row in rows[other]]
        rows[name] = tuple(
            offered.marked(name, row, known if described and not is_told else None)
            for row, is_told in _rows(priced, described, elsewhere, today)
        )
    sources = (
        Source("genai-prices", GENAI_PRICES, "MIT, © Pydantic Services Inc.", prices.newest),
        Source("models.dev", MODELS_DEV, "MIT, © models.dev", facts.newest),
    )
    differences = tuple(
        d for name, (p, f) in sides.items() for d in _differences(name, p, f, today)
    )
    return Built(Table(today, sources, rows), differences)


def _sides(
    said: _Names, prices: genai.Prices, facts: models_dev.Facts
) -> tuple[list[Row], list[Row]]:
    """A provider's rows as either source has them."""
    both = prices.rows.get(said.genai, ()), facts.rows.get(said.models_dev, ())
    priced, described = ([row for row in rows if re.match(said.only, row.id)] for rows in both)
    return priced, [_without_mistake(said.models_dev, row) for row in described]


_MISTAKEN = frozenset((("azure", "gpt-4"),))
"""Models whose price in models.dev is another's: there it is that of gpt-4-32k."""


def _without_mistake(provider: str, row: Row) -> Row:
    return replace(row, price=()) if (provider, row.id) in _MISTAKEN else row


def _rows(
    priced: list[Row], described: list[Row], elsewhere: list[Row], today: date
) -> Iterator[tuple[Row, bool]]:
    """Rows with prices, each with what the other source says of it, then the rows of the other;
    and whether the other one has them. What other providers' rows say already is left out."""
    alike: dict[int, list[Row]] = {}
    alone: list[Row] = []
    for row in described:
        place = _place(row, priced)
        if place is not None:
            alike.setdefault(place, []).append(row)
        elif own := _beside(row, elsewhere, today):
            alone.append(own)
    for place, row in enumerate(priced):
        yield from _told(row, alike.get(place, []), today)
    yield from ((row, True) for row in sorted(alone, key=lambda row: row.id))


def _place(row: Row, among: list[Row]) -> int | None:
    model = row.id.lower()
    fits = (i for i, other in enumerate(among) if names.fit(model, other.id, other.names))
    return next(fits, None)


def _beside(row: Row, elsewhere: list[Row], today: date) -> Row | None:
    """What a provider says of a model that is another's, where it says anything else; the price
    only where it is another."""
    model = row.id.lower()
    there = first(elsewhere, model)
    if there is None:
        return _undated(row)
    has_price = _costs_otherwise(row, first((r for r in elsewhere if r.price), model), today)
    if has_price:
        return _undated(row)
    return replace(row, price=()) if _says_otherwise(row, there) else None


def _undated(row: Row) -> Row:
    return replace(row, price=tuple(replace(price, since=None) for price in row.price))


def _costs_otherwise(row: Row, there: Row | None, today: date) -> bool:
    """Whether a row has a price that is not always the other's."""
    ours, theirs = _price_on(row, today), _price_on(there, today) if there else None
    if ours is None or there is None or theirs is None:
        return ours is not None
    is_alike = (ours.input, ours.output or 0) == (theirs.input, theirs.output or 0)
    return not is_alike or any(price.hours for price in there.price)


def _says_otherwise(row: Row, other: Row) -> bool:
    """Whether a row tells other limits or capabilities."""
    said = row.context, row.output, set(row.capabilities)
    return any(said) and said != (other.context, other.output, set(other.capabilities))


MOVED = frozenset(("deepseek-chat", "deepseek-reasoner", "mistral-large-latest"))
"""Names that a vendor has moved from one model to the next, and only models.dev has followed."""


def _told(row: Row, alike: list[Row], today: date) -> Iterator[tuple[Row, bool]]:
    """A row with what is said of the model under one name, after those under whose names something
    else is said; and whether anything is."""
    doubts = {other.id: _doubts(row, other, today) for other in alike}
    apart = [o for o in alike if doubts[o.id] and (o.id in MOVED or o.id.lower() != row.id.lower())]
    rest = [other for other in alike if other not in apart]
    for other in apart:
        price = other.price if other.id in MOVED else ()
        can = other.can + doubts[other.id]
        yield replace(other, price=(*row.price, *price), tiers=row.tiers, can=can), True
    joined = _joined(row, rest)
    for other in rest:
        if other.id != joined.id and _says_otherwise(other, joined):
            yield replace(other, price=()), True
    yield replace(joined, can=joined.can + doubts.get(joined.id, "")), bool(rest)


_FAR = Decimal("0.25")


def _doubts(row: Row, other: Row, today: date) -> str:
    """The letters of ``DOUBTS`` for prices on which the sources are far apart. Prices with a date
    have been followed, and what is the price of a part is none of the whole."""
    ours, theirs = _price_on(row, today), _price_on(other, today)
    if ours is None or theirs is None or ours.since is not None:
        return ""
    said = set(for_length(ours.more, 0).values()) if ours.more else set()
    pairs = ((x, getattr(ours, kind), getattr(theirs, kind)) for x, kind in DOUBTS.items())
    return "".join(x for x, a, b in pairs if a and b and b not in said and _are_apart(a, b, _FAR))


def _are_apart(one: Decimal, other: Decimal, by: Decimal) -> bool:
    return abs(one - other) > by * max(one, other)


def _joined(row: Row, alike: list[Row]) -> Row:
    """A row with what is said of the model under its own name, else under the shortest."""
    if not alike:
        return row
    best = min(
        alike, key=lambda other: (other.id.lower() != row.id.lower(), len(other.id), other.id)
    )
    joined = replace(
        row,
        id=best.id,
        names=names.needed(best.id, (row.id.lower(), *row.names)),
        context=best.context or row.context,
        output=best.output,
        can=best.can,
    )
    return joined if row.is_listed else joined.unlisted()


_TOLERANCE = Decimal("0.01")


def _differences(
    provider: str, priced: list[Row], described: list[Row], today: date
) -> Iterator[Difference]:
    for row in described:
        place = _place(row, priced)
        ours = _price_on(priced[place], today) if place is not None else None
        theirs = _price_on(row, today)
        for kind in ("input", "output"):
            one, other = getattr(ours, kind, None), getattr(theirs, kind, None)
            if one and other and _are_apart(one, other, _TOLERANCE):
                yield Difference(f"{provider}/{row.id}", kind, one, other)


def _price_on(row: Row, day: date) -> Price | None:
    return holding(row.price, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
