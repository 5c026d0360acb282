"""OpenAI's Python SDK reads Chat Completions."""

from __future__ import annotations

from typing import Any

import httpx2
import openai

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen

STREAM = "text/event-stream; charset=utf-8"
MESSAGES: Any = [{"role": "user", "content": "Hi"}]
SERVICE = Answering(httpx2.Response)
SDK = openai.OpenAI(
    api_key="key",
    base_url=URL + "/v1",
    http_client=httpx2.Client(transport=httpx2.MockTransport(SERVICE)),
    max_retries=0,
)


def read_stream(body: bytes) -> Seen:
    """From the chunks, joined as the reference says."""
    SERVICE.give(body, STREAM)
    hearing = Hearing()
    for chunk in SDK.chat.completions.create(model="m", messages=MESSAGES, stream=True):
        _take(hearing, chunk)
    return hearing.seen()


def read_gathered(body: bytes) -> Seen:
    """From the completion that the SDK itself gathers of the chunks."""
    SERVICE.give(body, STREAM)
    with SDK.chat.completions.stream(
        model="m", messages=MESSAGES, stream_options={"include_usage": True}
    ) as stream:
        return _read(stream.get_final_completion())


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    return _read(SDK.chat.completions.create(model="m", messages=MESSAGES))


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.chat.completions.create(model="m", messages=MESSAGES)


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [model.id for model in SDK.models.list()]


def _read(completion: Any) -> Seen:
    hearing = Hearing()
    _take(hearing, completion)
    return hearing.seen()


def _take(hearing: Hearing, answer: Any) -> None:
    """A whole answer or a chunk."""
    hearing.id, hearing.model = answer.id, answer.model
    if answer.usage is not None:
        hearing.usage = _numbers(answer.usage)
    for choice in answer.choices:
        _message(hearing, getattr(choice, "delta", None) or choice.message)
        hearing.finish = choice.finish_reason or hearing.finish


def _message(hearing: Hearing, message: Any) -> None:
    hearing.say("text", message.content)
    hearing.say("refusal", message.refusal)
    hearing.say("reasoning", getattr(message, "reasoning_content", None))
    for detail in getattr(message, "reasoning_details", None) or ():
        hearing.say("signature", detail.get("signature"))
    for place, call in enumerate(message.tool_calls or ()):
        said = call.to_dict()
        function = said.get("function") or said["custom"]
        key = said.get("index", place)
        hearing.begin(key, call.id, function.get("name"))
        hearing.go_on(key, function.get("arguments", function.get("input")))
    if message.function_call is not None:
        hearing.begin("legacy", "", message.function_call.name)
        hearing.go_on("legacy", message.function_call.arguments)


def _numbers(usage: Any) -> dict[str, int]:
    value = usage.to_dict()
    within = value.get("prompt_tokens_details") or {}
    without = value.get("completion_tokens_details") or {}
    said = {
        "input": value.get("prompt_tokens"),
        "output": value.get("completion_tokens"),
        "total": value.get("total_tokens"),
        "cached_input": within.get("cached_tokens"),
        "cache_write": within.get("cache_write_tokens"),
        "reasoning": without.get("reasoning_tokens"),
    }
    return {name: number for name, number in said.items() if number is not None}
