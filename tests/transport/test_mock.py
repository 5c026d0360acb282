"""``MockTransport`` answers as a network would, without one."""

from __future__ import annotations

import asyncio

import pytest

from penstock.errors import RateLimited, StreamTruncated
from penstock.events import Finish
from penstock.providers.aura import Aura
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request, Response
from penstock.transport.mock import MockResponse, MockTransport
from penstock.types import ChatRequest, Message, TextPart

EVENTS = b'data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


async def ask(transport: MockTransport) -> str:
    provider = OpenAICompatible(base_url="https://example.com/v1", transport=transport)
    return await provider.create_async("m", "Hi", api_key="key")


async def test_a_function_answers_each_request() -> None:
    transport = MockTransport(lambda request: MockResponse(chunks=[EVENTS, DONE]))
    assert await ask(transport) == "Hello"
    assert await ask(transport) == "Hello"
    assert [request.url for request in transport.requests] == [
        "https://example.com/v1/chat/completions"
    ] * 2
    assert transport.requests[0].headers["Authorization"] == "Bearer key"
    assert b'"content":"Hi"' in transport.requests[0].body


async def test_the_function_may_be_asynchronous() -> None:
    async def answer(request: Request) -> Response:
        await asyncio.sleep(0)
        return MockResponse(chunks=[EVENTS, DONE])

    assert await ask(MockTransport(answer)) == "Hello"


async def test_an_error_among_the_chunks_is_raised() -> None:
    cut = MockResponse(chunks=[EVENTS[:20], StreamTruncated("cut")])
    with pytest.raises(StreamTruncated, match="cut"):
        await ask(MockTransport(lambda request: cut))
    assert cut.closed


async def test_a_status_is_an_error() -> None:
    refusal = MockResponse(429, {"retry-after": "7"}, [b'{"error":{"message":"slow down"}}'])
    with pytest.raises(RateLimited, match="slow down") as caught:
        await ask(MockTransport(lambda request: refusal))
    assert caught.value.retry_after == 7
    assert refusal.closed


async def test_a_response_is_closed_when_its_reader_leaves() -> None:
    answer = MockResponse(chunks=[EVENTS, DONE])
    provider = OpenAICompatible(
        base_url="https://example.com", transport=MockTransport(lambda request: answer)
    )
    stream = provider.create_async_generator("m", "Hi")
    await anext(stream)
    assert not answer.closed
    await stream.aclose()
    assert answer.closed


@pytest.mark.parametrize(("delimited", "reason"), [(True, "stop"), (False, "unknown")])
async def test_a_body_may_be_ended_by_the_connection_alone(delimited: bool, reason: str) -> None:
    answer = MockResponse(chunks=[b"Hello"], delimited=delimited)
    provider = Aura(base_url="https://example.com", transport=MockTransport(lambda request: answer))
    question = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))
    *_, finish = [event async for event in provider.stream(question)]
    assert isinstance(finish, Finish)
    assert finish.reason == reason
