"""A server that nobody here wrote answers every provider whose interface it has.

``@copilotkit/aimock`` (npm) speaks the services' own interfaces from a file of answers,
``said.json``: what it takes for a service's request and what it takes for an answer are its
authors' reading of the vendors' pages, not ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from penstock.catalog import Catalog
from penstock.config import Config
from penstock.events import Reply, collect
from penstock.http_provider import HTTPProvider
from penstock.provider import question
from penstock.types import EmbeddingRequest
from programs import find, free_port, running
from typescript.node import install

HELLO = "Привет! Чем могу помочь сегодня? 🙂"
WARM = "Тепло, 21 °C 🌞"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "How warm it is",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    }
]
VERTEX = "/v1/projects/p/locations/global"
BELOW = {
    "openai": "/v1",
    "openai-responses": "/v1",
    "anthropic": "",
    "gemini": "",
    "vertex": VERTEX,
    "azure": "/openai?api-version=2024-10-21",
    "bedrock": "",
    "ollama": "",
    "cohere": "",
    "openrouter": "/v1",
    "groq": "/v1",
    "deepseek": "/v1",
    "mistral": "/v1",
    "xai": "/v1",
}
"""Where each provider's interface begins there."""

INVENTED = "FUNCTION_CALL"
"""What it gives as Gemini's reason for a tool call; Gemini says STOP, and has no such word."""

each_service = pytest.mark.parametrize("name", BELOW)
streamed_or_whole = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of the server."""
    script = install() / "@copilotkit" / "aimock" / "dist" / "cli.js"
    said = Path(__file__).parent / "said.json"
    port = free_port()
    options = ["--port", str(port), "--fixtures", str(said), "--strict", "--log-level", "silent"]
    with running([find("node"), str(script), *options, "--chunk-size", "3"], port):
        yield f"http://127.0.0.1:{port}"


EMBEDS = ("openai", "openai-responses", "azure", "mistral", "cohere")
"""Those whose embeddings it has in the service's own form: it answers ``/api/embed`` with the key
``embedding``, which is not Ollama's, and knows no ``batchEmbedContents`` of Gemini."""


def provider(name: str, server: str) -> HTTPProvider:
    found = Catalog(Config()).get(name)
    assert isinstance(found, HTTPProvider)
    return found.configured(base_url=server + BELOW[name], api_key="sk-test")


async def ask(asked: HTTPProvider, messages: Any, stream: bool, **options: Any) -> Reply:
    request = question(asked.default_model or "m", messages, {"stream": stream, **options})
    return collect([event async for event in asked.stream(request)])


@streamed_or_whole
@each_service
async def test_it_answers(name: str, stream: bool, server: str) -> None:
    reply = await ask(provider(name, server), "Hello", stream)
    assert reply.text == HELLO
    assert reply.finish is not None
    assert reply.finish.reason == "stop"


@streamed_or_whole
@each_service
async def test_it_calls_a_tool_and_hears_its_answer(name: str, stream: bool, server: str) -> None:
    asked = provider(name, server)
    messages: list[Any] = [{"role": "user", "content": "How warm is it in Тверь?"}]
    reply = await ask(asked, messages, stream, tools=TOOLS)
    assert reply.finish is not None
    if reply.finish.raw_reason != INVENTED:
        assert reply.finish.reason == "tool_calls"
    (call,) = reply.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Тверь", "days": 3})
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 21}'}
    again = await ask(asked, [*messages, reply.message, result], stream, tools=TOOLS)
    assert again.text == WARM


@each_service
async def test_the_next_question_may_take_the_same_connection(name: str, server: str) -> None:
    """While an answer waits to be read, another is asked for; so its end comes with its rest, and
    its connection is free for the next question."""
    asked = provider(name, server)
    request = question(asked.default_model or "m", "Hello", {"stream": True})
    async with aclosing(asked.stream(request)) as slow:
        await anext(slow)
        assert (await ask(asked, "Hello", True)).text == HELLO
        assert [event async for event in slow]
    for _ in range(2):
        assert (await ask(asked, "Hello", True)).text == HELLO


@pytest.mark.parametrize("name", EMBEDS)
async def test_it_embeds(name: str, server: str) -> None:
    texts = ("Привет", "мир", "Привет")
    request = EmbeddingRequest(model="text-embedding-3-small", input=texts)
    asked = provider(name, server).configured(headers={"X-AIMock-Strict": "false"})
    found = await asked.embed(request)  # vectors that it makes of the text alone
    one, other, same = found.vectors
    assert len(one) > 1
    assert one == same
    assert one != other
