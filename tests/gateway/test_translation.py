"""Between two protocols: every route answers in its own, and what is lost is named."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.protocols import Protocol, shelf
from penstock.protocols.gemini_generate import GeminiGenerate
from protocols.reading import read
from raw import Upstream, head, spoken

QUESTION = [{"role": "user", "content": "Привет, мир"}]
PARTS = [{"role": "user", "parts": [{"text": "Привет, мир"}]}]
BLOCKS = [{"role": "user", "content": [{"text": "Привет, мир"}]}]


@asynccontextmanager
async def gateway(**providers: ProviderConfig) -> AsyncIterator[str]:
    made = Gateway(Catalog(Config(providers=providers)))
    async with listen(made, "127.0.0.1", 0) as (host, port):
        yield f"http://{host}:{port}"


async def post(url: str, body: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (in lower case) and body."""
    async with aiohttp.ClientSession() as http:
        async with http.post(url, json=body, headers=headers) as answer:
            named = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, named, await answer.read()


ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("openai_chat", "/v1/chat/completions", {"messages": QUESTION, "stream": True}),
    ("openai_responses", "/v1/responses", {"input": "Привет, мир", "stream": True}),
    ("anthropic_messages", "/v1/messages", {"messages": QUESTION, "max_tokens": 9, "stream": True}),
    (
        "gemini_generate",
        "/v1beta/models/builtin/echo:streamGenerateContent?alt=sse",
        {"contents": PARTS},
    ),
    ("gemini_generate", "/v1beta/models/builtin/echo:streamGenerateContent", {"contents": PARTS}),
    ("gemini_generate", "/v1beta/builtin/echo:streamGenerateContent?alt=sse", {"contents": PARTS}),
    ("ollama_chat", "/api/chat", {"messages": QUESTION}),
    ("ollama_generate", "/api/generate", {"prompt": "Привет, мир"}),
    ("cohere_v2_chat", "/v2/chat", {"messages": QUESTION, "stream": True}),
    ("bedrock_converse", "/model/builtin%2Fecho/converse-stream", {"messages": BLOCKS}),
]


@pytest.mark.parametrize(("name", "path", "body"), ROUTES, ids=[path for _, path, _ in ROUTES])
async def test_every_route_streams_an_answer_in_its_protocol(
    name: str, path: str, body: dict[str, Any]
) -> None:
    protocol = shelf.find()[name]()
    named = {} if "echo" in path else {"model": "builtin/echo"}
    async with gateway() as url:
        status, headers, got = await post(url + path, {**named, **body})
    assert status == 200, got
    assert headers["content-type"].partition(";")[0] in (
        protocol.stream_type.partition(";")[0],
        "application/json",
    )
    outcome = read(protocol, got)
    assert outcome.failure is None
    assert outcome.reply.text == "Привет, мир"


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("openai_responses", "/v1/responses", {"input": "Привет, мир"}),
        ("gemini_generate", "/v1beta/models/builtin/echo:generateContent", {"contents": PARTS}),
        ("ollama_chat", "/api/chat", {"messages": QUESTION, "stream": False}),
        ("cohere_v2_chat", "/v2/chat", {"messages": QUESTION}),
        ("bedrock_converse", "/model/builtin%2Fecho/converse", {"messages": BLOCKS}),
    ],
)
async def test_every_route_gives_whole_answers(name: str, path: str, body: dict[str, Any]) -> None:
    protocol: Protocol = shelf.find()[name]()
    named = {} if "echo" in path else {"model": "builtin/echo"}
    async with gateway() as url:
        status, headers, got = await post(url + path, {**named, **body})
    assert (status, headers["content-type"]) == (200, "application/json"), got
    assert read(protocol, got).reply.text == "Привет, мир"


async def test_the_models_are_listed_in_every_callers_words() -> None:
    async with gateway() as url, aiohttp.ClientSession() as http:
        for path, protocol in (("/v1beta/models", "gemini_generate"), ("/api/tags", "ollama_chat")):
            async with http.get(url + path) as answer:
                models = shelf.find()[protocol]().decode_models(await answer.read())
            assert "builtin/echo" in [model.id for model in models]
        async with http.get(url + "/api/version") as answer:
            assert set(await answer.json()) == {"version"}


async def test_what_the_service_was_not_told_is_in_the_header() -> None:
    body = json.dumps({"type": "message", "content": [{"type": "text", "text": "Hi"}]}).encode()
    whole = [head("200 OK", content_type="application/json", content_length=len(body)), body]
    asked = {"model": "up/m", "messages": QUESTION, "seed": 7, "logit_bias": {"1": 2}, "я\r\n": 1}
    with Upstream(whole) as service:
        up = ProviderConfig(type="anthropic", base_url=service.url, api_key="k")
        async with gateway(up=up) as url:
            status, headers, _ = await post(url + "/v1/chat/completions", asked)
            refused = await post(url + "/v1/chat/completions", asked, **{"penstock-strict": "true"})
        sent = service.asked().result(5).requests
    assert status == 200
    assert headers["penstock-loss"] == "extra.logit_bias, extra.___, seed"
    assert refused[0] == 400
    assert b"cannot be told" in refused[2]
    assert len(sent) == 1
    assert not {"seed", "logit_bias"} & set(json.loads(sent[0].partition(b"\r\n\r\n")[2]))


async def test_what_the_caller_is_not_told_is_in_a_comment() -> None:
    page = {"groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}]}
    candidate = {
        "content": {"role": "model", "parts": [{"text": "Hi"}]},
        "finishReason": "STOP",
        "groundingMetadata": page,
    }
    data = b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"
    with Upstream([head("200 OK", content_length=len(data)), data]) as service:
        up = ProviderConfig(type="gemini", base_url=service.url, api_key="k")
        async with gateway(up=up) as url:
            body = {"model": "up/m", "messages": QUESTION, "stream": True}
            _, headers, got = await post(url + "/v1/chat/completions", body)
    assert "penstock-loss" not in headers
    assert b"\n: penstock-loss: finish.groundingMetadata\n" in got
    assert got.endswith(b"data: [DONE]\n\n")


async def test_the_same_protocol_goes_through_though_the_path_says_the_model() -> None:
    candidate = {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP", "odd": 1}
    data = b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"
    with Upstream([head("200 OK", content_length=len(data)), data]) as service:
        up = ProviderConfig(type="gemini", base_url=service.url, api_key="sk-canary")
        async with gateway(up=up) as url:
            path = "/v1beta/models/up/gemini-x:streamGenerateContent?alt=sse"
            status, _, got = await post(url + path, {"contents": PARTS, "unknown": {"a": 1}})
        raw = service.asked().result(5).requests[0]
    assert (status, got) == (200, data)
    line, _, body = raw.partition(b"\r\n\r\n")
    assert line.startswith(b"POST /v1beta/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1")
    assert b"x-goog-api-key: sk-canary" in line
    assert json.loads(body) == {"contents": PARTS, "unknown": {"a": 1}}
    assert GeminiGenerate.family == "gemini_generate"


async def test_a_json_array_is_told_from_a_service_that_streams_events() -> None:
    candidate = {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}
    data = b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"
    with Upstream([head("200 OK", content_length=len(data)), data]) as service:
        up = ProviderConfig(type="gemini", base_url=service.url, api_key="k")
        async with gateway(up=up) as url:
            path = "/v1beta/models/up/gemini-x:streamGenerateContent"
            _, headers, got = await post(url + path, {"contents": PARTS})
    assert headers["content-type"].startswith("application/json")
    (first, *_) = json.loads(got)
    assert first["candidates"][0]["content"]["parts"] == [{"text": "Hi"}]


async def test_an_unknown_model_of_an_ollama_caller_is_told_as_ollama_would() -> None:
    async with gateway() as url:
        status, _, got = await post(url + "/api/chat", {"model": "nobody/x", "messages": QUESTION})
    assert status == 404
    assert isinstance(json.loads(got)["error"], str)


async def test_an_openai_service_answers_an_ollama_caller() -> None:
    with Upstream(spoken("при", "вет")) as service:
        up = ProviderConfig(type="openai-compatible", base_url=service.url)
        async with gateway(up=up) as url:
            _, _, got = await post(url + "/api/chat", {"model": "up/m", "messages": QUESTION})
    lines = [json.loads(line) for line in got.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == "привет"
    assert lines[-1]["done"] is True
