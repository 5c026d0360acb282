"""One model, from its name to its place in the store."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from io import BufferedReader
from pathlib import Path

from penstock.errors import UnexpectedAnswer
from penstock.hub import disk, download, listing, names, store
from penstock.hub.download import Pause, in_thread
from penstock.hub.listing import File
from penstock.hub.lock import alone_with
from penstock.hub.part import Part
from penstock.hub.progress import Checking, Report, say_nothing
from penstock.hub.remote import Hub
from penstock.hub.store import Pulled

_BLOCK = 2**20
_STRETCH = 2**25


async def pull(
    name: str, hub: Hub, report: Report = say_nothing, pause: Pause = asyncio.sleep
) -> Pulled:
    """Fetch the model that ``name`` means, as the hub's main branch has it now, and check it.

    Goes on from where an earlier call was broken off; fetches nothing where the right file is
    there. Whatever else happens, the store never has a file that is not whole and right. Raises
    ``UnknownModel`` or ``InvalidRequest`` for a wrong name, ``Unauthorized`` where a licence or a
    token is missing, ``ConfigError`` where the disk is full, ``CallerError`` where the same file is
    being pulled already, ``UnexpectedAnswer`` where its SHA-256 is not the hub's, and else
    ``ServiceError``.
    """
    wanted = names.parse(name)
    listed = await download.ask(partial(hub.listing, wanted.repo), report, pause)
    file = listing.choose(listed.files, wanted)
    path = store.place(wanted.repo, file.name)
    disk.make_room(path.parent, 0)
    with alone_with(path):
        if not await _is_there(path, file, report):
            with Part(path, file) as part:
                disk.make_room(path.parent, file.size - part.held())
                await download.complete(part, hub, wanted.repo, listed.commit, report, pause)
                await _finish(part)
        return store.keep(wanted, file, listed.commit, path)


async def _is_there(path: Path, file: File, report: Report) -> bool:
    """Whether the very file is in its place, by its SHA-256."""
    if not _has_size(path, file.size):
        return False
    try:
        with path.open("rb") as source:
            return await _sha256(source, file.size, report) == file.sha256
    except OSError as error:
        raise disk.failure(error, path.parent) from None


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


async def _sha256(source: BufferedReader, size: int, report: Report) -> str:
    digest, done = hashlib.sha256(), 0
    while stretch := await in_thread(_hash_on, digest, source):
        done += stretch
        report(Checking(done, size))
    return digest.hexdigest()


def _hash_on(digest: hashlib._Hash, source: BufferedReader) -> int:
    """Hash the next stretch, which is short enough to be waited for; its length."""
    done = 0
    while done < _STRETCH and (block := source.read(_BLOCK)):
        digest.update(block)
        done += len(block)
    return done


async def _finish(part: Part) -> None:
    if part.is_right():
        await in_thread(part.finish)
        return
    part.delete()
    raise UnexpectedAnswer(
        f"{part.file.name} is refused and deleted: its SHA-256 is not the one that the hub tells; "
        "run the same command again, and if it is refused again, tell its publisher"
    )
