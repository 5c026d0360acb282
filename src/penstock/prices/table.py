"""The table of models: what a row of it says, and which copy of it is read.

One copy lies in the package (``snapshot.json``), another in the user's cache folder where
``penstock models --refresh`` has put one; the newer of the two is read, once, when it is first
asked. The rows of a provider stand in the order in which a model's name is looked for.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from penstock.errors import ConfigError
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

DOUBTS = {"i": "input", "o": "output"}
"""The letters of prices on which the sources are far apart."""

_UNLISTED = "x"
"""The letter of a row that is priced, but is no model to chat with now."""

SEE_ALSO = {
    "azure": ("openai", "deepseek", "xai", "moonshot"),
    "azure-anthropic": ("azure", "anthropic"),
    "bedrock-openai": ("bedrock",),
    "openai-responses": ("openai",),
    "vertex": ("gemini",),
    "vertex-anthropic": ("anthropic",),
}
"""Providers that offer the models of others at the prices of those, where they say no other."""


_BY_PATH = {
    "gemini": "gemini",
    "vertex": "vertex",
    "vertex-anthropic": "vertex-anthropic",
    "vertex-openai": "gemini",
}
"""Google's services, which take a model's name with a path before it, and whose it is then."""


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
    ``CAPABILITIES`` and ``DOUBTS``, and ``x`` where it is not to be listed; ``names``: by what
    other names it is asked for, see ``names``; ``tiers``: what a service tier changes, as a factor
    of every price or as prices of its own."""

    id: str
    price: tuple[Price, ...] = ()
    context: int | None = None
    output: int | None = None
    can: str = ""
    names: tuple[str, ...] = ()
    tiers: dict[str, Decimal | Rates] = field(default_factory=dict)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The words that the letters of ``can`` stand for."""
        return tuple(CAPABILITIES[letter] for letter in self.can if letter in CAPABILITIES)

    @property
    def doubts(self) -> tuple[str, ...]:
        """The kinds whose prices may be others."""
        return tuple(kind for letter, kind in DOUBTS.items() if letter in self.can)

    @property
    def is_listed(self) -> bool:
        """Whether it may be a model to chat with now; of others there are prices alone."""
        return _UNLISTED not in self.can

    def unlisted(self) -> Row:
        """The row as one that is not to be listed."""
        return replace(self, can=self.can + _UNLISTED) if self.is_listed else self


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
    """Where the user's copy is, or would be. Raises ``ConfigError`` where there is no home."""
    folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(folder).expanduser() / "penstock" / "prices.json"
    except RuntimeError:
        raise ConfigError("there is no home folder; set XDG_CACHE_HOME to a folder") from None


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
    except (OSError, ValueError, ConfigError):
        return None


def rows(provider: str) -> tuple[Row, ...]:
    """The rows of a provider, and of those whose models it offers too."""
    return tuple(row for name in (provider, *SEE_ALSO.get(provider, ())) for row in own_rows(name))


def own_rows(provider: str) -> tuple[Row, ...]:
    """The rows of a provider alone."""
    return table().providers.get(provider, ())


@functools.lru_cache(maxsize=4096)
def find(provider: str, model: str, *, priced: bool = False) -> Row | None:
    """The row of a model, by any of its names. ``priced``: the first one that has a price."""
    name = model.lower()
    asked = [(provider, name), (provider, names.dashed(name))]
    if provider in _BY_PATH:
        asked.append((_BY_PATH[provider], names.bare(name)))
    found = (first((row for row in rows(p) if row.price or not priced), n) for p, n in asked)
    return next((row for row in found if row), None)


def first(candidates: Iterable[Row], model: str) -> Row | None:
    """The first row of a model, in small letters: one that has its very name, else one with a
    pattern that fits."""
    fitting = [row for row in candidates if names.fit(model, row.id, row.names)]
    named = (row for row in fitting if model == row.id.lower() or model in row.names)
    return next(named, None) or next(iter(fitting), None)
