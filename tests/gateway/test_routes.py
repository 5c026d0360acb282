"""Over a route of the config: whose bytes a caller gets, what it is told, and what is left of a
question when its caller leaves."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import pytest

from penstock import outcomes
from penstock.catalog import Catalog
from penstock.config import Config, OnLeave, ProviderConfig, RouteConfig
from penstock.faults import TEXT, WORDS, serve
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.outcomes import Outcome
from penstock.protocols import shelf
from penstock.routing import drain
from penstock.routing.breaker import Breaker
from penstock.routing.drain import drained
from penstock.routing.routed import Routed
from protocols.reading import read
from raw import (
    CHUNKED,
    DONE,
    LAST,
    SOON,
    STAY,
    Gate,
    Script,
    Upstream,
    chunk,
    head,
    refused_port,
    say,
    soon,
    spoken,
)

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HI = [{"role": "user", "content": "Привет"}]

_numbers = itertools.count()


def name() -> str:
    """A provider's: what is measured of it is not known of another test's."""
    return f"routed{next(_numbers)}"


def service(url: str, kind: str = "openai-compatible") -> ProviderConfig:
    base = url + ("/v1" if kind == "openai-compatible" else "")
    return ProviderConfig(type=kind, base_url=base, api_key="k")


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[str]:
    async with listen(Gateway(Catalog(config)), "127.0.0.1", 0) as (host, port):
        yield f"http://{host}:{port}"


@asynccontextmanager
async def over(*services: ProviderConfig, model: str = "m", **route: Any) -> AsyncIterator[str]:
    """A gateway whose route ``smart`` falls back over that model of these."""
    providers = {name(): each for each in services}
    targets = tuple(f"{each}/{model}" for each in providers)
    routes = {"smart": RouteConfig(fallback=targets, **route)}
    async with serving(Config(providers=providers, routes=routes)) as url:
        yield url


def question(stream: bool = True, **more: Any) -> dict[str, Any]:
    return {"model": "smart", "stream": stream, "messages": HI, "max_tokens": 500, **more}


async def post(url: str, body: Any, **headers: str) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers (in lower case), body, and whether that ended as HTTP says."""
    got = b""
    async with aiohttp.ClientSession() as http:
        async with http.post(url, json=body, headers=headers) as answer:
            named = {key.lower(): value for key, value in answer.headers.items()}
            try:
                async for data in answer.content.iter_any():
                    got += data
            except aiohttp.ClientPayloadError:
                return answer.status, named, got, False
            return answer.status, named, got, True


@pytest.fixture
def told() -> Iterator[list[Outcome]]:
    heard: list[Outcome] = []
    stop = outcomes.observe(heard.append)
    yield heard
    stop()


# Whose bytes


SAID = (say("При"), b": comment\n\n", say("вет", "stop"), DONE)
WHOLE = (
    b'{"id": "1", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", '
    b'"content": "one two"}, "finish_reason": "stop"}], '
    b'"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}  '
)
JSON = [head("200 OK", "application/json", content_length=len(WHOLE)), WHOLE]
BUSY = [head("503 Busy", content_length=0)]


@pytest.mark.parametrize("continues", [False, True], ids=["plain", "continuing"])
async def test_a_whole_answer_of_the_callers_protocol_comes_as_it_is(continues: bool) -> None:
    with Upstream(BUSY) as busy, Upstream(JSON) as well:
        async with over(service(busy.url), service(well.url), continues=continues) as url:
            status, headers, got, _ = await post(url + CHAT, question(False, odd=[1]))
        sent = json.loads(well.asked().result(5).requests[0].partition(b"\r\n\r\n")[2])
    assert (status, got) == (200, WHOLE)
    assert headers["penstock-route"].endswith("/m Unavailable")
    assert sent == question(False, odd=[1], model="m")


async def test_a_stream_of_the_callers_protocol_comes_as_it_is() -> None:
    script: Script = [CHUNKED, *map(chunk, SAID), LAST]
    with Upstream(BUSY) as busy, Upstream(script) as well:
        async with over(service(busy.url), service(well.url)) as url:
            status, headers, got, ended = await post(url + CHAT, question())
        assert len(busy.connections) == 1
    assert (status, got, ended) == (200, b"".join(SAID), True)
    assert headers["penstock-route"].endswith("/m Unavailable")
    assert "penstock-recovered" not in got.decode()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("continues", [False, True], ids=["plain", "continuing"])
async def test_an_answer_of_another_protocol_comes_in_the_callers(
    stream: bool, continues: bool
) -> None:
    async with serve("reset", pace=0) as broken, serve("ok", pace=0) as well:
        services = service(broken.url, "anthropic"), service(well.url, "gemini")
        async with over(*services, continues=continues) as url:
            status, headers, got, ended = await post(url + CHAT, question(stream, seed=7))
    outcome = read(shelf.find()["openai_chat"](), got)
    assert (status, ended, outcome.failure, outcome.reply.text) == (200, True, None, TEXT)
    assert headers["penstock-route"].endswith("/m ConnectionFailed")


async def test_nobody_is_named_where_the_first_answers() -> None:
    with Upstream(spoken("one")) as well:
        async with over(service(well.url)) as url:
            _, headers, _, _ = await post(url + CHAT, question())
    assert "penstock-route" not in headers


async def test_a_model_with_an_odd_name_breaks_no_header() -> None:
    with Upstream(BUSY) as busy, Upstream(spoken("one")) as well:
        models = {name(): service(busy.url), name(): service(well.url)}
        targets = tuple(f"{each}/м\r\nx: y" for each in models)
        routes = {"smart": RouteConfig(fallback=targets, retries=0)}
        async with serving(Config(providers=models, routes=routes)) as url:
            status, headers, _, _ = await post(url + CHAT, question())
    assert status == 200
    assert "x" not in headers
    assert headers["penstock-route"].endswith("/___x: y Unavailable")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("continues", [False, True], ids=["plain", "continuing"])
async def test_where_all_fail_the_status_is_the_last_ones_and_all_are_named(
    stream: bool, continues: bool
) -> None:
    slow = [head("429 Slow", content_length=0, retry_after=70)]
    with Upstream(BUSY) as busy, Upstream(slow) as limited:
        services = service(busy.url), service(limited.url)
        async with over(*services, continues=continues, retries=0) as url:
            status, headers, got, _ = await post(url + CHAT, question(stream))
    assert status == 429
    assert headers["retry-after"] == "70"
    assert b"asked before: routed" in got


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("continues", [False, True], ids=["plain", "continuing"])
async def test_a_wrong_question_is_asked_once(stream: bool, continues: bool) -> None:
    wrong = [head("400 Wrong", content_length=0)]
    with Upstream(wrong) as first, Upstream(spoken("one")) as second:
        async with over(service(first.url), service(second.url), continues=continues) as url:
            status, _, _, _ = await post(url + CHAT, question(stream))
        assert (status, len(first.connections), len(second.connections)) == (400, 1, 0)


async def test_an_answer_that_says_nothing_and_ends_well_goes_through_as_bare_text() -> None:
    with Upstream(spoken()) as upstream:
        async with over(service(upstream.url)) as url:
            status, _, got, ended = await post(url + "/aura/api/chat", {**AURA, "messages": HI})
    assert (status, got, ended) == (200, b"", True)


AURA = {"model": {"id": "smart", "name": "smart"}, "key": "", "prompt": "", "temperature": 0.5}


@pytest.mark.parametrize("continues", [False, True], ids=["plain", "continuing"])
async def test_the_gateway_itself_is_no_target(continues: bool) -> None:
    port = refused_port()
    with Upstream(spoken("one")) as well:
        models = {name(): service(f"http://127.0.0.1:{port}"), name(): service(well.url)}
        targets = tuple(f"{each}/smart" for each in models)
        routes = {"smart": RouteConfig(fallback=targets, continues=continues)}
        gateway = Gateway(Catalog(Config(providers=models, routes=routes)))
        async with listen(gateway, "127.0.0.1", port):
            status, headers, _, _ = await post(f"http://127.0.0.1:{port}{CHAT}", question())
    assert status == 200
    assert headers["penstock-route"].endswith("ConfigError")


# What goes on elsewhere


async def test_one_who_refuses_to_go_on_is_passed_over_and_whose_words_it_is_is_told() -> None:
    async with serve("cut-7", pace=0) as first, serve("503", pace=0) as second:
        async with serve("ok", pace=0) as third:
            services = (service(each.url) for each in (first, second, third))
            async with over(*services, continues=True) as url:
                _, headers, got, ended = await post(url + MESSAGES, question())
            assert [len(each.requests) for each in (first, second, third)] == [1, 1, 1]
    outcome = read(shelf.find()["anthropic_messages"](), got)
    assert (ended, outcome.failure, outcome.reply.text) == (True, None, TEXT)
    assert got.count(b": penstock-recovered: ") == 1
    assert got.count(b"\n: penstock-recovered: routed") == 1
    assert "penstock-route" not in headers


async def test_a_header_tells_who_was_asked_in_vain_before_an_answer_that_went_on() -> None:
    async with serve("503", pace=0) as first, serve("cut-7", pace=0) as second:
        async with serve("ok", pace=0) as third:
            services = (service(each.url) for each in (first, second, third))
            async with over(*services, continues=True) as url:
                _, headers, got, _ = await post(url + CHAT, question())
    assert headers["penstock-route"].endswith("/m Unavailable")
    assert b"penstock-recovered" in got


async def test_googles_sdk_gets_no_comment_at_which_it_would_fail() -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    async with serve("cut-7", "ok", pace=0) as server:
        async with over(service(server.url), service(server.url), continues=True) as url:
            path = "/v1beta/models/smart:streamGenerateContent?alt=sse"
            _, _, got, ended = await post(url + path, body)
    assert ended
    assert all(line.startswith(b"data: ") for line in got.splitlines() if line)
    assert read(shelf.find()["gemini_generate"](), got).reply.text == TEXT


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_second_cut_that_nobody_mends_is_told_and_never_ended(path: str) -> None:
    async with serve("cut-7", "cut-30", pace=0) as server:
        async with over(service(server.url), service(server.url), continues=True) as url:
            _, _, got, ended = await post(url + path, question())
        assert len(server.requests) == 2
    assert not ended
    assert b"stream_truncated" in got or b"error" in got
    assert b"[DONE]" not in got
    assert b"message_stop" not in got
    assert WORDS[29].encode() in got


async def test_a_signature_finds_its_signer_again_over_a_route_that_continues() -> None:
    """A caller whose protocol has no place for it calls a tool, and comes back with the result."""
    call = {"functionCall": {"name": "look", "args": {"at": "sky"}}, "thoughtSignature": "R2VtaW5p"}
    candidate = {"content": {"role": "model", "parts": [call]}, "finishReason": "STOP"}
    data = b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"
    with Upstream([head("200 OK", content_length=len(data)), data]) as signer:
        async with over(service(signer.url, "gemini"), continues=True) as url:
            _, _, got, _ = await post(url + CHAT, question())
            (said,) = read(shelf.find()["openai_chat"](), got).reply.tool_calls
            function = {"name": said.name, "arguments": said.arguments}
            calls = [{"id": said.id, "type": "function", "function": function}]
            history = [
                *HI,
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": said.id, "content": "blue"},
            ]
            await post(url + CHAT, question(messages=history))
        sent = [request for each in signer.connections for request in each.requests]
    assert [b"R2VtaW5p" in request for request in sent] == [False, True]


# Breakers


async def test_a_whole_answer_that_works_closes_the_circuit_again(told: list[Outcome]) -> None:
    with Upstream(JSON) as well:
        lab = name()
        providers = {lab: service(well.url)}
        catalog = Catalog(
            Config(providers=providers, routes={"smart": RouteConfig(fallback=(f"{lab}/m",))})
        )
        breaker = next(_breakers(catalog.get("smart")))
        now = [0.0]
        breaker._clock = lambda: now[0]
        for _ in range(5):
            era = breaker.circuit.enter(now[0])
            assert era is not None
            breaker.circuit.failed(era, now[0])
        assert breaker.circuit.is_refusing(now[0])
        now[0] = 11.0
        async with listen(Gateway(catalog), "127.0.0.1", 0) as (host, port):
            status, _, _, _ = await post(f"http://{host}:{port}{CHAT}", question(False))
    assert status == 200
    assert not breaker.circuit.is_refusing(now[0])
    assert breaker.circuit.enter(now[0]) is not None  # and not for a single try
    assert breaker.circuit.enter(now[0]) is not None
    assert [outcome.state for outcome in told] == ["complete"]


def _breakers(provider: object) -> Iterator[Breaker]:
    if isinstance(provider, Breaker):
        yield provider
    elif isinstance(provider, Routed):
        for target in provider.targets:
            yield from _breakers(target)


# When the caller leaves


SPENT = (
    b'data: {"id": "1", "model": "m", "choices": [], '
    b'"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}\n\n'
)
ANSWER: Script = [chunk(say("two", "stop")), chunk(SPENT), chunk(DONE), LAST]
"""The rest of an answer that began with "one "."""
LENGTH = head("200 OK", "application/json", content_length=len(WHOLE))

PHASES: dict[str, tuple[bool, Callable[[Gate], Script]]] = {
    "the headers of a stream": (True, lambda gate: [gate, CHUNKED, chunk(say("one ")), *ANSWER]),
    "the first word": (True, lambda gate: [CHUNKED, gate, chunk(say("one ")), *ANSWER]),
    "the next word": (True, lambda gate: [CHUNKED, chunk(say("one ")), gate, *ANSWER]),
    "the headers of a whole answer": (False, lambda gate: [gate, LENGTH, WHOLE]),
    "the rest of a whole answer": (False, lambda gate: [LENGTH + WHOLE[:40], gate, WHOLE[40:]]),
}
WAYS = {"relayed": (CHAT, False), "translated": (MESSAGES, False), "continuing": (CHAT, True)}

in_every_phase = pytest.mark.parametrize("phase", PHASES)
in_every_way = pytest.mark.parametrize("way", WAYS)


@contextmanager
def nothing_left() -> Iterator[None]:
    """No task more than before, once all is over."""
    before = len(asyncio.all_tasks())
    yield
    left = [task for task in asyncio.all_tasks() if not task.done()]
    assert len(left) <= before, left


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)


async def ask(
    url: str, path: str, stream: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(question(stream)).encode()
    line = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(line.encode() + body)
    return reader, writer


async def leave(url: str, path: str, upstream: Upstream, stream: bool, heard: bytes) -> float:
    """Ask, and go away once the service is asked and these words are there; when that was."""
    reader, writer = await ask(url, path, stream)
    await soon(upstream.asked())
    if heard:
        await asyncio.wait_for(reader.readuntil(heard), 5)
    writer.close()
    return time.monotonic()


@asynccontextmanager
async def left(
    phase: str, way: str, gate: Gate, on_leave: OnLeave
) -> AsyncIterator[tuple[Upstream, float]]:
    """A service whose caller has gone away in that phase, and when."""
    stream, script = PHASES[phase]
    path, continues = WAYS[way]
    heard = b"one " if phase == "the next word" else b""
    with nothing_left(), Upstream(script(gate)) as upstream:
        async with over(service(upstream.url), continues=continues, on_leave=on_leave) as url:
            when = await leave(url, path, upstream, stream, heard)
            yield upstream, when


@in_every_phase
@in_every_way
async def test_the_service_is_left_at_once_and_it_is_told_once(
    phase: str, way: str, told: list[Outcome]
) -> None:
    async with left(phase, way, Gate(), "cancel") as (upstream, when):
        connection = await soon(upstream.asked())
        assert await soon(connection.closed) - when < SOON
        await until(lambda: bool(told))
    (outcome,) = told
    assert outcome.state == "left"
    assert outcome.usage is not None
    assert outcome.usage.provenance in ("estimated", "partial")


@in_every_phase
@in_every_way
async def test_the_answer_is_read_on_where_the_route_says_so(
    phase: str, way: str, told: list[Outcome]
) -> None:
    gate = Gate()
    async with left(phase, way, gate, "drain") as (upstream, _):
        connection = await soon(upstream.asked())
        await until(lambda: bool(drain._reading))  # the gateway has seen it
        assert told == []
        assert not connection.closed.done()
        gate.open()
        await drained()
    (outcome,) = told
    assert outcome.state == "drained"
    assert outcome.usage is not None
    assert (outcome.usage.total, outcome.usage.provenance) == (5, "reported")


@in_every_phase
@in_every_way
async def test_the_answer_is_read_on_for_as_long_as_the_route_says(
    phase: str, way: str, told: list[Outcome]
) -> None:
    async with left(phase, way, Gate(), 0.1) as (upstream, when):
        connection = await soon(upstream.asked())
        assert 0.05 < await soon(connection.closed) - when < 0.1 + SOON
        await until(lambda: bool(told))
        await drained()
    (outcome,) = told
    assert outcome.state == "left"
    assert outcome.usage is not None


RETRIED = [head("503 Busy", content_length=0, retry_after_ms=600)]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("on_leave", ["cancel", 0.05])
async def test_who_waits_to_ask_again_does_not_where_the_caller_has_left(
    stream: bool, on_leave: OnLeave, told: list[Outcome]
) -> None:
    with nothing_left(), Upstream(RETRIED, spoken("one")) as upstream:
        async with over(service(upstream.url), on_leave=on_leave) as url:
            before = len(asyncio.all_tasks())
            _, writer = await ask(url, CHAT, stream)
            await until(lambda: bool(told))
            writer.close()
            gone = time.monotonic()
            await until(lambda: len(asyncio.all_tasks()) <= before)
            assert time.monotonic() - gone < SOON
        assert len((await soon(upstream.asked())).requests) == 1
    assert [outcome.state for outcome in told] == ["failed"]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_who_waits_to_ask_again_does_though_the_caller_has_left_where_it_is_read_on(
    stream: bool, told: list[Outcome]
) -> None:
    answer = [CHUNKED, chunk(say("one ")), *ANSWER] if stream else JSON
    with nothing_left(), Upstream(RETRIED, answer) as upstream:
        async with over(service(upstream.url), on_leave="drain") as url:
            _, writer = await ask(url, CHAT, stream)
            await until(lambda: bool(told))
            writer.close()
            await until(lambda: bool(drain._reading))
            await soon(upstream.asked(1))
            await drained()
    assert [outcome.state for outcome in told] == ["failed", "drained"]
    assert told[1].usage is not None
    assert told[1].usage.total == 5


async def test_who_stays_gets_all_of_an_answer_that_would_be_read_on(told: list[Outcome]) -> None:
    with nothing_left(), Upstream([CHUNKED, chunk(say("one ")), *ANSWER]) as upstream:
        async with over(service(upstream.url), on_leave="drain") as url:
            _, _, got, ended = await post(url + CHAT, question())
    assert ended
    assert got == say("one ") + say("two", "stop") + SPENT + DONE
    assert [outcome.state for outcome in told] == ["complete"]


async def test_a_slow_service_is_left_for_one_that_is_quick(told: list[Outcome]) -> None:
    with Upstream([STAY]) as mute, Upstream([CHUNKED, chunk(say("one ")), *ANSWER]) as quick:
        providers = {name(): service(mute.url), name(): service(quick.url)}
        one, other = providers
        routes = {
            "slow": RouteConfig(fallback=(f"{one}/m",), timeout=0.3, retries=0),
            "smart": RouteConfig(fallback=("slow", f"{other}/m"), retries=0),
        }
        async with serving(Config(providers=providers, routes=routes)) as url:
            status, headers, _, ended = await post(url + CHAT, question())
            connection = await soon(mute.asked())
            await soon(connection.closed)
    assert (status, ended) == (200, True)
    assert "Timeout" in headers["penstock-route"]
    assert sorted(outcome.state for outcome in told) == ["complete", "left"]
