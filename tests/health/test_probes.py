"""Five small questions to real sockets, and what is made of the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from penstock import Aura, HTTPProvider, OpenAICompatible, outcomes
from penstock.events import Event, Finish, Start, TextDelta, ToolCallDelta, ToolCallStart
from penstock.generator import GeneratorProvider
from penstock.health import here
from penstock.health.probes import ALL, QUESTIONS, Target, probe, probe_all
from penstock.health.results import Result, Thing
from penstock.health.store import Store
from penstock.outcomes import Outcome
from penstock.provider import Provider
from penstock.providers.anthropic import Anthropic
from penstock.providers.builtin import Builtin
from penstock.providers.cohere import Cohere
from penstock.providers.gemini import Gemini
from penstock.providers.ollama import Ollama
from penstock.types import ChatRequest, Usage
from raw import (
    CHUNKED,
    DONE,
    FIN,
    LAST,
    RST,
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

NO_MODEL = b'{"error": {"message": "no such model", "code": "model_not_found"}}'
FILTERED = b'{"error": {"message": "filtered", "code": "content_filter"}}'
OK = (Start("1", "m"), TextDelta("OK."), Finish("stop", "stop", Usage(1, 1)))


def target(upstream: Upstream, kind: type[HTTPProvider] = OpenAICompatible) -> Target:
    return Target(kind(base_url=upstream.url, api_key="k"), "m")


def said(kind: type[HTTPProvider], *events: Event) -> Script:
    """A stream as the provider's service sends it."""
    encoder = kind.protocol.encoder(ChatRequest(model="m"))
    body = b"".join(map(encoder.encode, events)) + encoder.close()
    return [head(content_type=kind.protocol.stream_type, content_length=len(body)), body]


def refused(status: str, body: bytes = b'{"error": {"message": "no"}}') -> Script:
    return [head(status, "application/json", content_length=len(body)), body]


async def tried(script: Script, what: Thing = "stream", within: float = 5.0) -> Result:
    """What one probe of a service that says ``script`` comes to."""
    store = Store()
    with Upstream(script) as upstream:
        result = await probe(target(upstream), what, store=store, within=within)
    assert store.tried("openai-compatible", "m")[what] == (result,)
    assert result.probe
    return result


@pytest.mark.parametrize("kind", [OpenAICompatible, Anthropic, Gemini, Ollama, Cohere])
async def test_a_stream_that_ends_well_works_in_every_protocol(kind: type[HTTPProvider]) -> None:
    store = Store()
    with Upstream(said(kind, *OK)) as upstream:
        result = await probe(target(upstream, kind), store=store)
    assert (result.verdict, result.error) == ("worked", "")
    assert result.first is not None
    assert 0 < result.first <= result.took < 5
    assert store.state(kind.name, "m") == "working"


@pytest.mark.parametrize("kind", [OpenAICompatible, Anthropic, Gemini, Ollama, Cohere])
async def test_a_stream_that_is_cut_fails_in_every_protocol(kind: type[HTTPProvider]) -> None:
    encoder = kind.protocol.encoder(ChatRequest(model="m"))
    body = b"".join(encoder.encode(event) for event in OK[:2])
    store = Store()
    with Upstream([head(content_type=kind.protocol.stream_type), body, FIN]) as upstream:
        result = await probe(target(upstream, kind), store=store)
    assert (result.verdict, result.error) == ("failed", "StreamTruncated")
    assert store.is_failing(kind.name, "m")


@pytest.mark.parametrize(
    ("script", "verdict", "error"),
    [
        (refused("500 Internal Server Error"), "failed", "Unavailable"),
        (refused("401 Unauthorized"), "failed", "Unauthorized"),
        (refused("404 Not Found"), "failed", "InvalidRequest"),
        (refused("404 Not Found", NO_MODEL), "failed", "UnknownModel"),
        (refused("400 Bad Request", FILTERED), "unclear", "ContentFiltered"),
        (refused("429 Too Many Requests"), "limited", "RateLimited"),
        (refused("400 Bad Request"), "failed", "InvalidRequest"),
        ([RST], "failed", "ConnectionFailed"),
        ([STAY], "failed", "Timeout"),
        ([CHUNKED, chunk(say("", "stop") + DONE), LAST], "failed", "EmptyStream"),
        ([CHUNKED, chunk(say("", "length") + DONE), LAST], "worked", ""),
    ],
)
async def test_what_else_may_come_of_a_stream(script: Script, verdict: str, error: str) -> None:
    result = await tried(script, within=0.3)
    assert (result.verdict, result.error) == (verdict, error)


WHOLE = {
    "id": "1",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "OK."},
        }
    ],
}


async def test_a_whole_answer_is_asked_for_in_one_piece() -> None:
    body = json.dumps(WHOLE).encode()
    with Upstream([head(content_type="application/json", content_length=len(body)), body]) as it:
        result = await probe(target(it), "chat", store=Store())
        (asked,) = it.connections[0].requests
    assert (result.what, result.verdict) == ("chat", "worked")
    assert b'"stream":true' not in asked


def call(name: str = "ready", arguments: str = '{"is_ready": true}') -> list[Event]:
    return [ToolCallStart(0, "c", name), ToolCallDelta(0, arguments)]


def answer(*events: Event, reason: Any = "stop") -> Script:
    return said(OpenAICompatible, OK[0], *events, Finish(reason, None, None))


@pytest.mark.parametrize(
    ("script", "verdict", "error"),
    [
        (answer(*call(), reason="tool_calls"), "worked", ""),
        (answer(*call("ready", ""), reason="tool_calls"), "worked", ""),
        (answer(*call("another"), reason="tool_calls"), "failed", "UnexpectedAnswer"),
        (answer(*call("ready", '{"is'), reason="tool_calls"), "failed", "UnexpectedAnswer"),
        (answer(*call("ready", '{"is'), reason="length"), "unclear", ""),
        (answer(TextDelta("I am ready.")), "unsupported", "UnexpectedAnswer"),
        (answer(TextDelta("I am"), reason="length"), "unclear", ""),
        (refused("400 Bad Request"), "unsupported", "InvalidRequest"),
        (refused("404 Not Found"), "failed", "InvalidRequest"),
        (refused("404 Not Found", NO_MODEL), "failed", "UnknownModel"),
        (refused("503 Service Unavailable"), "failed", "Unavailable"),
    ],
)
async def test_a_tool_must_be_called(script: Script, verdict: str, error: str) -> None:
    result = await tried(script, "tools")
    assert (result.verdict, result.error) == (verdict, error)


@pytest.mark.parametrize(
    ("script", "verdict", "error"),
    [
        (answer(TextDelta('{"ready": true}')), "worked", ""),
        (answer(TextDelta('{"ready": tr')), "failed", "UnexpectedAnswer"),
        (answer(TextDelta('{"ready": tr'), reason="length"), "unclear", ""),
        (answer(TextDelta("Ready.")), "unsupported", "UnexpectedAnswer"),
        (refused("422 Unprocessable Entity"), "unsupported", "InvalidRequest"),
        (refused("429 Too Many Requests"), "limited", "RateLimited"),
    ],
)
async def test_an_answer_in_json_must_be_json(script: Script, verdict: str, error: str) -> None:
    result = await tried(script, "json")
    assert (result.verdict, result.error) == (verdict, error)


@pytest.mark.parametrize("what", ["tools", "json"])
async def test_what_a_protocol_cannot_ask_for_is_unsupported(what: Thing) -> None:
    body = b'{"ready": true}'
    with Upstream([head(content_type="text/plain", content_length=len(body)), body]) as upstream:
        aura = Target(Aura(base_url=upstream.url), "openchat_3.6")
        result = await probe(aura, what, store=Store())
    assert result.verdict == "unsupported"


async def test_who_knows_no_schema_is_asked_for_any_object() -> None:
    def by_form(request: bytes) -> Script:
        if b"json_schema" in request:
            return refused("400 Bad Request")
        assert b"json_object" in request
        return answer(TextDelta('{"ready": true}'))

    with Upstream(by_form) as upstream:
        result = await probe(target(upstream), "json", store=Store())
    assert result.verdict == "worked"


async def test_what_only_a_probe_of_tools_found_makes_no_model_fail() -> None:
    store = Store()
    with Upstream(answer(*call("another"), reason="tool_calls")) as upstream:
        await probe(target(upstream), "tools", store=store)
    assert store.state("openai-compatible", "m") == "unknown"


async def test_a_long_answer_is_left_after_its_first_word_and_the_service_sees_that() -> None:
    with Upstream([CHUNKED, chunk(say("one")), STAY]) as upstream:
        result = await probe(target(upstream), "cancel", store=Store())
        connection = await soon(upstream.asked())
        await soon(connection.closed)
    assert (result.what, result.verdict) == ("cancel", "worked")
    assert result.first is not None


async def test_an_answer_that_cannot_be_left_fails() -> None:
    class Clinging:
        name = "clinging"

        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
            try:
                yield TextDelta("one")
            finally:
                await asyncio.sleep(60)

    store = Store()
    result = await probe(Target(Clinging(), "m"), "cancel", store=store, within=0.05)
    assert (result.verdict, result.error) == ("failed", "Timeout")


async def test_an_answer_without_a_word_says_nothing_of_leaving() -> None:
    assert (
        await tried([CHUNKED, chunk(say("", "stop") + DONE), LAST], "cancel")
    ).verdict == "unclear"


async def test_a_provider_of_somebody_s_own_that_raises_anything_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Odd:
        name = "odd"

        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
            yield OK[0]
            raise LookupError("inside")

    result = await probe(Target(Odd(), "m"), store=Store())
    assert (result.verdict, result.error) == ("failed", "LookupError")
    assert "odd/m cannot be tried" in caplog.text


async def test_the_outcome_of_a_probe_says_that_it_is_one_and_no_other_does() -> None:
    heard: list[Outcome] = []
    stop = outcomes.observe(heard.append)
    try:
        with Upstream(spoken("OK.")) as upstream:
            provider = OpenAICompatible(base_url=upstream.url)
            await probe(Target(provider, "m"), store=Store())
            await provider.create_async("m", "Hello")
    finally:
        stop()
    assert [outcome.probe for outcome in heard] == ["stream", ""]
    assert not here.tried("openai-compatible", "probed-by-nobody")


async def test_a_wrong_name_or_setting_of_ours_fails_and_is_not_noted() -> None:
    store = Store()
    nowhere = OpenAICompatible(base_url="ftp://nowhere")
    wrong: list[tuple[Provider, str]] = [(Builtin(), "UnknownModel"), (nowhere, "ConfigError")]
    for provider, error in wrong:
        result = await probe(Target(provider, "nonsense"), store=store)
        assert (result.verdict, result.error) == ("failed", error)
    assert not list(store.items())


async def test_a_service_that_does_not_know_the_model_fails_and_that_is_noted() -> None:
    store = Store()
    with Upstream(refused("404 Not Found")) as upstream:
        await probe(target(upstream), store=store)
    assert store.state("openai-compatible", "m") == "failing"


async def test_whoever_is_cancelled_leaves_and_tells_nothing() -> None:
    store = Store()
    with Upstream([CHUNKED, chunk(say("one")), STAY]) as upstream:
        task = asyncio.create_task(probe(target(upstream), store=store))
        connection = await soon(upstream.asked())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await soon(connection.closed)
    assert not list(store.items())


async def test_so_many_at_once_and_each_as_it_comes() -> None:
    under_way, most = 0, 0

    class Counted(GeneratorProvider):
        async def create_async_generator(self, model: str, messages: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            yield "OK."

    provider, store = Counted(), Store()
    targets = [Target(provider, str(number)) for number in range(9)]
    tries = probe_all(targets, ("stream", "chat"), store=store, most=3)
    results = [(one.model, result.what) async for one, result in tries]
    assert sorted(results) == sorted(
        (str(n), what) for n in range(9) for what in ("stream", "chat")
    )
    assert most == 3


async def test_leaving_in_the_middle_of_many_leaves_all_of_them() -> None:
    gate = Gate()
    stuck: Script = [CHUNKED, chunk(say("one")), gate, STAY]
    with Upstream(spoken("OK."), stuck) as upstream:
        targets = [Target(OpenAICompatible(base_url=upstream.url), str(n)) for n in range(3)]
        tries = probe_all(targets, store=Store())
        _, first = await anext(tries)
        assert first.verdict == "worked"
        others = [await soon(upstream.asked(n)) for n in (1, 2)]
        await tries.aclose()
        for connection in others:
            await soon(connection.closed)


def test_every_thing_has_a_small_question() -> None:
    assert set(QUESTIONS) == set(ALL)
    for questions in QUESTIONS.values():
        assert all((question.max_tokens or 999) <= 256 for question in questions)
