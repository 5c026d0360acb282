"""Anthropic's protocol at the gateway: any model answers in it, and it reaches any model."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.errors import EmptyStream, InvalidRequest, StreamTruncated
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.providers.anthropic import Anthropic
from raw import CHUNKED, LAST, RST, Script, Upstream, chunk, head, say, spoken

QUESTION = {"max_tokens": 100, "messages": [{"role": "user", "content": "Привет"}]}


async def ask(body: dict[str, object], service: Upstream) -> tuple[int, bytes, bool]:
    """Status, body, and whether it ended as HTTP says, of a gateway before an OpenAI service."""
    said = ProviderConfig(type="openai-compatible", base_url=service.url)
    gateway = Gateway(Catalog(Config(providers={"up": said})))
    got = b""
    async with listen(gateway, "127.0.0.1", 0) as (host, port), aiohttp.ClientSession() as http:
        async with http.post(f"http://{host}:{port}/v1/messages", json=body) as answer:
            try:
                async for data in answer.content.iter_any():
                    got += data
            except aiohttp.ClientPayloadError:
                return answer.status, got, False
            return answer.status, got, True


async def test_an_openai_service_answers_an_anthropic_caller() -> None:
    with Upstream(spoken("при", "вет")) as service:
        status, got, ended = await ask({**QUESTION, "model": "up/m", "stream": True}, service)
        sent = json.loads(service.asked().result(5).requests[0].partition(b"\r\n\r\n")[2])
    assert (status, ended) == (200, True)
    events = [json.loads(line[6:]) for line in got.split(b"\n") if line.startswith(b"data: ")]
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == "привет"
    assert sent["messages"] == QUESTION["messages"]
    assert sent["max_tokens"] == 100


async def test_a_cut_is_told_as_anthropic_tells_errors() -> None:
    with Upstream([CHUNKED, chunk(say("half ")), RST]) as service:
        _, got, ended = await ask({**QUESTION, "model": "up/m", "stream": True}, service)
    assert not ended
    assert b"half " in got
    assert b"event: error" in got
    assert b"message_stop" not in got


async def test_an_early_failure_has_its_own_status_and_shape() -> None:
    with Upstream([head("429 Slow", content_length=0)]) as service:
        status, got, _ = await ask({**QUESTION, "model": "up/m", "stream": True}, service)
    assert status == 429
    assert json.loads(got)["error"]["type"] == "rate_limit_error"


def event(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return chunk(f"event: {kind}\ndata: {data}\n\n".encode())


STREAM: Script = [
    CHUNKED,
    event("message_start", message={"id": "msg_1", "model": "claude", "usage": {}}),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "При"}),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "вет"}),
    event("content_block_stop", index=0),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
    event("message_stop"),
    LAST,
]


async def test_the_anthropic_provider_asks_as_its_vendor_documents_it() -> None:
    with Upstream(STREAM) as service:
        provider = Anthropic(base_url=service.url, api_key="sk-test")
        generator = provider.create_async_generator("claude", "Hello", max_tokens=5)
        assert [text async for text in generator] == ["При", "вет"]
        request = service.asked().result(5).requests[0]
    headers, _, body = request.partition(b"\r\n\r\n")
    assert headers.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert b"x-api-key: sk-test" in headers.lower()
    assert b"anthropic-version: 2023-06-01" in headers.lower()
    assert b"authorization" not in headers.lower()
    assert json.loads(body) == {
        "model": "claude",
        "max_tokens": 5,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }


@pytest.mark.parametrize("until", range(1, 8))
async def test_a_stream_without_its_last_event_never_ends_clean(until: int) -> None:
    with Upstream([*STREAM[:until], LAST]) as service:
        with pytest.raises((StreamTruncated, EmptyStream)):
            await Anthropic(base_url=service.url, api_key="k").create_async("claude", "Hello")


@pytest.mark.parametrize(
    "wish", [{"response_format": {"type": "json_object"}}, {"seed": 7}, {"seed": 0}]
)
async def test_a_wish_that_anthropic_cannot_be_told_is_refused_where_nothing_may_be_lost(
    wish: dict[str, Any],
) -> None:
    provider = Anthropic(base_url="http://127.0.0.1:1", api_key="k")
    with pytest.raises(InvalidRequest, match=next(iter(wish))):
        await provider.create_async("claude", "Hello", strict=True, **wish)
