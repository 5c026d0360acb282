"""Whether the caller who leaves is followed by silence or by the rest of the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from penstock import outcomes
from penstock.errors import ConfigError, StreamTruncated
from penstock.events import Event, TextDelta
from penstock.outcomes import Outcome
from penstock.provider import Provider
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.routing.drain import Drain, drained
from penstock.routing.target import Target
from penstock.types import ChatRequest, Message, TextPart
from raw import (
    CHUNKED,
    DONE,
    FIN,
    LAST,
    SOON,
    STAY,
    Gate,
    Script,
    Upstream,
    chunk,
    head,
    say,
    soon,
    spoken,
)
from routing.played import Played

WHOLE = (
    b'{"id": "1", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", '
    b'"content": "one two"}, "finish_reason": "stop"}], '
    b'"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}'
)
SPENT = (
    b'data: {"id": "1", "model": "m", "choices": [], '
    b'"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}\n\n'
)
ANSWER: Script = [chunk(say("two", "stop")), chunk(SPENT), chunk(DONE), LAST]
"""The rest of an answer that began with "one "."""

PHASES: dict[str, tuple[bool, Callable[[Gate], Script]]] = {
    "the headers of a stream": (True, lambda gate: [gate, CHUNKED, chunk(say("one ")), *ANSWER]),
    "the first word": (True, lambda gate: [CHUNKED, gate, chunk(say("one ")), *ANSWER]),
    "the next word": (True, lambda gate: [CHUNKED, chunk(say("one ")), gate, *ANSWER]),
    "the headers of a whole answer": (
        False,
        lambda gate: [gate, head("200 OK", "application/json", content_length=len(WHOLE)), WHOLE],
    ),
    "the rest of a whole answer": (
        False,
        lambda gate: [
            head("200 OK", "application/json", content_length=len(WHOLE)) + WHOLE[:40],
            gate,
            WHOLE[40:],
        ],
    ),
}


@pytest.fixture
def told() -> Iterator[list[Outcome]]:
    heard: list[Outcome] = []
    stop = outcomes.observe(heard.append)
    yield heard
    stop()


def question(stream: bool) -> ChatRequest:
    return ChatRequest(model="m", stream=stream, messages=(Message("user", (TextPart("Count."),)),))


def lab(upstream: Upstream) -> Target:
    return Target(OpenAICompatible(base_url=upstream.url), "m")


async def leave(provider: Provider, upstream: Upstream, stream: bool, heard: int) -> None:
    """Ask, and go away while nothing more comes after ``heard`` words."""
    words: list[str] = []
    waits = asyncio.Event()

    async def read() -> None:
        if not heard:
            waits.set()
        async for event in provider.stream(question(stream)):
            if isinstance(event, TextDelta):
                words.append(event.text)
                if len(words) == heard:
                    waits.set()

    reader = asyncio.create_task(read())
    await soon(upstream.asked())
    await waits.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


@pytest.mark.parametrize("phase", PHASES)
async def test_without_drain_the_service_is_left_at_once_and_it_is_told_once(
    phase: str, told: list[Outcome]
) -> None:
    stream, script = PHASES[phase]
    with Upstream(script(Gate())) as upstream:
        await leave(lab(upstream), upstream, stream, int(phase == "the next word"))
        left = time.monotonic()
        connection = await soon(upstream.asked())
        assert await soon(connection.closed) - left < SOON
    (outcome,) = told
    assert outcome.state == "left"
    assert outcome.usage is not None
    assert outcome.usage.provenance in ("estimated", "partial")


@pytest.mark.parametrize("phase", PHASES)
async def test_with_drain_the_answer_is_read_on_and_the_service_says_what_it_cost(
    phase: str, told: list[Outcome]
) -> None:
    gate = Gate()
    stream, script = PHASES[phase]
    with Upstream(script(gate)) as upstream:
        await leave(Drain(lab(upstream)), upstream, stream, int(phase == "the next word"))
        assert told == []
        gate.open()
        await drained()
    (outcome,) = told
    assert outcome.state == "drained"
    assert outcome.usage is not None
    assert (outcome.usage.total, outcome.usage.provenance) == (5, "reported")


@pytest.mark.parametrize("phase", PHASES)
async def test_with_a_limit_the_answer_is_cut_when_it_has_passed(
    phase: str, told: list[Outcome]
) -> None:
    stream, script = PHASES[phase]
    with Upstream(script(Gate())) as upstream:
        provider = Drain(lab(upstream), most=0.05)
        await leave(provider, upstream, stream, int(phase == "the next word"))
        await drained()
        await soon((await soon(upstream.asked())).closed)
    (outcome,) = told
    assert outcome.state == "left"
    assert outcome.usage is not None
    assert outcome.usage.provenance in ("estimated", "partial")


async def test_a_connection_that_is_not_there_yet_is_left_at_once(told: list[Outcome]) -> None:
    with Upstream([STAY], deaf=True) as upstream:  # says nothing to a TLS handshake
        provider = OpenAICompatible(base_url=upstream.url.replace("http:", "https:"))
        reader = asyncio.create_task(provider.answer(question(True)))
        connection = await soon(upstream.opened())
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        connection.listen()
        left = time.monotonic()
        assert await soon(connection.closed) - left < SOON
    (outcome,) = told
    assert outcome.state == "left"


async def test_who_stays_gets_all_of_it_and_it_is_complete(told: list[Outcome]) -> None:
    with Upstream(spoken("one ", "two")) as upstream:
        reply = await Drain(lab(upstream)).answer(question(True))
        words = [event async for event in Drain(lab(upstream)).stream(question(True))]
    assert reply.text == "one two"
    assert "".join(map(str, words)) == "one two"
    assert [outcome.state for outcome in told] == ["complete", "complete"]
    assert not _other_tasks()


async def test_a_failure_comes_after_what_came_before_it(told: list[Outcome]) -> None:
    with Upstream([CHUNKED, chunk(say("one ")), FIN]) as upstream:
        said: list[Event] = []
        with pytest.raises(StreamTruncated):
            await _hear(Drain(lab(upstream)).stream(question(True)), said)
    assert "".join(map(str, said)) == "one "
    assert [outcome.state for outcome in told] == ["failed"]


async def test_a_failure_that_nobody_waits_for_is_told_all_the_same(told: list[Outcome]) -> None:
    gate = Gate()
    with Upstream([CHUNKED, chunk(say("one ")), gate, FIN]) as upstream:
        await leave(Drain(lab(upstream)), upstream, True, 1)
        gate.open()
        await drained()
    assert [outcome.state for outcome in told] == ["failed"]


async def test_a_slow_caller_makes_the_service_wait() -> None:
    words = [f"{n:04} " * 400 for n in range(2000)]
    with Upstream(spoken(*words)) as upstream:
        events = Drain(lab(upstream)).stream(question(True))
        await anext(events)
        connection = await soon(upstream.asked())
        assert await soon(connection.stalled) < sum(map(len, words)) / 2
        await events.aclose()
        await drained()


async def test_a_reader_that_is_cancelled_ends_the_answer(told: list[Outcome]) -> None:
    """By whoever ends all tasks of the loop, or by the target's own code."""
    with Upstream([CHUNKED, chunk(say("one ")), STAY]) as upstream:
        stream = Drain(lab(upstream)).stream(question(True))
        assert [await anext(stream), await anext(stream)][1] == TextDelta("one ")
        (reader,) = _other_tasks()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(anext(stream), SOON)
    assert [outcome.state for outcome in told] == ["left"]


@pytest.mark.parametrize("most", [None, 60.0])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_end_of_the_loop_waits_for_nobody_and_loses_no_outcome(
    loop: str, most: float | None, told: list[Outcome]
) -> None:
    run = pytest.importorskip(loop).run

    async def main(upstream: Upstream) -> None:
        await leave(Drain(lab(upstream), most), upstream, True, 1)
        assert _other_tasks()

    with Upstream([CHUNKED, chunk(say("one ")), STAY]) as upstream:
        began = time.monotonic()
        run(main(upstream))
        assert time.monotonic() - began < SOON
    assert [outcome.state for outcome in told] == ["left"]


async def test_who_is_cancelled_while_waiting_for_the_rest_cuts_nothing() -> None:
    gate = Gate()
    with Upstream([CHUNKED, chunk(say("one ")), gate, *ANSWER]) as upstream:
        await leave(Drain(lab(upstream)), upstream, True, 1)
        waits = asyncio.create_task(drained())
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert _other_tasks()
        gate.open()
        await drained()


def test_what_is_no_number_of_seconds_is_refused() -> None:
    with pytest.raises(ConfigError, match="most is no number"):
        Drain(Played([]), float("nan"))


async def _hear(events: AsyncIterator[Event], said: list[Event]) -> None:
    async for event in events:
        said.append(event)  # noqa: PERF401 - what came before a failure counts


def _other_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
