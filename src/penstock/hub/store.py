"""The models that were pulled, in a folder of the user's: ``owner/repo/file.gguf`` each, and a
manifest beside it, ``file.gguf.json``, that says what it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.errors import InvalidRequest, UnknownModel
from penstock.hub import disk, names
from penstock.hub.listing import File
from penstock.hub.lock import alone_with
from penstock.hub.names import Wanted
from penstock.hub.part import parts_of, target_of

_MANIFEST = ".json"


class Manifest(Struct, frozen=True, kw_only=True):
    """What was pulled: the ``name`` it was asked for by, the hub's ``repo`` and ``file`` at the
    commit ``revision``, ``size`` in bytes, and ``when``."""

    name: str
    repo: str
    file: str
    revision: str
    size: int
    sha256: str
    when: datetime


class Pulled(Manifest, frozen=True, kw_only=True):
    """A model that is here, whole, at ``path``."""

    path: Path


class Unfinished(Struct, frozen=True, kw_only=True):
    """What a pull left that was broken off: ``size`` bytes so far, in the file ``path``. Pulling
    ``name`` again goes on from there."""

    name: str
    size: int
    when: datetime
    path: Path


def folder() -> Path:
    """Where models are kept: ``PENSTOCK_MODELS``, else ``penstock/models`` in the user's data
    folder."""
    if said := os.environ.get("PENSTOCK_MODELS"):
        return Path(said).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "penstock" / "models"


def installed() -> list[Pulled]:
    """Every model that is here, the last pulled first. What is not whole is not here."""
    return sorted(_installed(), key=lambda pulled: pulled.when, reverse=True)


def _installed() -> Iterator[Pulled]:
    for manifest in folder().glob(f"*/*/**/*{_MANIFEST}"):
        path = manifest.with_name(manifest.name.removesuffix(_MANIFEST))
        try:
            said = msgspec.json.decode(manifest.read_bytes(), type=Manifest)
            if path.stat().st_size == said.size and said.when.tzinfo is not None:
                yield Pulled(**msgspec.structs.asdict(said), path=path)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue


def default() -> Pulled | None:
    """The model that was pulled last."""
    return next(iter(installed()), None)


def find(name: str) -> Path | None:
    """The file of a pulled model, by any of the names that ``pull`` takes for it; ``None`` where
    it is not here, or where ``name`` is no model's name."""
    found = _named(name)
    return found.path if found else None


def _named(name: str) -> Pulled | None:
    try:
        wanted = names.parse(name)
    except InvalidRequest:
        return None
    here = installed()
    named = [pulled for pulled in here if pulled.name == wanted.name]
    fitting = [pulled for pulled in here if wanted.fits(pulled.repo, pulled.file)]
    return next(iter(named + fitting), None)


def place(repo: str, file: str) -> Path:
    """Where a file belongs. Raises ``InvalidRequest`` for a name that leads elsewhere."""
    path = f"{repo}/{file}"
    if not names.is_safe(path):
        raise InvalidRequest(f"{path!r} is no name of a file here", param="model")
    return folder() / path


def keep(wanted: Wanted, file: File, revision: str, path: Path) -> Pulled:
    """Note that ``file`` is whole at ``path``: it is the one pulled last. Raises ``ConfigError``
    where the note cannot be written."""
    pulled = Pulled(
        name=wanted.name,
        repo=wanted.repo,
        file=file.name,
        revision=revision,
        size=file.size,
        sha256=file.sha256,
        when=datetime.now(UTC),
        path=path,
    )
    said = {name: getattr(pulled, name) for name in Manifest.__struct_fields__}
    aside = path.with_name(f"{path.name}{_MANIFEST}.new")
    try:
        with open(aside, "wb", opener=disk.itself) as manifest:
            manifest.write(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
        aside.replace(_manifest_of(path))
    except OSError as error:
        raise disk.failure(error, path.parent) from None
    return pulled


def _manifest_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{_MANIFEST}")


def unfinished() -> list[Unfinished]:
    """Every model whose pull was broken off, or is going on, the last one first."""
    return sorted(_unfinished(), key=lambda begun: begun.when, reverse=True)


def _unfinished() -> Iterator[Unfinished]:
    for part in folder().glob("*/*/**/*.part"):
        target = target_of(part)
        if target is None:
            continue
        try:
            wanted, said = names.parse(target.relative_to(folder()).as_posix()), part.stat()
        except (OSError, InvalidRequest):  # it has just become whole; no pull has put it here
            continue
        when = datetime.fromtimestamp(said.st_mtime, UTC)
        yield Unfinished(name=wanted.name, size=said.st_size, when=when, path=part)


def remove(name: str) -> list[Path]:
    """Delete a model, or what came of it before its pull was broken off; what was deleted.

    Raises ``UnknownModel`` where there is neither, ``CallerError`` while it is being pulled.
    """
    found = _named(name)
    targets = [found.path] if found else _begun(name)
    if not targets:
        raise UnknownModel(f"{name!r} is not here; {_what_is_here()}", param="model")
    return [path for target in targets for path in _delete(target)]


def _what_is_here() -> str:
    whole, begun = (pulled.name for pulled in installed()), (part.name for part in unfinished())
    here = ", ".join(dict.fromkeys([*whole, *begun]))
    return f"there is {here}" if here else "nothing was pulled"


def _begun(name: str) -> list[Path]:
    """The files of which there is a part only."""
    try:
        wanted = names.parse(name)
    except InvalidRequest:
        return []
    home = folder() / wanted.repo
    targets = {target_of(part) for part in home.rglob("*.part")} - {None}
    return [t for t in targets if t and wanted.fits(wanted.repo, t.relative_to(home).as_posix())]


def _delete(target: Path) -> list[Path]:
    gone = [path for path in (target, *parts_of(target)) if path.exists()]
    try:
        with alone_with(target):
            for path in (_manifest_of(target), *gone):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise disk.failure(error, target.parent) from None
    with suppress(OSError):  # other files are in there
        for parent in target.relative_to(folder()).parents[:-1]:
            (folder() / parent).rmdir()
    return gone
