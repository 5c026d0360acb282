"""Whatever awaits, its Nth await fails, and is cancelled: for N = 1, 2, 3 … until none is left.

The method is SQLite's for its own I/O errors (https://www.sqlite.org/testing.html, section 3). The
call goes over real sockets, each N in an event loop of its own with no connection to use again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeAlias

import msgspec
import pytest

from penstock import outcomes
from penstock.errors import PenstockError
from penstock.events import Event, Finish, Reply, Start, TextDelta, collect
from penstock.exchange import Exchange
from penstock.http_provider import HTTPProvider
from penstock.outcomes import Outcome
from penstock.protocols import Protocol
from penstock.providers.anthropic import Anthropic
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.routing.balance import Balance
from penstock.routing.breaker import Breaker
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.routing.retry import Retry
from penstock.routing.routed import Routed
from penstock.routing.target import Target
from penstock.routing.within import Within
from penstock.transport import sessions
from penstock.types import ChatRequest, Message, TextPart, Usage
from raw import CHUNKED, FIN, LAST, Connection, Script, Step, Upstream, chunk, head, soon

How: TypeAlias = Literal["fails", "cancelled"]

WORDS = ("The", " whole", " answer")
TEXT = "".join(WORDS)
ANSWER: list[Event] = [
    Start("1", "m"),
    *(TextDelta(word) for word in WORDS),
    Finish("stop", usage=Usage(input=3, output=6)),
]
QUESTION = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),), max_tokens=99)
MOST = 400
"""Awaits of one call, at most: the loop must have an end."""


class Injected(ConnectionResetError):
    """What an await fails with here."""


class Steps(Coroutine[Any, Any, None]):
    """A coroutine to which something is done where it waits for the ``nth`` time.

    What is waited for is cancelled in either case, so that those who would have brought it know.
    A bare turn of the loop (``sleep(0)``) cannot fail, and is not counted where that is asked.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], nth: int, how: How) -> None:
        self._coroutine, self._nth, self._how = coroutine, nth, how
        self._is_failing = False
        self.waits = 0

    @property
    def was_hit(self) -> bool:
        return self.waits >= self._nth

    def send(self, value: Any) -> Any:
        if self._is_failing:
            return self.throw(asyncio.CancelledError())
        return self._waiting(self._coroutine.send(value))

    def throw(self, *error: Any) -> Any:
        if self._is_failing:
            self._is_failing, error = False, (Injected("injected"),)
        return self._waiting(self._coroutine.throw(*error))

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        raise NotImplementedError

    def _waiting(self, future: asyncio.Future[Any] | None) -> asyncio.Future[Any] | None:
        if future is None and self._how == "fails":
            return None
        self.waits += 1
        if self.waits == self._nth:
            self._hit(future)
        return future

    def _hit(self, future: asyncio.Future[Any] | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        if future is None or self._how == "cancelled":
            task.cancel()  # cancels what is waited for, as soon as the task has it
        else:
            future.cancel()
            self._is_failing = True


class Gap(Step):
    """Time for what was sent to arrive by itself, so that there is more to wait for."""

    async def play(self, connection: Connection) -> None:
        sock: socket.socket = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Nagle would wait for 40 ms
        await asyncio.sleep(0.0005)


GAP = Gap()


def streamed(protocol: Protocol) -> Script:
    encoder = protocol.encoder(QUESTION)
    parts = [*map(encoder.encode, ANSWER), encoder.close()]
    script: list[bytes | Step] = [GAP, CHUNKED, GAP]
    for part in filter(None, parts):
        script += [chunk(part), GAP]
    return [*script, LAST]


def whole(protocol: Protocol) -> Script:
    body = msgspec.json.encode(protocol.encode_response(collect(ANSWER)))
    sized = head(content_type="application/json", content_length=len(body))
    return [GAP, sized, GAP, body[:40], GAP, body[40:]]


REFUSED = head("503 Service Unavailable", "application/json", content_length=2)
BUSY: Script = [GAP, REFUSED, GAP, b"{}"]
CUT: Script = [GAP, CHUNKED, GAP, FIN]


def begun(protocol: Protocol) -> Script:
    """An answer that is cut before it says anything, though it has begun."""
    start = protocol.encoder(QUESTION).encode(ANSWER[0])
    assert start
    return [GAP, CHUNKED, GAP, chunk(start), GAP, FIN]


Told: TypeAlias = list[Event | Reply]


async def stream(route: Routed, told: Told) -> None:
    async with aclosing(route.stream(QUESTION)) as events:
        async for event in events:
            told.append(event)


async def answer(route: Routed, told: Told) -> None:
    told.append(await route.answer(msgspec.structs.replace(QUESTION, stream=False)))


Asking: TypeAlias = Callable[[Routed, Told], Coroutine[Any, Any, None]]


@dataclass
class Seen:
    """What was seen from outside."""

    exchanges: int = 0
    outcomes: list[Outcome] = field(default_factory=list)


def counted(provider: type[HTTPProvider], url: str, seen: Seen) -> HTTPProvider:
    """The provider itself, whose questions are counted."""

    class Counted(provider):  # type: ignore[valid-type, misc]
        name = provider.name

        def open(self, *args: Any, **given: Any) -> Exchange:
            seen.exchanges += 1
            return super().open(*args, **given)  # type: ignore[no-any-return]

    found = Counted(base_url=url, api_key="secret")
    assert isinstance(found, HTTPProvider)
    return found


def plain(a: Target, b: Target) -> Routed:
    return Fallback(Retry(a, times=1, sleep=at_once, random=lambda: 0.0), b)


def everything(a: Target, b: Target) -> Routed:
    retry = Retry(Breaker(a), times=1, sleep=at_once, random=lambda: 0.0)
    return Within(Fallback(retry, Breaker(b)), 60)


def raced(a: Target, b: Target) -> Routed:
    return Retry(Hedge(Breaker(a), Within(Hedge(b), 60)), times=1, sleep=at_once)


def mended(a: Target, b: Target) -> Routed:
    inner = Fallback(Balance(a, by="latency"), continues=True)
    return Within(Fallback(inner, Hedge(b), continues=True), 60)


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def idle_ports() -> set[int]:
    """Our own ports of the connections that are kept to be used again; asserts that no other is
    in use."""
    ports: set[int] = set()
    for (loop, _, _), (session, _) in sessions.alive.items():
        if loop is not asyncio.get_running_loop():
            continue
        connector: Any = session.connector
        assert not connector._acquired
        for kept in connector._conns.values():
            ports |= {protocol.transport.get_extra_info("sockname")[1] for protocol, _ in kept}
    return ports


async def assert_nothing_is_left(services: list[Upstream]) -> None:
    for _ in range(3):  # aiohttp's own tasks, cancelled, need a turn to end
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    kept = idle_ports()
    for service in services:
        for connection in list(service.connections):
            if connection.transport.get_extra_info("peername")[1] not in kept:
                await soon(connection.closed)


def has_end(told: Told) -> bool:
    return any(isinstance(event, Finish | Reply) for event in told)


def assert_true(told: Told, error: BaseException | None) -> None:
    """One beginning; an end only where it is all the answer."""
    assert sum(isinstance(event, Start) for event in told) <= 1
    text = "".join(map(str, told))
    assert TEXT.startswith(text)
    ended = has_end(told)
    assert ended is (text == TEXT) or error is not None
    if error is None:
        assert ended
        assert text == TEXT


Scenario: TypeAlias = Literal["well", "failing"]
Pair: TypeAlias = tuple[type[HTTPProvider], type[HTTPProvider]]


def scripts(scenario: Scenario, protocol: Protocol, asking: Asking) -> list[Script]:
    well = streamed(protocol) if asking is stream else whole(protocol)
    return [well] if scenario == "well" else [BUSY, begun(protocol) if asking is stream else CUT]


async def once(
    n: int,
    how: How,
    services: list[Upstream],
    pair: Pair,
    asking: Asking,
    build: Callable[[Target, Target], Routed],
) -> tuple[bool, BaseException | None]:
    """One call, whose ``n``th await fails or is cancelled. Whether it had so many, and its end."""
    seen, told = Seen(), Told()
    stop = outcomes.observe(seen.outcomes.append)
    made = [counted(one, up.url, seen) for one, up in zip(pair, services, strict=True)]
    # A model of its own, so that nothing is known of it from the calls before.
    a, b = (Target(one, f"m-{id(seen)}-{n}") for one in made)
    steps = Steps(asking(build(a, b), told), n, how)
    task: asyncio.Task[None] = asyncio.create_task(steps)
    done, _ = await asyncio.wait([task], timeout=20)
    stop()
    assert done, "it hangs"
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if steps.was_hit and how == "cancelled":
        assert task.cancelled(), error
    else:
        assert not task.cancelled()
    assert_true(told, error)
    assert len(seen.outcomes) == seen.exchanges
    complete = [outcome for outcome in seen.outcomes if outcome.state == "complete"]
    assert has_end(told) <= len(complete) <= 1
    await assert_nothing_is_left(services)
    for one, up in zip(made, services, strict=True):
        up.follow([b"".join(step for step in streamed(one.protocol) if isinstance(step, bytes))])
        after = collect([event async for event in one.stream(QUESTION)])
        assert after.text == TEXT, "a connection that is kept is clean"
    return steps.was_hit, error


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fails", "cancelled"])
@pytest.mark.parametrize("build", [plain, everything])
@pytest.mark.parametrize("scenario", ["well", "failing"])
@pytest.mark.parametrize("asking", [stream, answer])
@pytest.mark.parametrize(
    "pair",
    [(OpenAICompatible, Anthropic), (Anthropic, OpenAICompatible)],
    ids=["openai-anthropic", "anthropic-openai"],
)
def test_the_nth_await(
    pair: Pair,
    asking: Asking,
    scenario: Scenario,
    build: Callable[[Target, Target], Routed],
    how: How,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wells = [scripts("well", one.protocol, asking) for one in pair]
    firsts = scripts(scenario, pair[0].protocol, asking)
    errors: list[str] = []
    for n in count(1):
        with Upstream(*firsts) as first, Upstream(*wells[1]) as second:
            was_hit, error = asyncio.run(once(n, how, [first, second], pair, asking, build))
        errors.append(type(error).__name__)
        assert not caplog.records
        assert n < MOST
        assert error is None or how == "cancelled" or isinstance(error, PenstockError)
        if not was_hit:
            assert error is None
            break
    print(f"{n - 1} awaits: {errors}")
    assert n > 5


@pytest.mark.slow
@pytest.mark.parametrize("build", [raced, mended])
@pytest.mark.parametrize("scenario", ["well", "failing"])
@pytest.mark.parametrize("asking", [stream, answer])
def test_cancelling_in_the_nth_turn(
    asking: Asking,
    scenario: Scenario,
    build: Callable[[Target, Target], Routed],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Tasks that wait for tasks: what is awaited in others cannot be hit, only left."""
    pair = (OpenAICompatible, Anthropic)
    wells = [scripts("well", one.protocol, asking) for one in pair]
    firsts = scripts(scenario, pair[0].protocol, asking)
    for n in count(1):
        with Upstream(*firsts) as first, Upstream(*wells[1]) as second:
            was_hit, error = asyncio.run(once(n, "cancelled", [first, second], pair, asking, build))
        assert not caplog.records
        assert n < MOST
        if not was_hit:
            assert error is None
            break
    assert n > 1


@pytest.mark.parametrize("build", [plain, everything, raced, mended])
@pytest.mark.parametrize("scenario", ["well", "failing"])
def test_leaving_after_the_nth_event(
    scenario: Scenario, build: Callable[[Target, Target], Routed]
) -> None:
    """When ``aclose`` has been awaited, all is told and all is closed."""
    pair = (OpenAICompatible, Anthropic)

    async def read(n: int, services: list[Upstream]) -> bool:
        seen = Seen()
        made = [counted(one, up.url, seen) for one, up in zip(pair, services, strict=True)]
        a, b = (Target(one, f"m-{id(seen)}-{n}") for one in made)
        stop = outcomes.observe(seen.outcomes.append)
        events = build(a, b).stream(QUESTION)
        told = [await anext(events) for _ in range(n)]
        await events.aclose()
        stop()
        assert len(seen.outcomes) == seen.exchanges
        await assert_nothing_is_left(services)
        return any(isinstance(event, Finish) for event in told)

    for n in range(MOST):
        firsts = scripts(scenario, pair[0].protocol, stream)
        with Upstream(*firsts) as first, Upstream(streamed(pair[1].protocol)) as second:
            if asyncio.run(read(n, [first, second])):
                break
    assert n == len(ANSWER)
