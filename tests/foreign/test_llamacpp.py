"""A real llama.cpp server, found by what it answers, does all that a provider can be asked for.

Its model is made of random numbers: what it says is noise, how it says it is llama.cpp's own. Tools
are called all the same, because a grammar leaves it no other words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import tiny_gguf
from llama_server import Server, llama_server
from penstock.catalog import Catalog
from penstock.config import Config
from penstock.events import Event, Reply, TextDelta, collect
from penstock.http_provider import HTTPProvider
from penstock.provider import question
from penstock.types import EmbeddingRequest

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "How warm it is",
            "parameters": {
                "type": "object",
                "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
                "required": ["days"],
                "additionalProperties": False,
            },
        },
    }
]
each_provider = pytest.mark.parametrize("name", ["openai-compatible", "llamacpp"])
streamed_or_whole = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    model = tiny_gguf.write(tmp_path_factory.mktemp("model") / "tiny.gguf")
    with llama_server(model) as server:
        yield server


async def asked(name: str, server: Server, **options: Any) -> list[Event]:
    found = Catalog(Config()).get(name)
    assert isinstance(found, HTTPProvider)
    provider = found.configured(base_url=server.url, api_key=server.key)
    request = question("tiny", "hello world", {"max_tokens": 24, "seed": 7, **options})
    return [event async for event in provider.stream(request)]


async def reply(name: str, server: Server, **options: Any) -> Reply:
    return collect(await asked(name, server, **options))


@each_provider
async def test_it_streams(name: str, server: Server) -> None:
    events = await asked(name, server, logit_bias={"2": -100})  # or it may say at once that it ends
    assert len([event for event in events if isinstance(event, TextDelta)]) > 3
    whole = collect(events)
    assert whole.finish is not None
    assert whole.finish.reason == "length"
    assert whole.usage is not None
    assert (whole.usage.output, whole.usage.provenance) == (24, "reported")
    assert whole.text == (await reply(name, server, logit_bias={"2": -100}, stream=False)).text


@streamed_or_whole
@each_provider
async def test_it_calls_a_tool(name: str, stream: bool, server: Server) -> None:
    forced = {"tool_choice": "required", "logit_bias": tiny_gguf.CALLING, "max_tokens": 400}
    once = {**forced, "parallel_tool_calls": False}
    said = await reply(name, server, tools=TOOLS, stream=stream, **once)
    assert said.finish is not None
    assert said.finish.reason == "tool_calls"
    call = said.tool_calls[0]
    assert call.name == "weather"
    assert 1 <= json.loads(call.arguments)["days"] <= 9


@each_provider
async def test_it_embeds(name: str, server: Server) -> None:
    found = Catalog(Config()).get(name)
    provider = found.configured(base_url=server.url, api_key=server.key)
    answer = await provider.embed(EmbeddingRequest(model="tiny", input=("hello", "world")))
    assert len(answer.vectors) == 2
    assert answer.vectors[0] != answer.vectors[1]


@each_provider
async def test_it_lists_its_model(name: str, server: Server) -> None:
    found = Catalog(Config()).get(name)
    provider = found.configured(base_url=server.url, api_key=server.key)
    assert "tiny" in {info.id for info in await provider.list_models()}
