"""OpenAI's Python SDK reads Responses."""

from __future__ import annotations

from typing import Any

import httpx2
import openai

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen

STREAM = "text/event-stream; charset=utf-8"
SERVICE = Answering(httpx2.Response)
SDK = openai.OpenAI(
    api_key="key",
    base_url=URL + "/v1",
    http_client=httpx2.Client(transport=httpx2.MockTransport(SERVICE)),
    max_retries=0,
)
_BETWEEN = "\n\n"
"""What stands between the parts of one item's reasoning."""


class Failed(Exception):
    """What the SDK shows as an event where a stream ends in an error."""


def read_stream(body: bytes) -> Seen:
    """From the pieces, each of which says its item's place. All is said twice: the last event
    holds the response whole."""
    SERVICE.give(body, STREAM)
    hearing = Hearing()
    whole = Seen()
    for number, event in enumerate(SDK.responses.create(model="m", input="Hi", stream=True)):
        assert event.sequence_number == number
        _take(hearing, event)
        if event.type in ("response.completed", "response.incomplete"):
            whole = _read(event.response)
    assert not hearing.seen().unlike(whole), hearing.seen().unlike(whole)
    return whole


def read_gathered(body: bytes) -> Seen:
    """From the response that the SDK itself gathers of the events."""
    SERVICE.give(body, STREAM)
    response: Any = None
    with SDK.responses.stream(model="m", input="Hi") as stream:
        for event in stream:
            response = getattr(event, "response", response)
    return _read(response)


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    return _read(SDK.responses.create(model="m", input="Hi"))


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.responses.create(model="m", input="Hi")


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [model.id for model in SDK.models.list()]


def _take(hearing: Hearing, event: Any) -> None:
    match event.type:
        case "response.output_text.delta":
            hearing.say("text", event.delta)
        case "response.refusal.delta":
            hearing.say("refusal", event.delta)
        case "response.reasoning_summary_part.added" if event.summary_index:
            hearing.say("reasoning", _BETWEEN)
        case "response.content_part.added" if event.part.type == "reasoning_text":
            hearing.say("reasoning", _BETWEEN if event.content_index else None)
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            hearing.say("reasoning", event.delta)
        case "response.output_item.added" if _is_call(event.item):
            hearing.begin(event.output_index, event.item.call_id, event.item.name)
        case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
            hearing.go_on(event.output_index, event.delta)
        case "response.output_item.done" if event.item.type == "reasoning":
            hearing.say("signature", event.item.encrypted_content)
        case "response.completed" | "response.incomplete":
            _end(hearing, event.response)
        case "error":
            raise Failed(event.message)
        case _:
            pass


def _is_call(item: Any) -> bool:
    return item.type in ("function_call", "custom_tool_call")


def _end(hearing: Hearing, response: Any) -> None:
    hearing.id, hearing.model = response.id, response.model
    why = response.incomplete_details
    hearing.finish = f"{response.status}: {why.reason}" if why else response.status
    hearing.usage = None if response.usage is None else _numbers(response.usage)


def _read(response: Any) -> Seen:
    hearing = Hearing()
    _end(hearing, response)
    for item in response.output:
        _item(hearing, item)
    return hearing.seen()


def _item(hearing: Hearing, item: Any) -> None:
    match item.type:
        case "message":
            for part in item.content:
                hearing.say("text", getattr(part, "text", None))
                hearing.say("refusal", getattr(part, "refusal", None))
        case "reasoning":
            for parts in (item.summary, item.content or ()):
                hearing.say("reasoning", _BETWEEN.join(part.text for part in parts))
            hearing.say("signature", item.encrypted_content)
        case "function_call":
            hearing.call(item.call_id, item.name, item.arguments)
        case "custom_tool_call":
            hearing.call(item.call_id, item.name, item.input)
        case _:
            pass


def _numbers(usage: Any) -> dict[str, int]:
    """Without those that stand there only because strict clients fail without them."""
    value = usage.to_dict()
    within, without = value["input_tokens_details"], value["output_tokens_details"]
    said = {
        "input": value["input_tokens"],
        "output": value["output_tokens"],
        "total": value["total_tokens"],
        "cached_input": within.get("cached_tokens"),
        "cache_write": within.get("cache_write_tokens"),
        "reasoning": without.get("reasoning_tokens"),
    }
    unknown = value.get("unknown", [])
    return {name: number for name, number in said.items() if name not in unknown}
