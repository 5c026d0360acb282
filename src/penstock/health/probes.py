"""Five small questions, one for each thing that a model is asked to do. Each costs a few tokens.

chat     a whole answer
stream   an answer in pieces
tools    a tool, which must be called
json     an answer in JSON
cancel   a long answer, left after its first word
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import Any, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from penstock import outcomes
from penstock.errors import (
    CallerError,
    ContentFiltered,
    InvalidRequest,
    PenstockError,
    RateLimited,
    UnknownModel,
)
from penstock.events import SPOKEN, Collector, Event, Reply
from penstock.health import here
from penstock.health.results import Result, Thing, Verdict
from penstock.health.store import Store
from penstock.protocols import json
from penstock.types import ChatRequest, Message, TextPart, Tool

logger = logging.getLogger("penstock.health")

ALL: tuple[Thing, ...] = ("chat", "stream", "tools", "json", "cancel")
WITHIN = 20.0
"""Seconds that one probe may take."""
_NOWHERE = (404, 405, 410)
"""Statuses of an address where nobody answers."""
_QUICK = 1.0
"""Seconds within which an answer must be left."""


class Askable(Protocol):
    """What is needed of a provider here."""

    name: str

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event]: ...


class Target(Struct, frozen=True):
    """Who is tried: a model of a provider."""

    provider: Askable
    model: str


Finding: TypeAlias = tuple[Verdict, str]
"""What a try came to, and the class of the error that stands for it."""

WORKED: Finding = ("worked", "")
CANNOT: Finding = ("unsupported", "UnexpectedAnswer")
BROKEN: Finding = ("failed", "UnexpectedAnswer")
UNCLEAR: Finding = ("unclear", "")


def _question(text: str, most: int, **more: Any) -> ChatRequest:
    return ChatRequest(messages=(Message("user", (TextPart(text),)),), max_tokens=most, **more)


_READY = Tool(
    "ready",
    "Say whether you are ready.",
    {"type": "object", "properties": {"is_ready": {"type": "boolean"}}, "required": ["is_ready"]},
)
_SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}
_BY_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "ready", "schema": _SCHEMA, "strict": True},
}
_READY_IN_JSON = 'Answer with this JSON object and nothing else: {"ready": true}'

QUESTIONS: Mapping[Thing, tuple[ChatRequest, ...]] = {
    "chat": (_question("Say OK.", 32, stream=False),),
    "stream": (_question("Say OK.", 32),),
    "tools": (_question("Call ready.", 64, tools=(_READY,), tool_choice="required"),),
    "json": (
        _question(_READY_IN_JSON, 64, response_format=_BY_SCHEMA),
        _question(_READY_IN_JSON, 64, response_format={"type": "json_object"}),
    ),
    "cancel": (_question("Count from 1 to 100, in words.", 256),),
}
"""What is asked; a second question is for those that do not understand the first."""


async def probe(
    target: Target, what: Thing = "stream", *, store: Store = here, within: float = WITHIN
) -> Result:
    """Try one thing, and tell ``store`` what came of it. Raises nothing but ``CancelledError``.

    Where nobody was asked, for a setting is missing or the model's name is wrong, the try has
    failed, but ``store`` is told nothing: that says nothing of the service.
    The outcome of the call says that it was a probe. A model that answers well and only cannot do
    the thing is ``unsupported``, not failing; one that our own ``max_tokens`` cut before it could
    do it is ``unclear``.
    """
    attempt, told = _Attempt(target), store
    token = outcomes.probing.set(what)
    try:
        async with asyncio.timeout(within):
            verdict, error = await attempt.come_to(what)
    except TimeoutError:
        verdict, error = "failed", "Timeout"
    except PenstockError as failure:
        verdict, error = _verdict(what, failure), type(failure).__name__
        if verdict == "failed" and isinstance(failure, CallerError) and failure.status is None:
            told = Store(store.rules, store.clock)  # which nobody keeps
    except Exception as failure:  # somebody's own provider
        logger.exception("%s/%s cannot be tried", target.provider.name, target.model)
        verdict, error = "failed", type(failure).__name__
    finally:
        outcomes.probing.reset(token)
    return told.probed(
        target.provider.name,
        target.model,
        what,
        verdict,
        error=error,
        first=attempt.first,
        took=monotonic() - attempt.began,
    )


async def probe_all(
    targets: Iterable[Target],
    things: Iterable[Thing] = ("stream",),
    *,
    store: Store = here,
    within: float = WITHIN,
    most: int = 4,
) -> AsyncGenerator[tuple[Target, Result]]:
    """Try each thing with each target, ``most`` at once; results as they come. Closing the
    generator leaves those that are under way."""
    room = asyncio.Semaphore(most)

    async def one(target: Target, what: Thing) -> tuple[Target, Result]:
        async with room:
            return target, await probe(target, what, store=store, within=within)

    wanted = list(things)
    tries = [asyncio.ensure_future(one(target, what)) for target in targets for what in wanted]
    try:
        for result in asyncio.as_completed(tries):
            yield await result
    finally:
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)


class _Attempt:
    """One probe under way: when it began, and how long the ``first`` word took."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.began = monotonic()
        self.first: float | None = None

    async def come_to(self, what: Thing) -> Finding:
        """What it comes to. Raises ``PenstockError``."""
        *before, last = (replace(q, model=self._target.model) for q in QUESTIONS[what])
        for question in before:
            try:
                found = await self._ask(what, question)
            except UnknownModel:
                raise
            except InvalidRequest:
                continue
            if found != CANNOT:
                return found
        return await self._ask(what, last)

    async def _ask(self, what: Thing, question: ChatRequest) -> Finding:
        if what == "cancel":
            return await self._leave(question)
        collector = Collector()
        async with aclosing(self._target.provider.stream(question)) as events:
            async for event in events:
                self._heard(event)
                collector.add(event)
        return _JUDGES[what](collector.reply())

    async def _leave(self, question: ChatRequest) -> Finding:
        async with aclosing(self._target.provider.stream(question)) as events:
            async for event in events:
                self._heard(event)
                if self.first is not None:
                    break
            left = monotonic()
        if self.first is None:
            return UNCLEAR
        return WORKED if monotonic() - left < _QUICK else ("failed", "Timeout")

    def _heard(self, event: Event) -> None:
        if self.first is None and isinstance(event, SPOKEN):
            self.first = monotonic() - self.began


def _said(reply: Reply) -> Finding:
    """An answer that ended well and says nothing is none, unless we cut it before it could."""
    is_empty = not reply.message.content and _is_whole(reply)
    return ("failed", "EmptyStream") if is_empty else WORKED


def _called(reply: Reply) -> Finding:
    if "tools" in reply.loss:
        return CANNOT
    if not reply.tool_calls:
        return CANNOT if _is_whole(reply) else UNCLEAR
    call = reply.tool_calls[0]
    if call.name == _READY.name and isinstance(_value(call.arguments or "{}"), dict):
        return WORKED
    return BROKEN if _is_whole(reply) else UNCLEAR


def _in_json(reply: Reply) -> Finding:
    if any(lost.startswith("response_format") for lost in reply.loss):
        return CANNOT
    if isinstance(_value(reply.text), dict):
        return WORKED
    if not _is_whole(reply):
        return UNCLEAR
    return BROKEN if reply.text.lstrip().startswith("{") else CANNOT


def _is_whole(reply: Reply) -> bool:
    """Whether it ended by itself, and not because we allow few tokens."""
    return reply.finish is not None and reply.finish.reason != "length"


def _value(text: str) -> object:
    try:
        return json.loads(text.encode())
    except (*json.UNREADABLE, UnicodeEncodeError):
        return None


_JUDGES: Mapping[Thing, Callable[[Reply], Finding]] = {
    "chat": _said,
    "stream": _said,
    "tools": _called,
    "json": _in_json,
}


def _verdict(what: Thing, error: PenstockError) -> Verdict:
    """What an error says. The question is ours, and a plain one: who refuses it does not work."""
    match error:
        case ContentFiltered():
            return "unclear"
        case RateLimited():
            return "limited"
        case UnknownModel():
            return "failed"
        case InvalidRequest(status=status) if what in ("tools", "json"):
            return "failed" if status in _NOWHERE else "unsupported"
        case _:
            return "failed"
