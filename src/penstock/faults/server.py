"""The service: sockets, and which script is played to whom.

async with serve() as server:                   # the model's name says the fault
    OpenAICompatible(base_url=f"{server.url}/v1") ...

async with serve("cut-40", "ok") as server:     # the first question, and those after it
    ...
    await server.connections[0].gone()          # how the caller left, once it has
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import ConfigError, InvalidRequest
from penstock.faults import answers, listing, paths, questions, statuses
from penstock.faults.answers import Answer
from penstock.faults.choice import PACE, Choice, choose
from penstock.faults.connection import Connection
from penstock.faults.endings import well
from penstock.faults.reading import MAX_BODY, Request
from penstock.faults.script import Script
from penstock.faults.table import FAULTS
from penstock.types import ChatRequest

logger = logging.getLogger("penstock.faults")

MAX_CONNECTIONS = 1024
"""At once; who comes after them is sent away."""
_ROOM = 4 * MAX_BODY
"""Bytes of questions that may be held at once."""
_COUNTED = 4096
"""Models whose questions are counted; those that were asked for longest ago are forgotten."""
_NAMED = 100
"""Characters of a model's name that are remembered."""

Play: TypeAlias = str | Script | Callable[[Answer], Script]
"""What is done with a question: a fault by its name (``cut-40``), a script, or what makes one."""


class _Asked(Struct):
    """How often a model was asked, and when first."""

    first: float
    times: int = 0


class Server:
    """A service that fails on purpose, while ``serve`` holds it open.

    ``url``: its address, as ``http://127.0.0.1:8401``; ``connections``: all there were, in their
    order, where they are kept.
    """

    def __init__(self, plays: tuple[Play, ...], pace: float, keep: bool) -> None:
        self.url = ""
        self.port = 0
        self.connections: list[Connection] = []
        self.keep = keep
        self._pace = pace
        self._plays: list[Play] = []
        self._open: set[Connection] = set()
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self.follow(*plays)

    def follow(self, *plays: Play) -> None:
        """Go on with these: each question takes the next, the last is for all that follow. None
        at all: the model's name says the fault. Raises ``ValueError`` for a name nobody has."""
        for play in plays:
            if isinstance(play, str) and choose(play) is None:
                raise ValueError(f"no fault {play!r}; there are {', '.join(FAULTS)}")
        self._plays = list(plays)

    @property
    def requests(self) -> list[Request]:
        """All that was asked, connection by connection."""
        return [request for each in self.connections for request in each.requests]

    # What connections ask of it.

    async def answer(self, request: Request) -> Script:
        """What is played to a request."""
        place = paths.find(request.method, request.target, request.headers)
        if place is None:
            return listing.elsewhere(request)
        if place.lists:
            return [listing.models(place.protocol)]
        try:
            question = await questions.read(place, request)
        except InvalidRequest as error:
            told = statuses.error(place.protocol, 400, error.message)
            return [statuses.failed(place.protocol, told)]
        name, script = self._chosen(place, question)
        kind = "stream" if question.stream else "whole"
        logger.info("%s %s: %s, %s", request.method, request.path, name, kind)
        return script

    def opened(self, connection: Connection) -> bool:
        """There is one more connection; whether there may be."""
        if len(self._open) >= MAX_CONNECTIONS:
            return False
        self._open.add(connection)
        if self.keep:
            self.connections.append(connection)
        return True

    def closed(self, connection: Connection) -> None:
        """There is one less."""
        if connection in self._open:
            self._open.discard(connection)
            how = connection.left.how if connection.left else "nothing"
            logger.info("connection over: %s from the caller, %d bytes", how, connection.sent)

    def has_room(self) -> bool:
        """Whether the questions that are held together are not too much."""
        return sum(connection.waiting for connection in self._open) <= _ROOM

    # What is played.

    def _chosen(self, place: paths.Place, question: ChatRequest) -> tuple[str, Script]:
        """The fault's name, for the log, and the script."""
        play = self._next_play() if self._plays else place.fault or question.model
        name = play if isinstance(play, str) else "a script"
        asked = self._count(name[:_NAMED])
        answer = replace(
            answers.make(place.protocol, question),
            pace=self._pace,
            attempt=asked.times,
            since=time.monotonic() - asked.first,
        )
        if not isinstance(play, str):
            return name, play(answer) if callable(play) else play
        choice = choose(play)
        if choice is None and not place.any_model:
            return repr(name[:_NAMED]), [listing.unknown(place.protocol, name)]
        return name, _script(choice, answer)

    def _next_play(self) -> Play:
        return self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]

    def _count(self, name: str) -> _Asked:
        asked = self._asked.setdefault(name, _Asked(time.monotonic()))
        self._asked.move_to_end(name)
        asked.times += 1
        if len(self._asked) > _COUNTED:
            self._asked.popitem(last=False)
        return asked

    async def stop(self) -> None:
        """End every connection."""
        while self._open:
            for connection in list(self._open):
                connection.abort()
            await asyncio.sleep(0)


def _script(choice: Choice | None, answer: Answer) -> Script:
    if choice is None or (choice.once and answer.attempt > 1):
        return well(answer)
    if choice.pace is not None:
        answer = replace(answer, pace=choice.pace)
    script = choice.fault.script(answer, *choice.numbers)
    return well(answer) if script is None else script


@asynccontextmanager
async def serve(
    *plays: Play,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    pace: float = PACE,
    keep: bool = True,
) -> AsyncGenerator[Server]:
    """Serve inside the block. ``plays``: see ``Server.follow``; ``port`` 0: any free one;
    ``pace``: seconds between two tokens; ``keep``: connections and requests stay to be looked at.

    Raises ``ConfigError`` where it cannot listen.
    """
    server = Server(plays, pace, keep)
    listener = await _listen(lambda: Connection(server), host, port, tls)
    async with listener:
        server.port = listener.sockets[0].getsockname()[1]
        server.url = f"{'https' if tls else 'http'}://{host}:{server.port}"
        try:
            yield server
        finally:
            listener.close()
            await server.stop()


async def _listen(
    made: Callable[[], Connection], host: str, port: int, tls: ssl.SSLContext | None
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(made, host, port, ssl=tls)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else "it cannot be used"
        raise ConfigError(f"{host}:{port}: {reason}; choose another --port") from None
