"""A real llama.cpp server embeds: through the library, and behind the gateway."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

import ollama
import openai
import pytest

import tiny_gguf
from gateway.test_translation import gateway
from llama_server import Server, llama_server
from penstock import AsyncClient
from penstock.config import Config, ProviderConfig
from penstock.types import Vector

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow

TEXTS = ["Привет", "мир"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    model = tiny_gguf.write(tmp_path_factory.mktemp("model") / "tiny.gguf")
    with llama_server(model) as server:
        yield server


def client(server: Server) -> AsyncClient:
    settings = {"base_url": server.url, "api_key": server.key}
    return AsyncClient("openai-compatible/tiny", config=Config(), **settings)


def likeness(one: Vector, other: Vector) -> float:
    product = math.fsum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))


async def test_floats_and_base64_are_the_same_vectors(server: Server) -> None:
    floats = await client(server).embed(TEXTS)
    exact = await client(server).embed(TEXTS, encoding_format="base64")
    assert floats.vectors == exact.vectors
    assert len(floats.vectors) == 2
    assert floats.usage
    assert floats.usage.provenance == "reported"


async def test_tokens_are_taken_and_dimensions_are_not(server: Server) -> None:
    found = await client(server).embed([[1, 2, 3], [4]], dimensions=8)
    assert len(found.vectors) == 2
    assert found.loss == ("dimensions",)


async def test_many_texts_stay_in_order_over_several_requests(server: Server) -> None:
    texts = [f"{number} apples" for number in range(520)]
    found = await client(server).embed(texts)
    for place in (0, 511, 512, 519):
        alone = (await client(server).embed(texts[place])).vectors[0]
        likest = max(range(len(texts)), key=lambda n: likeness(alone, found.vectors[n]))
        assert likest == place


async def test_the_gateway_gives_sdks_the_same_vectors(server: Server) -> None:
    direct = [list(vector) for vector in (await client(server).embed(TEXTS)).vectors]

    def by_openai(url: str) -> list[list[float]]:
        with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as sdk:
            answer = sdk.embeddings.create(model="lab/tiny", input=TEXTS)
        return [one.embedding for one in answer.data]

    def by_ollama(url: str) -> list[list[float]]:
        with ollama.Client(host=url) as sdk:
            return [list(each) for each in sdk.embed("lab/tiny", TEXTS).embeddings]

    lab = ProviderConfig(type="openai-compatible", base_url=server.url, api_key=server.key)
    async with gateway(lab=lab) as url:
        assert await asyncio.to_thread(by_openai, url) == direct
        assert await asyncio.to_thread(by_ollama, url) == direct
