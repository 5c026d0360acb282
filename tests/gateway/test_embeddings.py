"""Embeddings at the gateway: the vendors' own SDKs, over services of every other form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import cohere
import httpx
import httpx2
import ollama
import openai
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral

from embedding_services import SERVICES, bodies, serve, vector, whole
from gateway.test_translation import gateway, post
from penstock.config import ProviderConfig
from raw import Upstream, head

TEXTS = ["Привет", "мир", "🙂"]
VECTORS = [vector(text) for text in TEXTS]
MODEL = "up/m"
Ask = Callable[[str, list[str]], list[list[float]]]


def by_openai(url: str, texts: list[str], **options: Any) -> list[list[float]]:
    with openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as sdk:
        answer = sdk.embeddings.create(model=MODEL, input=texts, **options)
    assert answer.model == "m"
    assert answer.usage.prompt_tokens
    return [one.embedding for one in sorted(answer.data, key=lambda one: one.index)]


def by_openai_in_floats(url: str, texts: list[str]) -> list[list[float]]:
    return by_openai(url, texts, encoding_format="float")  # it asks for base64 by itself


def by_mistral(url: str, texts: list[str]) -> list[list[float]]:
    with httpx2.Client() as http, Mistral(api_key="none", server_url=url, client=http) as sdk:
        answer = sdk.embeddings.create(model=MODEL, inputs=texts)
    return [one.embedding or [] for one in sorted(answer.data, key=lambda one: one.index or 0)]


def by_cohere(url: str, texts: list[str]) -> list[list[float]]:
    with httpx.Client() as http:
        sdk = cohere.ClientV2(api_key="none", base_url=url, httpx_client=http)
        answer = sdk.embed(
            model=MODEL, texts=texts, input_type="search_document", embedding_types=["float"]
        )
    assert answer.embeddings.float_ is not None
    return answer.embeddings.float_


def by_gemini(url: str, texts: list[str]) -> list[list[float]]:
    with genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url)) as sdk:
        answer = sdk.models.embed_content(model=MODEL, contents=list[Any](texts))
    return [one.values or [] for one in answer.embeddings or ()]


def by_ollama(url: str, texts: list[str]) -> list[list[float]]:
    with ollama.Client(host=url) as sdk:
        answer = sdk.embed(MODEL, texts)
    assert answer.model == "m"
    return [list(each) for each in answer.embeddings]


def by_ollama_one_by_one(url: str, texts: list[str]) -> list[list[float]]:
    with ollama.Client(host=url) as sdk:
        return [list(sdk.embeddings(MODEL, text).embedding) for text in texts]


CALLERS: dict[str, Ask] = {
    "openai": by_openai,
    "openai in floats": by_openai_in_floats,
    "mistral": by_mistral,
    "cohere": by_cohere,
    "gemini": by_gemini,
    "ollama": by_ollama,
    "ollama, one by one": by_ollama_one_by_one,
}


def up(name: str, upstream: Upstream) -> ProviderConfig:
    return ProviderConfig(type=name, base_url=upstream.url, api_key="sk-canary")


PAIRS = [
    (caller, service)
    for caller in CALLERS
    for service in SERVICES
    # Mistral's SDK wants an id, which OpenAI does not give, whose answer goes through unchanged.
    if not (caller == "mistral" and service.startswith("openai"))
]


@pytest.mark.parametrize(("caller", "service"), PAIRS)
async def test_every_sdk_is_answered_by_every_service(caller: str, service: str) -> None:
    with serve(service) as upstream:
        async with gateway(up=up(service, upstream)) as url:
            found = await asyncio.to_thread(CALLERS[caller], url, TEXTS)
    assert found == VECTORS


@pytest.mark.parametrize("caller", ["openai", "gemini", "cohere", "ollama"])
async def test_more_texts_than_a_request_may_hold_are_asked_for_in_several(caller: str) -> None:
    texts = [chr(0x400 + number) for number in range(600)]
    for service in ("openai-compatible", "gemini", "cohere", "ollama"):
        with serve(service) as upstream:
            async with gateway(up=up(service, upstream)) as url:
                found = await asyncio.to_thread(CALLERS[caller], url, texts)
            assert len(bodies(upstream)) > 1
        assert found == [vector(text) for text in texts]


async def test_the_same_form_goes_through_unchanged() -> None:
    value = {"object": "list", "data": [{"odd": 1}], "unknown": {"a": 1}}
    body = json.dumps(value, indent=3).encode()
    answer = [head("200 OK", content_type="application/json", content_length=len(body)), body]
    with Upstream(answer) as upstream:
        async with gateway(up=up("openai", upstream)) as url:
            asked = {"model": MODEL, "input": ["x", 5], "unknown": {"b": 2}}
            status, headers, got = await post(url + "/v1/embeddings", asked)
        (said,) = bodies(upstream)
        raw = upstream.connections[0].requests[0]
    assert (status, got) == (200, body)
    assert "penstock-loss" not in headers
    assert said == {**asked, "model": "m"}
    assert b"Bearer sk-canary" in raw


async def test_a_gemini_batch_goes_through_with_the_services_name_of_the_model() -> None:
    answer = {"embeddings": [{"values": [1]}], "odd": 1}
    parts = {"content": {"parts": [{"text": "x"}]}, "taskType": "CODE_RETRIEVAL_QUERY"}
    with Upstream(whole(answer)) as upstream:
        async with gateway(up=up("gemini", upstream)) as url:
            path = "/v1beta/models/up%2Fm:batchEmbedContents"
            body = {"requests": [{"model": "models/up/m", **parts}]}
            _, _, got = await post(url + path, body)
        (said,) = bodies(upstream)
        assert upstream.connections[0].requests[0].startswith(b"POST /v1beta/models/m:batch")
    assert json.loads(got) == answer
    assert said == {"requests": [{"model": "models/m", **parts}]}


async def test_what_the_service_was_not_told_is_in_the_header() -> None:
    asked = {"model": MODEL, "texts": ["x"], "input_type": "search_query", "truncate": "END"}
    types = {"embedding_types": ["float", "int8"]}
    with serve("openai") as upstream:
        async with gateway(up=up("openai", upstream)) as url:
            _, headers, _ = await post(url + "/v2/embed", {**asked, **types})
            strict = {"penstock-strict": "true"}
            status, _, refused = await post(url + "/v2/embed", {**asked, **types}, **strict)
        assert len(bodies(upstream)) == 1
    assert headers["penstock-loss"] == "encoding.int8, extra.truncate, purpose"
    assert status == 400
    assert "cannot be told" in json.loads(refused)["message"]


async def test_a_purpose_survives_between_those_who_know_it() -> None:
    content = {"content": {"parts": [{"text": "x"}]}, "outputDimensionality": 2}
    with serve("cohere") as upstream:
        async with gateway(up=up("cohere", upstream)) as url:
            path = "/v1beta/models/up/m:embedContent"
            _, headers, got = await post(url + path, {**content, "taskType": "RETRIEVAL_QUERY"})
        (said,) = bodies(upstream)
    assert said["input_type"] == "search_query"
    assert json.loads(got)["embedding"] == {"values": vector("x")[:2]}
    assert "penstock-loss" not in headers


FAILURES = [
    ("/v1/embeddings", {"model": MODEL, "input": []}, ("error", "message"), "input is empty"),
    ("/v1/embeddings", {"model": MODEL}, ("error", "message"), "input is missing"),
    ("/v1/embeddings", {"model": 5, "input": "x"}, ("error", "message"), "model must be"),
    ("/v1/embeddings", {"model": MODEL, "input": [1, "x"]}, ("error", "message"), "mixes"),
    ("/v2/embed", {"model": MODEL, "texts": []}, ("message",), "texts is empty"),
    ("/v2/embed", {"model": MODEL, "images": ["data:"]}, ("message",), "images"),
    ("/v1beta/models/up/m:batchEmbedContents", {"requests": []}, ("error", "message"), "requests"),
    ("/v1beta/models/up/m:embedContent", {}, ("error", "message"), "content is missing"),
    ("/api/embed", {"model": MODEL, "input": 5}, ("error",), "input"),
    ("/api/embeddings", {"model": MODEL}, ("error",), "prompt is missing"),
    ("/v1/embeddings", {"model": "builtin/eliza", "input": "x"}, ("error", "message"), "builtin"),
    ("/v1/embeddings", {"model": "bare", "input": "x"}, ("error", "message"), "bare has no emb"),
    ("/v1/embeddings", {"model": "lab", "input": "x"}, ("error", "message"), "as lab/MODEL"),
]


@pytest.mark.parametrize(("path", "body", "place", "words"), FAILURES)
async def test_a_failure_is_told_in_the_callers_protocol(
    path: str, body: dict[str, Any], place: tuple[str, ...], words: str
) -> None:
    # A service whose form no caller's body goes through to unchanged.
    up = ProviderConfig(type="mistral", base_url="http://127.0.0.1:1", api_key="k")
    bare = ProviderConfig(type="groq", base_url="http://127.0.0.1:1", api_key="k")
    lab = ProviderConfig(type="openai-compatible", base_url="http://127.0.0.1:1")
    async with gateway(up=up, bare=bare, lab=lab) as url:
        status, _, got = await post(url + path, body)
    said = json.loads(got)
    for key in place:
        said = said[key]
    assert status == 400
    assert words in said


async def test_a_services_failure_keeps_its_status() -> None:
    refusal = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    with Upstream(whole(refusal, "429 Too Many Requests")) as upstream:
        for service in ("openai", "mistral"):
            async with gateway(up=up(service, upstream)) as url:
                status, _, got = await post(url + "/v1/embeddings", {"model": MODEL, "input": "x"})
            assert status == 429
            assert json.loads(got)["error"]["message"] == "slow down"


NONE = [
    b'{"error": {"message": "no"}}',
    b"<html>",
    b"[]",
    b"{",
    b"{}",
    b'{"data": []}',
    b'{"data": [{"embedding": [1]}], "error": {"message": "no"}}',
    b'{"data": [{"embedding": [1]}]}',
    b'{"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}',
]


OWN_WORDS = [{"penstock": "unknown"}, {"encoding_format": "own"}]
"""What a service may answer with vectors of any shape."""


@pytest.mark.parametrize(
    ("body", "words"),
    [(body, {}) for body in NONE] + [(body, own) for body in NONE[:-1] for own in OWN_WORDS],
)
async def test_a_success_that_is_none_does_not_go_through(
    body: bytes, words: dict[str, str]
) -> None:
    answer = [head("200 OK", content_type="application/json", content_length=len(body)), body]
    asked = {"model": MODEL, "input": ["x", "y"], **words}
    with Upstream(answer) as upstream:
        async with gateway(up=up("openai", upstream)) as url:
            status, _, got = await post(url + "/v1/embeddings", asked)
    assert status == 502
    assert json.loads(got)["error"]["type"] == "unexpected_answer"


async def test_dimensions_that_a_service_takes_no_notice_of_are_told_where_bytes_go_through() -> (
    None
):
    answer = {"data": [{"embedding": [1, 2, 3]}], "odd": 1}
    asked = {"model": MODEL, "input": "x", "dimensions": 2}
    with Upstream(whole(answer)) as upstream:
        async with gateway(up=up("openai", upstream)) as url:
            _, headers, got = await post(url + "/v1/embeddings", asked)
            strict = {"penstock-strict": "1"}
            status, _, refused = await post(url + "/v1/embeddings", asked, **strict)
            _, heeded, _ = await post(url + "/v1/embeddings", {**asked, "dimensions": 3}, **strict)
    assert json.loads(got) == answer
    assert headers["penstock-loss"] == "dimensions"
    assert status == 400
    assert "up took no notice of dimensions" in json.loads(refused)["error"]["message"]
    assert "penstock-loss" not in heeded


async def test_vectors_in_a_services_own_encoding_go_through() -> None:
    answer = {"embeddings": {"int8": [[1, -2]], "float": None}}
    asked = {"model": MODEL, "texts": ["x"], "input_type": "image", "embedding_types": ["int8"]}
    with Upstream(whole(answer)) as upstream:
        async with gateway(up=up("cohere", upstream)) as url:
            status, _, got = await post(url + "/v2/embed", asked)
    assert (status, json.loads(got)) == (200, answer)


async def test_more_tokens_than_a_request_may_have_are_asked_for_in_several() -> None:
    texts = ["x" * 200_000, "y" * 200_000]  # OpenAI takes 300,000 of them in one
    with serve("openai") as upstream:
        async with gateway(up=up("openai", upstream)) as url:
            status, _, got = await post(url + "/v1/embeddings", {"model": MODEL, "input": texts})
        assert [one["input"] for one in bodies(upstream)] == [[texts[0]], [texts[1]]]
    assert status == 200
    assert [one["embedding"] for one in json.loads(got)["data"]] == [vector(t) for t in texts]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/embedding", "did you mean /v1/embeddings? "),
        ("/v1/v1/chat/completions", "did you mean /v1/chat/completions? "),
        ("/chat/completions", "did you mean /v1/chat/completions? "),
        ("/" + "x" * 5000, ""),
    ],
)
async def test_a_path_that_is_none_is_told_the_nearest(path: str, said: str) -> None:
    async with gateway() as url:
        status, _, got = await post(url + path, {})
    assert status == 404
    message = json.loads(got)["error"]["message"]
    assert message == f"no such path; {said}docs/gateway.md lists them all"


async def test_openais_sdk_raises_its_own_errors() -> None:
    with serve("mistral") as upstream:
        async with gateway(up=up("mistral", upstream)) as url:
            with openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as sdk:
                with pytest.raises(openai.BadRequestError, match="input is empty"):
                    await asyncio.to_thread(sdk.embeddings.create, model=MODEL, input=[])
