"""Cohere's Python SDK reads chat, version 2."""

from __future__ import annotations

from typing import Any

import cohere
import httpx

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen

STREAM = "text/event-stream"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
SERVICE = Answering(httpx.Response)
SDK = cohere.ClientV2(
    api_key="key",
    base_url=URL,
    httpx_client=httpx.Client(transport=httpx.MockTransport(SERVICE)),
    log_warning_experimental_features=False,
)


class Failed(Exception):
    """What the SDK shows as a field where a stream ends in an error."""


def read_stream(body: bytes) -> Seen:
    SERVICE.give(body, STREAM)
    hearing = Hearing()
    for event in SDK.chat_stream(**ASKED):
        _take(hearing, event)
    return hearing.seen()


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    answer: Any = SDK.chat(**ASKED)
    hearing = Hearing()
    hearing.id = answer.id
    hearing.finish = answer.finish_reason
    hearing.usage = _numbers(answer.usage)
    hearing.say("reasoning", answer.message.tool_plan)
    for block in answer.message.content or ():
        hearing.say("text", getattr(block, "text", None))
        hearing.say("reasoning", getattr(block, "thinking", None))
    for call in answer.message.tool_calls or ():
        hearing.call(call.id, call.function.name, call.function.arguments)
    return hearing.seen()


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.chat(**ASKED, request_options={"max_retries": 0})


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [model.name or "" for model in SDK.models.list().models]


def _take(hearing: Hearing, event: Any) -> None:
    match event.type:
        case "message-start":
            hearing.id = event.id
        case "content-start" | "content-delta":
            content = event.delta.message.content
            hearing.say("text", getattr(content, "text", None))
            hearing.say("reasoning", getattr(content, "thinking", None))
        case "tool-plan-delta":
            hearing.say("reasoning", event.delta.message.tool_plan)
        case "tool-call-start":
            call = event.delta.message.tool_calls
            hearing.begin(event.index, call.id, call.function.name)
            hearing.go_on(event.index, call.function.arguments)
        case "tool-call-delta":
            hearing.go_on(event.index, event.delta.message.tool_calls.function.arguments)
        case "message-end":
            _end(hearing, event.delta)
        case _:
            pass


def _end(hearing: Hearing, delta: Any) -> None:
    if delta.error is not None:
        raise Failed(delta.error)
    hearing.finish = delta.finish_reason
    hearing.usage = _numbers(delta.usage)


def _numbers(usage: Any) -> dict[str, int] | None:
    """As whole numbers: the SDK has them as floats."""
    value = usage.dict() if usage is not None else {}
    if not value:
        return None
    tokens = value.get("tokens") or {}
    said = {
        "input": tokens.get("input_tokens"),
        "output": tokens.get("output_tokens"),
        "cached_input": value.get("cached_tokens"),
        "reasoning": tokens.get("reasoning_tokens"),
    }
    return {name: int(number) for name, number in said.items() if number is not None}
