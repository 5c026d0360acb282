"""One model, from its name to its place in the store."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from penstock.errors import UnexpectedAnswer
from penstock.hub import disk, download, listing, names, store
from penstock.hub.download import Pause
from penstock.hub.hashing import Hash, catch_up, in_thread
from penstock.hub.listing import File
from penstock.hub.lock import alone_with
from penstock.hub.part import Part
from penstock.hub.progress import Report, say_nothing
from penstock.hub.remote import Hub
from penstock.hub.store import Pulled


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
    hashed = Hash()
    try:
        with path.open("rb") as source:
            read_on = partial(hashed.read_on, source)
            await catch_up(hashed, file.size, read_on, file.size, report)
    except OSError as error:
        raise disk.failure(error, path.parent) from None
    return hashed.is_of(file)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


async def _finish(part: Part) -> None:
    if part.is_right():
        await in_thread(part.finish)
        return
    part.delete()
    raise UnexpectedAnswer(
        f"{part.file.name} is refused and deleted: its SHA-256 is not the one that the hub tells; "
        "run the same command again, and if it is refused again, tell its publisher"
    )
