"""A real llama.cpp server, asked as any service that speaks OpenAI chat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

import tiny_gguf
from llama_server import Server, llama_server
from penstock import OpenAICompatible
from penstock.errors import Unauthorized
from penstock.events import Reply, collect
from penstock.protocols import json
from penstock.provider import question
from penstock.types import ToolCallPart

pytest.importorskip("xllamacpp")
_WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Paris", "Rome"]}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[Server]:
    with llama_server(tiny_model) as started:
        yield started


def there(server: Server, **given: str) -> OpenAICompatible:
    # llama.cpp closes a connection behind a streamed answer without having said so.
    settings = {"base_url": server.url, "api_key": server.key, **given}
    return OpenAICompatible(**settings, headers={"Connection": "close"})


async def answer(server: Server, **options: object) -> Reply:
    request = question("tiny", "Hello", {"temperature": 0, **options})
    return collect([event async for event in there(server).stream(request)])


async def test_it_chats_in_a_stream_and_whole(server: Server) -> None:
    streamed = await answer(server, max_tokens=30)
    whole = await answer(server, max_tokens=30, stream=False)
    assert streamed.text == whole.text
    assert streamed.finish is not None
    assert streamed.finish.reason == "length"
    assert streamed.finish.usage is not None
    assert streamed.finish.usage.output == 30


@pytest.mark.parametrize("stream", [True, False])
async def test_its_grammar_makes_a_model_call_a_tool(server: Server, stream: bool) -> None:
    reply = await answer(
        server,
        stream=stream,
        max_tokens=1000,
        tools=[_WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        logit_bias=tiny_gguf.CALLING,
    )
    (call,) = [part for part in reply.message.content if isinstance(part, ToolCallPart)]
    assert call.name == "weather"
    assert call.id
    assert json.loads(call.arguments.encode())["city"] in ("Paris", "Rome")
    assert reply.finish is not None
    assert reply.finish.reason == "tool_calls"


async def test_it_refuses_another_key(server: Server) -> None:
    with pytest.raises(Unauthorized):
        await there(server, api_key="sk-another").create_async("tiny", "Hello")


async def test_it_embeds(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{server.url}/embeddings", json={"input": ["a", "b"]}) as response:
            vectors = [item["embedding"] for item in (await response.json())["data"]]
    assert [len(vector) for vector in vectors] == [64, 64]
    assert vectors[0] != vectors[1]
