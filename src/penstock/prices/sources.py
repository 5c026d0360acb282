"""The table, put together from public data: prices from genai-prices, the rest from models.dev.

Where only models.dev has a price, its price is taken. Aggregators that list thousands of models
with their prices themselves (OpenRouter, Vercel, Requesty, Poe) have no rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from penstock.prices import genai, models_dev, names
from penstock.prices.rates import holding
from penstock.prices.table import SEE_ALSO, Price, Row, Source, Table

GENAI_PRICES = (
    "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/"
    "new_data/v2/data.json"
)
MODELS_DEV = "https://models.dev/api.json"


class _Names(Struct, frozen=True):
    """What a provider is called in either source; empty: not there. ``prefix``: only the models
    whose name begins so; with ``!`` in front, only the others."""

    genai: str = ""
    models_dev: str = ""
    prefix: str = ""


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
    "gemini": _Names("google", "google", "!claude"),
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
    "vertex": _Names("", "google-vertex"),
    "vertex-anthropic": _Names("google", "google-vertex-anthropic", "claude"),
    "voyage": _Names("voyageai"),
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
    rows = {
        name: tuple(
            _rows(priced, described, [r for o in SEE_ALSO.get(name, ()) for r in sides[o][0]])
        )
        for name, (priced, described) in sides.items()
    }
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
    return (
        [row for row in prices.rows.get(said.genai, ()) if _is_of(row, said.prefix)],
        list(facts.rows.get(said.models_dev, ())),
    )


def _is_of(row: Row, prefix: str) -> bool:
    wanted = prefix.removeprefix("!")
    return row.id.startswith(wanted) is not prefix.startswith("!")


def _rows(priced: list[Row], described: list[Row], elsewhere: list[Row]) -> Iterator[Row]:
    """Rows with prices, each with what the other source says of it, then the rows of the other."""
    alike: dict[int, list[Row]] = {}
    alone: list[Row] = []
    for row in described:
        place = _place(row, priced)
        if place is not None:
            alike.setdefault(place, []).append(row)
        elif _place(row, elsewhere) is None:
            alone.append(row)
    for place, row in enumerate(priced):
        yield _joined(row, alike.get(place, []))
    yield from sorted(alone, key=lambda row: row.id)


def _place(row: Row, among: list[Row]) -> int | None:
    model = row.id.lower()
    fits = (i for i, other in enumerate(among) if names.fit(model, other.id, other.names))
    return next(fits, None)


def _joined(row: Row, alike: list[Row]) -> Row:
    """A row with what is said of the model under its own name, else under the shortest."""
    if not alike:
        return row
    best = min(
        alike, key=lambda other: (other.id.lower() != row.id.lower(), len(other.id), other.id)
    )
    return replace(
        row,
        id=best.id,
        names=names.needed(best.id, (row.id.lower(), *row.names)),
        context=best.context or row.context,
        output=best.output,
        can=best.can,
        old=best.old or row.old,
    )


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
            if one and other and abs(one - other) > _TOLERANCE * max(one, other):
                yield Difference(f"{provider}/{row.id}", kind, one, other)


def _price_on(row: Row, day: date) -> Price | None:
    return holding(row.price, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
