"""Anthropic's Python SDK reads Messages."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen, numbers

STREAM = "text/event-stream; charset=utf-8"
ASKED: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
SERVICE = Answering(httpx2.Response)
SDK = anthropic.Anthropic(
    api_key="key",
    base_url=URL,
    http_client=httpx2.Client(transport=httpx2.MockTransport(SERVICE)),
    max_retries=0,
)


def read_stream(body: bytes) -> Seen:
    """From the events, joined as the reference says."""
    SERVICE.give(body, STREAM)
    hearing, apart = Hearing(), set[int]()
    for event in SDK.messages.create(**ASKED, stream=True):
        _take(hearing, event, apart)
    return hearing.seen()


def read_gathered(body: bytes) -> Seen:
    """From the message that the SDK itself gathers of the events. The numbers that nobody knew at
    the start stay nought, and what Anthropic never says there (a total) is not gathered."""
    SERVICE.give(body, STREAM)
    with SDK.messages.stream(**ASKED) as stream:
        message: Any = stream.get_final_message()
    return _read(message)._replace(usage=_said(message.usage))


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    return _read(SDK.messages.create(**ASKED))


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.messages.create(**ASKED)


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [model.id for model in SDK.models.list()]


def _take(hearing: Hearing, event: Any, apart: set[int]) -> None:
    """``apart``: the places of blocks that only Anthropic knows, whose input is no tool call's."""
    match event.type:
        case "message_start":
            hearing.id, hearing.model = event.message.id, event.message.model
            hearing.usage = _numbers(event.message.usage)
        case "content_block_start":
            _begin(hearing, event.index, event.content_block, apart)
        case "content_block_delta" if event.index not in apart:
            _go_on(hearing, event.index, event.delta)
        case "message_delta":
            hearing.finish = event.delta.stop_reason
            hearing.usage = _numbers(event.usage)
        case _:
            pass


def _begin(hearing: Hearing, place: int, block: Any, apart: set[int]) -> None:
    match block.type:
        case "text":
            hearing.say("text", block.text)
        case "thinking":
            hearing.say("reasoning", block.thinking)
            hearing.say("signature", block.signature)
        case "tool_use":
            hearing.begin(place, block.id, block.name)
        case _:
            apart.add(place)


def _go_on(hearing: Hearing, place: int, delta: Any) -> None:
    match delta.type:
        case "text_delta":
            hearing.say("text", delta.text)
        case "thinking_delta":
            hearing.say("reasoning", delta.thinking)
        case "signature_delta":
            hearing.say("signature", delta.signature)
        case "input_json_delta":
            hearing.go_on(place, delta.partial_json)
        case _:
            pass


def _read(message: Any) -> Seen:
    hearing = Hearing()
    hearing.id, hearing.model = message.id, message.model
    hearing.finish = message.stop_reason
    hearing.usage = _numbers(message.usage)
    for block in message.content:
        match block.type:
            case "text":
                hearing.say("text", block.text)
            case "thinking":
                hearing.say("reasoning", block.thinking)
                hearing.say("signature", block.signature)
            case "tool_use":
                hearing.call(block.id, block.name, block.input)
            case _:
                pass
    return hearing.seen()


def _numbers(usage: Any) -> dict[str, int] | None:
    """``None`` where nobody knows: Anthropic's clients fail without numbers."""
    return None if usage.to_dict().get("provenance") == "unknown" else _said(usage)


def _said(usage: Any) -> dict[str, int]:
    value = usage.to_dict()
    return numbers(
        {**value, **(value.get("output_tokens_details") or {})},
        reasoning="thinking_tokens",
        input="input_tokens",
        output="output_tokens",
        total="total_tokens",
        cached_input="cache_read_input_tokens",
        cache_write="cache_creation_input_tokens",
    )
