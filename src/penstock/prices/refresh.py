"""The user's own copy of the table: fetched, checked, and only then put in the old one's place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from msgspec.structs import replace

from penstock.errors import ConfigError, UnexpectedAnswer
from penstock.prices import sources, table
from penstock.prices.table import Table
from penstock.transport import Request, Timeouts, Transport, origin, read

_LONGEST = 64 * 1024 * 1024
_TIMEOUTS = Timeouts(headers=30, first=30, idle=30, total=300)
_ENOUGH = 0.8
"""How much of what was known must be known still."""


async def refresh(transport: Transport, proxy: str = "", today: date | None = None) -> Table:
    """Fetch the public data, put the table together and keep it in the user's cache folder, where
    it is read from now on. ``proxy``: a URL or empty.

    A provider that has lost a fifth of its prices keeps the rows that it has here. Raises
    ``PenstockError``; ``UnexpectedAnswer`` where the data cannot be read, is older than what is
    here, or has lost that much of a fifth of the providers. The table that is here stays then.
    """
    file = table.own_file()
    prices = await fetch(transport, sources.GENAI_PRICES, proxy)
    facts = await fetch(transport, sources.MODELS_DEV, proxy)
    held = table.table()
    made = _whole(_build(prices, facts, today or datetime.now(UTC).date()), held)
    _write(made, file)
    table.forget()
    return made


async def fetch(transport: Transport, url: str, proxy: str = "") -> bytes:
    """A public file. Raises ``PenstockError``."""
    headers = {"User-Agent": "penstock", "Accept": "application/json"}
    response = await transport.send(Request("GET", url, headers, b"", proxy, _TIMEOUTS))
    try:
        if response.status != 200:
            status = response.status
            raise UnexpectedAnswer(
                f"{origin(url)} answered with status {status}; try again later", status=status
            )
        return await read(response, _LONGEST)
    finally:
        await response.close()


def _build(prices: bytes, facts: bytes, today: date) -> Table:
    with _readable():
        return sources.build(prices, facts, today).table


@contextmanager
def _readable() -> Iterator[None]:
    """Data that cannot be read, or not be written, are told as an answer that was not expected."""
    try:
        yield
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise UnexpectedAnswer(f"the price data cannot be read: {error}; try again later") from None


def _whole(made: Table, held: Table) -> Table:
    """The new table, with what it has lost. Raises ``UnexpectedAnswer`` where it is worse than the
    one that is here."""
    newest = {source.name: source.newest for source in made.sources}
    for source in held.sources:
        if newest.get(source.name, source.newest) < source.newest:
            raise UnexpectedAnswer(f"the data of {source.name} is older than what is here already")
    lost = {name: rows for name, rows in held.providers.items() if _has_lost(made, name, rows)}
    if len(lost) > len(held.providers) * (1 - _ENOUGH):
        raise UnexpectedAnswer(f"the data has lost its prices of {len(lost)} providers")
    return replace(made, providers={**made.providers, **lost})


def _has_lost(made: Table, name: str, rows: tuple[table.Row, ...]) -> bool:
    return _priced(made.providers.get(name, ())) < _priced(rows) * _ENOUGH


def _priced(rows: tuple[table.Row, ...]) -> int:
    return sum(bool(row.price) for row in rows)


def _write(made: Table, file: Path) -> None:
    """Put the file in place as a whole, once it has been read again. Raises ``ConfigError`` where
    nothing may be written, ``UnexpectedAnswer`` where that reads as something else."""
    with _readable():
        data = table.encode(made)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _aside(file) as aside:
            aside.write_bytes(data)
            _compare(made, aside.read_bytes())
            aside.chmod(0o644)
            aside.replace(file)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}; set XDG_CACHE_HOME"
        ) from None


@contextmanager
def _aside(file: Path) -> Iterator[Path]:
    """A new file beside that one, of which nothing is left afterwards."""
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _compare(made: Table, written: bytes) -> None:
    with _readable():
        if table.decode(written) != made:
            raise ValueError("what was written is not what it says")
