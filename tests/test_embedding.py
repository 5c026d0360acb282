"""A call for embeddings: from texts to vectors, in as many requests as it takes."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import msgspec
import pytest

import penstock
from embedding_services import SERVICES, bodies, serve, vector, whole
from penstock import AsyncClient, Client, embedding
from penstock.config import Config, ProviderConfig
from penstock.embedding import AT_ONCE
from penstock.errors import (
    InvalidRequest,
    PenstockError,
    RateLimited,
    Unavailable,
    UnexpectedAnswer,
)
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.providers.cohere import Cohere
from penstock.providers.openai import OpenAI
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request, Response
from penstock.transport.mock import MockResponse, MockTransport
from penstock.types import EmbeddingRequest, Embeddings, Usage
from raw import STAY, Upstream, soon

TEXTS = ["Привет", "мир", "🙂"]
VECTORS = tuple(tuple(vector(text)) for text in TEXTS)
HERE = Config()


def client(upstream: Upstream, name: str) -> AsyncClient:
    return AsyncClient(f"{name}/m", config=HERE, base_url=upstream.url, api_key="sk-canary")


@pytest.mark.parametrize("name", SERVICES)
async def test_every_service_gives_a_vector_for_each_text_in_order(name: str) -> None:
    with serve(name) as upstream:
        found = await client(upstream, name).embed(TEXTS)
    assert found.vectors == VECTORS
    assert found.model == "m"
    assert found.usage
    assert found.usage.input
    assert found.usage.provenance == ("estimated" if name == "gemini" else "reported")
    assert found.loss == ()


@pytest.mark.parametrize("name", SERVICES)
async def test_every_service_is_told_the_dimensions_and_a_purpose_or_says_it_is_lost(
    name: str,
) -> None:
    with serve(name) as upstream:
        found = await client(upstream, name).embed("ab", dimensions=2, purpose="query")
        (asked,) = bodies(upstream)
    assert found.vectors == ((2.0, 97.0),)
    told = "search_query" in str(asked) or "RETRIEVAL_QUERY" in str(asked)
    assert found.loss == (() if told else ("purpose",))


@pytest.mark.parametrize("name", SERVICES)
async def test_a_thousand_texts_are_asked_for_in_as_many_requests_as_it_takes(name: str) -> None:
    texts = [chr(0x400 + number) * (1 + number % 7) for number in range(1000)]
    with serve(name) as upstream:
        found = await client(upstream, name).embed(iter(texts))
        asked = bodies(upstream)
    assert found.vectors == tuple(tuple(vector(text)) for text in texts)
    assert (len(asked) == 1) is (name == "openai")
    assert found.usage
    each = 2 if "embeddings" in SERVICES[name][0] else 1
    assert name == "gemini" or found.usage.input == 1000 * each


async def test_no_more_requests_are_under_way_than_a_few() -> None:
    under_way, most = 0, 0

    async def answer(request: Request) -> Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        said = SERVICES["cohere"][1](json.loads(request.body))
        return MockResponse(chunks=[json.dumps(said).encode()])

    transport = MockTransport(answer)
    provider = Cohere(api_key="k", transport=transport)
    found = await provider.embed(EmbeddingRequest(model="m", input=("x",) * 96 * 11))
    assert len(found.vectors) == 96 * 11
    assert len(transport.requests) == 11
    assert most == AT_ONCE


async def test_a_batch_that_fails_fails_the_call_and_ends_what_is_under_way() -> None:
    def script(request: bytes) -> Any:
        failing = b'"fail"' in request
        refusal = {"message": "no quota"}
        return whole(refusal, "429 Too Many Requests") if failing else [STAY]

    texts = ["x"] * 96 * 2 + ["fail"] + ["x"] * 96 * 9
    with Upstream(script) as upstream:
        with pytest.raises(RateLimited, match="no quota") as caught:
            await client(upstream, "cohere").embed(texts)
        for connection in upstream.connections:
            if b'"fail"' not in connection.requests[-1]:  # that one may be asked again
                await soon(connection.closed)
        assert len(upstream.connections) <= AT_ONCE
    assert caught.value.provider == "cohere"


async def test_a_caller_who_leaves_ends_every_request() -> None:
    with Upstream([STAY]) as upstream:
        call = asyncio.ensure_future(client(upstream, "cohere").embed(["x"] * 500))
        await soon(upstream.asked(AT_ONCE - 1))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        for connection in upstream.connections:
            await soon(connection.closed)


async def test_tokens_go_to_a_service_that_takes_them_and_no_other() -> None:
    with serve("openai") as upstream:
        found = await client(upstream, "openai").embed([[1, 2, 3], (4,)])
    assert [each[0] for each in found.vectors] == [3.0, 1.0]
    with pytest.raises(InvalidRequest, match="texts, not numbers of tokens"):
        await AsyncClient("cohere/m", config=HERE, api_key="k").embed([[1, 2, 3]])


async def test_strict_refuses_to_lose_anything_before_it_asks() -> None:
    with serve("openai") as upstream:
        with pytest.raises(InvalidRequest, match="openai cannot be told purpose"):
            await client(upstream, "openai").embed("x", purpose="query", strict=True)
        assert upstream.connections == []


async def test_dimensions_that_a_service_takes_no_notice_of_are_lost() -> None:
    answer = {"data": [{"embedding": [1, 2, 3], "index": 0}]}
    with Upstream(whole(answer)) as upstream:
        asking = client(upstream, "openai-compatible")
        assert (await asking.embed("x", dimensions=2)).loss == ("dimensions",)
        assert (await asking.embed("x", dimensions=3)).loss == ()
        with pytest.raises(InvalidRequest, match="cannot be told dimensions"):
            await asking.embed("x", dimensions=2, strict=True)


async def test_a_services_own_fields_go_to_it_as_they_are() -> None:
    with serve("cohere") as upstream:
        await client(upstream, "cohere").embed("x", truncate="NONE", timeout=20)
        (asked,) = bodies(upstream)
    assert asked["truncate"] == "NONE"
    assert set(asked) == {"model", "texts", "input_type", "embedding_types", "truncate"}


async def test_openai_is_asked_for_base64_and_its_kin_are_not() -> None:
    for name, asked_for in (("openai", "base64"), ("openai-compatible", None)):
        with serve(name) as upstream:
            await client(upstream, name).embed("x")
            (asked,) = bodies(upstream)
        assert asked.get("encoding_format") == asked_for


async def test_what_nobody_said_it_cost_is_estimated() -> None:
    answer = {"data": [{"embedding": [1]}]}
    with Upstream(whole(answer)) as upstream:
        found = await client(upstream, "openai-compatible").embed("eight by")
    assert found.usage == Usage(input=2, output=0, total=2, provenance="estimated")


@pytest.mark.parametrize(
    ("texts", "options", "field"),
    [
        ([], {}, "texts"),
        (None, {}, "texts"),
        (5, {}, "texts"),
        ([5], {}, "texts"),
        (b"x", {}, "texts"),
        ({"a": 1}, {}, "texts"),
        ("x", {"purpose": "fun"}, "purpose"),
        ("x", {"dimensions": "many"}, "dimensions"),
        ("x", {"strict": 5}, "strict"),
    ],
)
async def test_what_is_wrong_with_a_call_is_named(
    texts: Any, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest, match=field):
        await AsyncClient("openai/m", config=HERE, api_key="k").embed(texts, **options)


async def test_a_request_without_texts_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="input is empty"):
        await OpenAI(api_key="k").embed(EmbeddingRequest(model="m"))


async def test_a_providers_name_means_the_model_that_it_embeds_with() -> None:
    with serve("openai") as upstream:
        asking = AsyncClient(config=HERE, base_url=upstream.url, api_key="k")
        assert (await asking.embed("x", "openai")).model == "text-embedding-3-small"
        assert (await asking.embed("x", "openai/other")).model == "other"


async def test_a_provider_that_embeds_with_nothing_known_wants_a_name() -> None:
    with pytest.raises(InvalidRequest, match="openai-compatible/MODEL"):
        await AsyncClient(config=HERE).embed("x", "openai-compatible")


def test_a_purpose_is_one_of_those_that_are_known() -> None:
    assert msgspec.convert({"purpose": "query"}, EmbeddingRequest).purpose == "query"
    with pytest.raises(msgspec.ValidationError, match="purpose"):
        msgspec.convert({"purpose": "fun"}, EmbeddingRequest)


async def test_what_is_no_option_of_ours_is_the_services_own() -> None:
    with serve("openai") as upstream:
        await client(upstream, "openai-compatible").embed("x", encodings=["float"])
        (asked,) = bodies(upstream)
    assert asked["encodings"] == ["float"]


class Noting(OpenAIEmbeddings):
    """Notes in which threads it decodes."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        self.threads.append(threading.get_ident())
        return super().decode_response(body, request)


async def test_a_large_answer_is_decoded_beside_the_loop_and_a_small_one_in_it() -> None:
    form, here = Noting(), threading.get_ident()
    request = EmbeddingRequest(model="m", input=("x",))
    body = json.dumps({"data": [{"embedding": [1.5] * 3}]}).encode()
    large = body + b" " * 1024 * 1024
    assert await embedding.decode(form, body, request) == form.decode_response(large, request)
    assert set(form.threads) == {here}
    assert (await embedding.decode(form, large, request)).vectors == ((1.5, 1.5, 1.5),)
    assert form.threads[-1] != here


@pytest.mark.parametrize(
    "name",
    ["builtin/eliza", "anthropic/claude", "aura/openchat_3.6", "groq", "friendli", "builtin"],
)
async def test_a_provider_without_embeddings_says_so(name: str) -> None:
    provider = name.partition("/")[0]
    with pytest.raises(InvalidRequest, match=f"{provider} has no embeddings"):
        await AsyncClient(config=HERE, api_key="k").embed("x", name)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (whole({"error": {"message": "overloaded"}}, "503 Unavailable"), Unavailable),
        (whole({"error": {"message": "no such model"}}), UnexpectedAnswer),
        (whole({"data": []}), UnexpectedAnswer),
        (whole({"data": [{"embedding": []}]}), UnexpectedAnswer),
        (whole({"object": "list"}), UnexpectedAnswer),
    ],
)
async def test_a_failure_is_told_with_who_failed_and_without_the_key(
    answer: Any, raised: type[PenstockError]
) -> None:
    with Upstream(answer) as upstream, pytest.raises(raised) as caught:
        await client(upstream, "openai-compatible").embed("x")
    assert caught.value.provider == "openai-compatible"
    assert "sk-canary" not in str(caught.value)


def test_synchronous_callers_and_the_package_embed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve("openai") as upstream:
        settings = {"base_url": upstream.url, "api_key": "k"}
        assert Client("openai/m", config=HERE, **settings).embed(TEXTS).vectors == VECTORS
        monkeypatch.setenv("PENSTOCK_OPENAI_BASE_URL", upstream.url)
        monkeypatch.setenv("PENSTOCK_OPENAI_API_KEY", "k")
        assert penstock.embed(TEXTS, "openai").vectors == VECTORS


def test_a_configured_name_embeds_with_its_types_model() -> None:
    config = Config(providers={"lab": ProviderConfig(type="openai", api_key="k")})
    with serve("openai") as upstream:
        found = Client(config=config, base_url=upstream.url).embed("x", "lab")
    assert found.model == "text-embedding-3-small"


def test_a_providers_own_form_goes_before_its_protocols() -> None:
    assert OpenAI().embedding_format("m") is OpenAI.embeddings
    compatible = OpenAICompatible()
    assert compatible.embedding_format("m") is compatible.protocol.embeddings
