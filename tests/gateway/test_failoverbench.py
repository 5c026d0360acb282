"""The three faults that failoverbench finds no gateway to mend, amid an answer over a route: real
SDKs get all of it where the route continues, and else learn that it is not whole."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import aiohttp
import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import types
from google.genai.errors import APIError

from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig, RouteConfig
from penstock.faults import TEXT, WORDS, Answer, Server, serve
from penstock.faults.answers import spaced
from penstock.faults.endings import well
from penstock.faults.script import Script
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.transport import Timeouts

FAULTS = ("fb-s08-stream-cut", "fb-s09-stream-stall", "fb-s10-malformed-chunk")
WELL = "fb-ok"
SAY = "Say sixty words."

Heard: TypeAlias = list[tuple[str, object]]
"""The text of each piece, and why it is the last, where it says so."""

_numbers = itertools.count()


@asynccontextmanager
async def route(
    server: Server, *models: str, kind: str = "openai-compatible", continues: bool = False
) -> AsyncIterator[str]:
    """A gateway's address, whose route ``smart`` asks these models one after the other."""
    lab = f"fb{next(_numbers)}"  # what is measured of a test's service is nobody else's
    base = server.url + ("/v1" if kind == "openai-compatible" else "")
    said = ProviderConfig(type=kind, base_url=base, api_key="k", timeouts=Timeouts(idle=1.0))
    smart = RouteConfig(fallback=tuple(f"{lab}/{one}" for one in models), continues=continues)
    gateway = Gateway(Catalog(Config(providers={lab: said}, routes={"smart": smart})))
    async with listen(gateway, "127.0.0.1", 0) as (host, port):
        yield f"http://{host}:{port}"


# Callers


async def of_openai(url: str, stream: bool, heard: Heard) -> None:
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as sdk:
        if not stream:
            whole = await sdk.chat.completions.create(
                model="smart", messages=[{"role": "user", "content": SAY}]
            )
            heard.append((whole.choices[0].message.content or "", whole.choices[0].finish_reason))
            return
        async for part in await sdk.chat.completions.create(
            model="smart", messages=[{"role": "user", "content": SAY}], stream=True
        ):
            for choice in part.choices:
                heard.append((choice.delta.content or "", choice.finish_reason))


async def of_anthropic(url: str, stream: bool, heard: Heard) -> None:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as sdk:
        if not stream:
            whole = await sdk.messages.create(
                model="smart", max_tokens=500, messages=[{"role": "user", "content": SAY}]
            )
            said = "".join(part.text for part in whole.content if part.type == "text")
            heard.append((said, whole.stop_reason))
            return
        async for event in await sdk.messages.create(
            model="smart",
            max_tokens=500,
            messages=[{"role": "user", "content": SAY}],
            stream=True,
        ):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                heard.append((event.delta.text, None))
            elif event.type in ("message_delta", "message_stop"):
                heard.append(("", event.type))


async def of_gemini(url: str, stream: bool, heard: Heard) -> None:
    def ask() -> None:
        options = types.HttpOptions(base_url=url, api_version="v1beta")
        with genai.Client(api_key="none", http_options=options) as sdk:
            if not stream:
                whole = sdk.models.generate_content(model="smart", contents=SAY)
                heard.append((whole.text or "", _reason(whole)))
                return
            for part in sdk.models.generate_content_stream(model="smart", contents=SAY):
                heard.append((part.text or "", _reason(part)))

    await asyncio.to_thread(ask)  # its asynchronous client warns of its own making


def _reason(part: types.GenerateContentResponse) -> object:
    return part.candidates[0].finish_reason if part.candidates else None


async def of_ollama(url: str, stream: bool, heard: Heard) -> None:
    async with ollama.AsyncClient(url) as sdk:
        messages = [{"role": "user", "content": SAY}]
        if not stream:
            whole = await sdk.chat("smart", messages)
            heard.append((whole.message.content or "", whole.done))
            return
        async for part in await sdk.chat("smart", messages, stream=True):
            heard.append((part.message.content or "", part.done or None))


Caller: TypeAlias = Callable[[str, bool, Heard], Awaitable[None]]
CALLERS: dict[str, tuple[Caller, str, tuple[type[Exception], ...]]] = {
    "openai": (of_openai, "openai-compatible", (openai.APIError,)),
    "anthropic": (of_anthropic, "anthropic", (anthropic.APIError,)),
    "gemini": (of_gemini, "gemini", (APIError,)),
    "ollama": (of_ollama, "ollama", (ollama.ResponseError,)),
}
"""Each with a service of its own protocol, and what its SDK raises."""

every_fault = pytest.mark.parametrize("fault", FAULTS)
every_caller = pytest.mark.parametrize("name", CALLERS)


def going_on(answer: Answer) -> Script:
    """Where it is given the beginning of its answer, it goes on after that; else it says it all."""
    last = answer.request.messages[-1]
    said = last.text.split() if last.role == "assistant" else []
    return well(answer.saying(spaced(WORDS)[len(said) :]))


def asked(server: Server) -> list[str]:
    """The models that were asked, in their order, whichever way the protocol says them."""
    return [
        model
        for request in server.requests
        for model in (*FAULTS, WELL)
        if model in request.target or json.loads(request.body).get("model") == model
    ]


@every_fault
@every_caller
async def test_a_route_that_continues_gives_all_of_it_and_asks_the_next(
    name: str, fault: str
) -> None:
    ask, kind, _ = CALLERS[name]
    heard: Heard = []
    async with serve(fault, going_on, pace=0) as server:
        async with route(server, fault, WELL, kind=kind, continues=True) as url:
            await ask(url, True, heard)
        assert asked(server) == [fault, WELL]
    assert "".join(text for text, _ in heard) == TEXT
    assert heard[-1][1]


@every_fault
@every_caller
async def test_a_route_that_does_not_says_that_it_is_not_all_and_asks_nobody_else(
    name: str, fault: str
) -> None:
    ask, kind, raises = CALLERS[name]
    heard: Heard = []
    async with serve(pace=0) as server:
        async with route(server, fault, WELL, kind=kind) as url:
            with pytest.raises(raises):
                await ask(url, True, heard)
        assert asked(server) == [fault]
    said = "".join(text for text, _ in heard)
    assert said
    assert TEXT.startswith(said)
    assert not any(reason for _, reason in heard)


@every_fault
@every_caller
@pytest.mark.parametrize("continues", [True, False], ids=["on", "off"])
async def test_a_whole_answer_is_asked_for_anew_either_way(
    name: str, fault: str, continues: bool
) -> None:
    ask, kind, _ = CALLERS[name]
    heard: Heard = []
    async with serve(pace=0) as server:
        async with route(server, fault, WELL, kind=kind, continues=continues) as url:
            await ask(url, False, heard)
        assert asked(server) == [fault, WELL]
    ((said, reason),) = heard
    assert said == TEXT
    assert reason


@every_fault
async def test_one_protocols_answer_goes_on_in_anothers_and_a_third_reads_it(fault: str) -> None:
    heard: Heard = []
    async with serve(pace=0) as first, serve(pace=0) as second:
        names = [f"fb{next(_numbers)}", f"fb{next(_numbers)}"]
        limits = Timeouts(idle=1.0)
        providers = {
            names[0]: ProviderConfig(type="gemini", base_url=first.url, timeouts=limits),
            names[1]: ProviderConfig(type="anthropic", base_url=second.url, api_key="k"),
        }
        smart = RouteConfig(fallback=(f"{names[0]}/{fault}", f"{names[1]}/{WELL}"), continues=True)
        gateway = Gateway(Catalog(Config(providers=providers, routes={"smart": smart})))
        async with listen(gateway, "127.0.0.1", 0) as (host, port):
            await of_openai(f"http://{host}:{port}", True, heard)
        assert (asked(first), asked(second)) == ([fault], [WELL])
    assert "".join(text for text, _ in heard) == TEXT
    assert heard[-1][1] == "stop"


@every_fault
async def test_the_caller_is_told_whose_words_it_has(fault: str) -> None:
    body = {"model": "smart", "stream": True, "messages": [{"role": "user", "content": SAY}]}
    async with serve(pace=0) as server, aiohttp.ClientSession() as http:
        async with route(server, fault, WELL, continues=True) as url:
            async with http.post(url + "/v1/chat/completions", json=body) as answer:
                got = (await answer.read()).decode()
                assert "penstock-route" not in answer.headers  # nobody was asked in vain
    *_, told, _, done, end = got.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    assert told.startswith(": penstock-recovered: fb")
    assert told.endswith(f"/{fault}")
