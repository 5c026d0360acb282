"""The matrix fault × protocol × {stream, whole}: what a call ends with, and what it leaves behind.

A cell is one real question over a real socket to a service that fails in that one way. It is right
if it ends as the table of expected.py says, and

    what came before the failure was heard, all of it and nothing else
    there is no ``Finish`` where there is a failure, and one, the last event, where there is none
    the call has one outcome, told and logged once, that says the same
    the service has seen the end of each connection that was not answered well
    no task is left, and no secret is in anything that was said
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Literal, Self, TypeAlias

from msgspec import Struct

from faults.expected import EXPECTED, expected
from penstock import outcomes
from penstock.errors import PenstockError
from penstock.events import Event, Finish, Start, TextDelta
from penstock.faults import WORDS, Server, serve
from penstock.http_provider import HTTPProvider
from penstock.outcomes import Outcome
from penstock.providers.anthropic import Anthropic
from penstock.providers.aura import Aura
from penstock.providers.bedrock import Bedrock
from penstock.providers.cohere import Cohere
from penstock.providers.gemini import Gemini
from penstock.providers.ollama import Ollama
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.providers.openai_responses import OpenAIResponses
from penstock.transport import Timeouts, sessions
from penstock.types import ChatRequest, Message, TextPart

CANARY = "canary-key-0123456789"
LIMITS = Timeouts(connect=5, headers=0.6, first=0.6, idle=0.6, progress=0.6, total=4)
"""Seconds; a service that is well answers within hundredths of them."""

PROTOCOLS: Mapping[str, tuple[type[HTTPProvider], str]] = {
    "openai_chat": (OpenAICompatible, "/v1"),
    "openai_responses": (OpenAIResponses, "/v1"),
    "anthropic_messages": (Anthropic, ""),
    "gemini_generate": (Gemini, "/v1beta"),
    "ollama_chat": (Ollama, ""),
    "cohere_v2_chat": (Cohere, ""),
    "bedrock_converse": (Bedrock, ""),
    "chatbot_ui": (Aura, "/as/{fault}/aura"),
}
_UNENDED = ("silent", "headers", "slow", "stall", "pings", "drip", "endless", "hints")
"""Faults whose connection the client alone can end."""

_AT_ONCE = 8

Mode: TypeAlias = Literal["stream", "whole"]
MODES: tuple[Mode, ...] = ("stream", "whole")


class Seen(Struct):
    """What a cell showed. ``end``: ``complete``, or the class of the error; ``wrong``: what is not
    as it should be, empty in a cell that is right."""

    end: str
    message: str = ""
    words: int = 0
    wrong: tuple[str, ...] = ()
    took: float = 0.0


class _Lines(logging.Handler):
    """What is logged, by the cell that logged it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: dict[str, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines[outcomes.probing.get()].append(record.getMessage())


class Heard:
    """What is told and logged of the calls of each cell, inside the block."""

    def __init__(self) -> None:
        self.told: dict[str, list[Outcome]] = defaultdict(list)
        self._handler = _Lines()
        self.lines = self._handler.lines

    def __enter__(self) -> Self:
        logger = logging.getLogger("penstock.outcomes")
        self._before = logger.level
        logger.addHandler(self._handler)
        logger.setLevel(logging.DEBUG)
        self._stop = outcomes.observe(lambda outcome: self.told[outcome.probe].append(outcome))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        logger = logging.getLogger("penstock.outcomes")
        logger.removeHandler(self._handler)
        logger.setLevel(self._before)


def _provider(name: str, url: str, fault: str) -> HTTPProvider:
    cls, path = PROTOCOLS[name]
    limits = expected(fault, name).limits or LIMITS
    return cls(base_url=url + path.format(fault=fault), api_key=CANARY, timeouts=limits)


def _question(fault: str, mode: Mode) -> ChatRequest:
    message = Message("user", (TextPart("Count to sixty."),))
    return ChatRequest(model=fault, messages=(message,), stream=mode == "stream")


Row: TypeAlias = Mapping[tuple[str, Mode], Seen]


async def row(fault: str) -> Row:
    """Every protocol, streamed and whole, several at a time; then what they left behind."""
    before, room = asyncio.all_tasks(), asyncio.Semaphore(_AT_ONCE)
    cells = list(product(PROTOCOLS, MODES))

    async def run(protocol: str, mode: Mode) -> Seen:
        async with room:
            return await cell(fault, protocol, mode, heard)

    with Heard() as heard:
        seen = await asyncio.gather(*(run(protocol, mode) for protocol, mode in cells))
    left = [f"a task is left: {task}" for task in asyncio.all_tasks() - before]
    left += [f"a connection is held: {place}" for place in sessions.alive if _is_held(place)]
    for each in seen:
        each.wrong += tuple(left)
    return dict(zip(cells, seen, strict=True))


async def cell(fault: str, protocol: str, mode: Mode, heard: Heard) -> Seen:
    """Ask once and look at all of it. Runs in a task of its own."""
    name = f"{fault} {protocol} {mode}"
    outcomes.probing.set(name)
    async with serve(fault, pace=0) as server:
        began = asyncio.get_running_loop().time()
        asked = _provider(protocol, server.url, fault)
        events, error = await _ask(asked, _question(fault, mode))
        took = asyncio.get_running_loop().time() - began
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        end = "complete" if error is None else type(error).__name__
        told, lines = heard.told[name], heard.lines[name]
        wrong = [
            *_wrong_end(fault, protocol, mode, end, text),
            *_wrong_events(events, error),
            *_wrong_outcomes(told, lines, error),
            *([] if error is None else _leaks(error, told, lines)),
            *await _still_open(server, fault),
        ]
    return Seen(end, str(error or ""), len(text.split()), tuple(wrong), took)


def _wrong_end(fault: str, protocol: str, mode: Mode, end: str, text: str) -> Iterator[str]:
    right = expected(fault, protocol)
    ends = right.stream if mode == "stream" else right.whole
    if end not in ends.split():
        yield f"it should end with {ends.replace(' ', ' or ')}"
    if mode == "stream" and right.words is not None and text != _first(right.words):
        yield f"{right.words} words should be heard"


def _first(words: int) -> str:
    return " ".join(WORDS[:words])


async def _ask(
    asked: HTTPProvider, request: ChatRequest
) -> tuple[list[Event], BaseException | None]:
    heard: list[Event] = []
    try:
        async for event in asked.stream(request):
            heard.append(event)  # noqa: PERF401 - what came before a failure counts
    except Exception as error:
        return heard, error
    return heard, None


def _wrong_events(heard: list[Event], error: BaseException | None) -> Iterator[str]:
    ends = [n for n, event in enumerate(heard) if isinstance(event, Finish)]
    if error is None and ends != [len(heard) - 1]:
        yield "it ended well without one Finish, at the end"
    if error is not None and ends:
        yield "it failed after its Finish"
    if sum(isinstance(event, Start) for event in heard) > 1:
        yield "it began twice"
    if error is not None and not isinstance(error, PenstockError):
        yield f"{error!r} is no error of ours"


def _wrong_outcomes(
    told: list[Outcome], lines: list[str], error: BaseException | None
) -> Iterator[str]:
    if len(told) != 1 or len(lines) != 1:
        yield f"{len(told)} outcomes and {len(lines)} lines"
        return
    if told[0].error != ("" if error is None else type(error).__name__):
        yield f"the outcome says {told[0].state} {told[0].error}"
    if told[0].state not in ("complete", "failed", "timeout", "refused"):
        yield f"the outcome says {told[0].state}"


def _leaks(error: BaseException, told: list[Outcome], lines: list[str]) -> Iterator[str]:
    if CANARY in f"{error} {error!r} {vars(error)} {told} {lines}":
        yield "the key is told"


async def _still_open(server: Server, fault: str) -> list[str]:
    """Connections that the client should have closed, as the service sees it."""
    if not fault.startswith(_UNENDED):
        return []
    waits = [connection.gone(1.0) for connection in server.connections if not connection.ended]
    ends = await asyncio.gather(*waits, return_exceptions=True)
    return ["a cut connection is still open" for end in ends if isinstance(end, BaseException)]


def _is_held(place: sessions.Place) -> bool:
    """Whether a connection of that session is neither closed nor back in the pool."""
    connector = sessions.alive[place][0].connector
    return connector is not None and bool(connector._acquired)


async def table(show: Callable[[str, Row], None], faults: Iterable[str] = EXPECTED) -> bool:
    """Every row, each shown once it is there; whether all of them are right."""
    right = True
    for fault in faults:
        seen = await row(fault)
        show(fault, seen)
        right = right and not any(each.wrong for each in seen.values())
    return right
