"""The table of models: what a row of it says, and which copy of it is read.

One copy lies in the package (``snapshot.json``), another in the user's cache folder where
``penstock models --refresh`` has put one; the newer of the two is read, once, when it is first
asked. The rows of a provider stand in the order in which a model's name is looked for.
"""

from __future__ import annotations

import functools
import os
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from penstock.prices import names
from penstock.types import Rates

CAPABILITIES = {
    "t": "tools",
    "j": "json_schema",
    "v": "vision",
    "a": "audio",
    "f": "files",
    "r": "reasoning",
}
"""The letters that a row's ``can`` is made of."""

SEE_ALSO = {
    "azure": ("openai", "deepseek", "xai", "moonshot"),
    "azure-anthropic": ("azure", "anthropic"),
    "bedrock-openai": ("bedrock",),
    "openai-responses": ("openai",),
    "vertex": ("gemini",),
    "vertex-anthropic": ("anthropic",),
    "vertex-openai": ("vertex",),
}
"""Providers that offer the models of others at the prices of those, where they say no other."""


class Price(Struct, frozen=True, array_like=True):
    """The prices of a model from a day on (``since``), or between two times of the day in UTC
    (``hours``: minutes after midnight; the first may be the greater one). ``more``: those that few
    models have."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    more: Rates | None = None
    since: date | None = None
    hours: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, rates: Rates, since: date | None = None, hours: tuple[int, int] | None = None
    ) -> Price:
        """The prices in the form of the table."""
        more = replace(rates, **dict.fromkeys(_USUAL))
        usual = rates.input, rates.output, rates.cached_input, rates.cache_write
        return cls(*usual, more if more != Rates() else None, since, hours)

    @property
    def rates(self) -> Rates:
        """All of them in the usual form."""
        return replace(self.more or Rates(), **{kind: getattr(self, kind) for kind in _USUAL})


_USUAL = ("input", "output", "cached_input", "cache_write")


class Row(Struct, frozen=True, array_like=True):
    """One model. ``price``: of those that hold, the last one does; ``can``: letters of
    ``CAPABILITIES``; ``names``: by what other names it is asked for, see ``names``; ``tiers``: what
    a service tier changes, as a factor of every price or as prices of its own; ``old``: it may be
    asked no more."""

    id: str
    price: tuple[Price, ...] = ()
    context: int | None = None
    output: int | None = None
    can: str = ""
    names: tuple[str, ...] = ()
    tiers: dict[str, Decimal | Rates] = field(default_factory=dict)
    old: bool = False

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The words that the letters of ``can`` stand for."""
        return tuple(CAPABILITIES[letter] for letter in self.can if letter in CAPABILITIES)


class Source(Struct, frozen=True):
    """Where rows come from. ``newest``: the last day that its data speak of."""

    name: str
    url: str
    licence: str
    newest: date


class Table(Struct, frozen=True):
    """All rows by provider. ``made``: the day on which it was put together."""

    made: date
    sources: tuple[Source, ...]
    providers: dict[str, tuple[Row, ...]]


def decode(data: bytes) -> Table:
    """A table from its file. Raises ``ValueError``."""
    return msgspec.json.decode(data, type=Table)


def encode(table: Table) -> bytes:
    """A table as its file, a model a line; what a line would only say by default is left out."""
    write = msgspec.json.Encoder(decimal_format="number").encode
    head = write({"made": table.made, "sources": table.sources})[:-1]
    blocks = (
        write(name) + b":[\n" + b",\n".join(write(_line(row)) for row in rows) + b"\n]"
        for name, rows in sorted(table.providers.items())
    )
    return head + b',"providers":{\n' + b",\n".join(blocks) + b"\n}}\n"


def _line(row: Row) -> list[Any]:
    id, prices, *rest = msgspec.to_builtins(row, builtin_types=(Decimal, date))
    return _trimmed([id, [_trimmed(price) for price in prices], *rest])


def _trimmed(values: list[Any]) -> list[Any]:
    while values and (values[-1] is None or values[-1] is False or values[-1] in ("", (), {})):
        values = values[:-1]
    return values


def own_file() -> Path:
    """Where the user's copy is, or would be."""
    folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(folder).expanduser() / "penstock" / "prices.json"


@functools.cache
def table() -> Table:
    """The newer one of the package's table and the user's; read once."""
    packaged, own = packaged_table(), own_table()
    return own if own is not None and own.made >= packaged.made else packaged


def forget() -> None:
    """Read the tables anew when they are next asked: there is another."""
    table.cache_clear()
    find.cache_clear()


def packaged_table() -> Table:
    """The table that came with the package."""
    return decode(resources.files("penstock.prices").joinpath("snapshot.json").read_bytes())


def own_table() -> Table | None:
    """The user's copy; ``None`` where there is none that can be read."""
    try:
        return decode(own_file().read_bytes())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home folder
        return None


def rows(provider: str) -> tuple[Row, ...]:
    """The rows of a provider, and of those whose models it offers too."""
    held = table().providers
    return tuple(
        row for name in (provider, *SEE_ALSO.get(provider, ())) for row in held.get(name, ())
    )


@functools.lru_cache(maxsize=4096)
def find(provider: str, model: str, *, priced: bool = False) -> Row | None:
    """The row of a model, by any of its names. ``priced``: the first one that has a price."""
    candidates = [row for row in rows(provider) if row.price or not priced]
    return _find(candidates, model.lower()) or _find(candidates, names.dashed(model.lower()))


def _find(candidates: list[Row], model: str) -> Row | None:
    return next((row for row in candidates if names.fit(model, row.id, row.names)), None)
