"""The bytes of one file, over as many connections as it takes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias, TypeVar

from penstock.errors import (
    CertificateRejected,
    ConnectionFailed,
    PenstockError,
    RateLimited,
    StreamError,
    StreamTruncated,
    Timeout,
    Unavailable,
    UnexpectedAnswer,
)
from penstock.hub.hashing import catch_up, in_thread
from penstock.hub.part import Part
from penstock.hub.progress import Loading, Report, Waiting
from penstock.hub.remote import Hub
from penstock.transport import Response

T = TypeVar("T")
Pause: TypeAlias = Callable[[float], Awaitable[None]]

_TRIES = 6
_QUESTIONS = 3
_LONGEST = 60.0
_PASSING = (ConnectionFailed, RateLimited, StreamError, Timeout, Unavailable)
_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)")


async def complete(
    part: Part, hub: Hub, repo: str, commit: str, report: Report, pause: Pause
) -> None:
    """Fetch what ``part`` lacks. Raises ``PenstockError``; what came is kept.

    Six connections in a row that bring nothing new, and it is given up.
    """
    await catch_up(part.hash, part.held(), part.read_on, part.file.size, report)
    tries = _Tries(_TRIES, report, pause)
    furthest = part.hashed
    while not part.is_whole():
        report(Loading(part.hashed, part.file.size))
        try:
            async with hub.file(repo, commit, part.file.name, part.hashed) as response:
                await _take(response, part, report)
        except PenstockError as error:
            if part.hashed > furthest:
                tries.begin_anew()
            furthest = max(furthest, part.hashed)
            await tries.wait_after(error, _how_to_go_on(part))


async def ask(question: Callable[[], Awaitable[T]], report: Report, pause: Pause) -> T:
    """The answer to a question that may be put three times: somebody waits, and nothing of a file
    is at stake yet. Raises ``PenstockError``."""
    tries = _Tries(_QUESTIONS, report, pause)
    while True:
        try:
            return await question()
        except PenstockError as error:
            await tries.wait_after(error, "")


class _Tries:
    """How often it failed in a row, and how long to wait: 1, 2, 4, 8, 16 s, or as was said."""

    def __init__(self, most: int, report: Report, pause: Pause) -> None:
        self._most, self._report, self._pause = most, report, pause
        self._failed = 0

    def begin_anew(self) -> None:
        self._failed = 0

    async def wait_after(self, error: PenstockError, advice: str) -> None:
        """Raises ``error`` where waiting does not help, or did not so far."""
        self._failed += 1
        is_passing = isinstance(error, _PASSING) and not isinstance(error, CertificateRejected)
        if not is_passing:
            raise error
        if self._failed >= self._most:
            error.message += advice
            error.args = (error.message,)
            raise error
        seconds = min(max(2.0 ** (self._failed - 1), error.retry_after or 0), _LONGEST)
        self._report(Waiting(error.message, seconds))
        await self._pause(seconds)


def _how_to_go_on(part: Part) -> str:
    if not part.hashed:
        return ""
    percent = part.hashed * 100 // part.file.size
    return f"; {percent} % came and is kept: run the same command again to go on from there"


async def _take(response: Response, part: Part, report: Report) -> None:
    """Add what one answer brings. Raises ``StreamTruncated`` where it ends too early."""
    if not _goes_on(response, part):
        part.restart()
    if response.status == 416:
        return
    size = part.file.size
    async with aclosing(response.chunks()) as chunks:
        async for chunk in chunks:
            if part.hashed + len(chunk) > size:
                raise _other_file(part)
            await in_thread(part.append, chunk)
            report(Loading(part.hashed, size))
    if not part.is_whole():
        raise StreamTruncated("the connection ended before the file did")


def _goes_on(response: Response, part: Part) -> bool:
    """Whether the answer begins where ``part`` ends; if not, it is all of the file, or nothing
    (416) because ``part`` is further than the service. Raises ``UnexpectedAnswer`` where the
    answer belongs to another file."""
    size = part.file.size
    if response.headers.get("content-type", "").startswith("text/html"):
        raise _other_file(part)
    if response.status == 206:
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if not found or int(found[1]) != part.hashed or found[2] not in ("*", str(size)):
            raise _other_file(part)
        return True
    if response.status == 416:
        if not part.hashed:
            raise _other_file(part)
        return False
    if response.headers.get("content-length", str(size)) != str(size):
        raise _other_file(part)
    return not part.hashed


def _other_file(part: Part) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"what answers has another file than the {part.file.name} that was asked for; check "
        "HF_ENDPOINT and the network, or try again later"
    )
