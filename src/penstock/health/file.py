"""What outlives the process: the results, in a small file of the user's that programs share.

It holds names, times and classes of errors, and nothing that was said. Whatever is wrong with it is
told once, as a warning, and stops nobody: it is not worth a call. What cannot be read is not ours,
and is never written over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.errors import CallerError, ConfigError
from penstock.health import here
from penstock.health.results import Result
from penstock.health.store import Store
from penstock.hub import disk
from penstock.hub.lock import alone_with

logger = logging.getLogger("penstock.health")

KEPT = 86400.0
"""Seconds after which a result is left out of the file."""
_MOST = 64 * 1024 * 1024
"""Bytes of a file that is read: all that a store can hold is half of that."""
_OFF = ("", "off")
_TRIES, _BETWEEN = 100, 0.01
"""How often another process that is writing is waited for, and for how many seconds."""

_WRONG = (OSError, ValueError)
"""What reading and writing raise; msgspec's errors are ValueErrors."""

_warned: set[Path] = set()


class _Entry(Struct, frozen=True):
    provider: str
    model: str
    results: tuple[Result, ...]


class _Content(Struct, frozen=True):
    version: int
    models: tuple[_Entry, ...]


_VERSION = 1
_decoder = msgspec.json.Decoder(_Content)


def path() -> Path | None:
    """``PENSTOCK_STATUS``, else ``penstock/status.json`` in the user's state folder; ``None`` where
    that says ``off``, or is empty."""
    said = os.environ.get("PENSTOCK_STATUS")
    if said is not None:
        return None if said in _OFF else Path(said).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "penstock" / "status.json"


def load(store: Store = here) -> None:
    """Take what the file says. Raises nothing."""
    target = path()
    if target is not None:
        _is_read(store, target)


def save(store: Store = here) -> None:
    """Write what is known, with what other processes have written meanwhile. Raises nothing; waits
    for a second at most."""
    target = path()
    if target is None or not any(store.items()):
        return
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _alone(store, target)
    except _WRONG as error:
        _warn(target, "written", error)


@contextmanager
def kept() -> Iterator[None]:
    """What the calls of the block come to is saved, however it ends."""
    try:
        yield
    finally:
        save()


@asynccontextmanager
async def kept_up(every: float = 60.0) -> AsyncIterator[None]:
    """The file is read now, and written every so many seconds and at the end; for programs that
    stay. A disk that is slow keeps nobody waiting."""
    await asyncio.to_thread(load)
    keeping = asyncio.create_task(_save_again(every))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(save)


async def _save_again(every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(save)


def _alone(store: Store, target: Path) -> None:
    """Write while nobody else does; where somebody does for long, the next time will do."""
    for _ in range(_TRIES):
        try:
            with alone_with(target):
                if _is_read(store, target):
                    _write(store, target)
            return
        except ConfigError as error:
            raise OSError(None, "no lock can be made beside it") from error
        except CallerError:
            time.sleep(_BETWEEN)


def _is_read(store: Store, target: Path) -> bool:
    """Take what the file says. Whether there is none, or it is one of ours."""
    try:
        _load(store, target)
    except _WRONG as error:
        _warn(target, "read", error)
        return False
    return True


def _load(store: Store, target: Path) -> None:
    try:
        found = target.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_size > _MOST:
        raise ValueError("it is too large")
    if found.st_size:
        _take(store, _decoder.decode(target.read_bytes()))


def _take(store: Store, content: _Content) -> None:
    if content.version != _VERSION:
        raise ValueError(f"it is of version {content.version}")
    store.merge(_store_of(content, store), oldest=store.clock() - KEPT)


def _store_of(content: _Content, like: Store) -> Store:
    store = Store(like.rules, like.clock)
    for entry in content.models:
        store.add(entry.provider, entry.model, *entry.results)
    return store


def _write(store: Store, target: Path) -> None:
    oldest = store.clock() - KEPT
    models = [
        _Entry(provider, model, fresh)
        for (provider, model), tried in sorted(store.items(), key=lambda item: item[0])
        if (fresh := tuple(one for kept in tried.values() for one in kept if one.at >= oldest))
    ]
    aside = target.with_name(f"{target.name}.new")
    aside.unlink(missing_ok=True)
    try:
        with open(aside, "wb", opener=partial(disk.itself, mode=0o600)) as new:
            new.write(msgspec.json.encode(_Content(_VERSION, tuple(models))))
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _warn(target: Path, done: str, error: Exception) -> None:
    """What goes wrong is told once in a process."""
    if target in _warned:
        return
    _warned.add(target)
    why = error.strerror if isinstance(error, OSError) else str(error)
    logger.warning(
        "%s cannot be %s (%s), and stays as it is; what is measured is not remembered: move it "
        "away, or set PENSTOCK_STATUS to another file, or to off",
        target,
        done,
        (why or "it failed").lower(),
    )
