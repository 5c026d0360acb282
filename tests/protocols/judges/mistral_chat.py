"""Mistral's Python SDK reads chat."""

from __future__ import annotations

from functools import cache
from typing import Any, get_type_hints

import httpx2
import pydantic
from mistralai.client import Mistral
from mistralai.client.utils import queryparams, serializers

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen

STREAM = "text/event-stream; charset=utf-8"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
SERVICE = Answering(httpx2.Response)
SDK = Mistral(
    api_key="key",
    server_url=URL,
    client=httpx2.Client(transport=httpx2.MockTransport(SERVICE)),
)


@cache
def _create_model(name: str, body: Any) -> Any:
    return pydantic.create_model(name, body=body, __config__=_CONFIG)


_CONFIG = pydantic.ConfigDict(populate_by_name=True, arbitrary_types_allowed=True)

# The SDK makes the same class anew for every chunk, a dozen for every question, and looks the same
# hints up for each; made once, it reads the same in a fifth of the time.
vars(serializers)["create_model"] = lambda name, body, **_: _create_model(name, body)
vars(queryparams)["get_type_hints"] = cache(get_type_hints)


def read_stream(body: bytes) -> Seen:
    SERVICE.give(body, STREAM)
    hearing = Hearing()
    for event in SDK.chat.stream(**ASKED):
        _take(hearing, event.data)
    return hearing.seen()


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    hearing = Hearing()
    _take(hearing, SDK.chat.complete(**ASKED))
    return hearing.seen()


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.chat.complete(**ASKED)


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [model.id for model in SDK.models.list().data or ()]  # type: ignore[union-attr]


def _take(hearing: Hearing, answer: Any) -> None:
    """A whole answer or a chunk."""
    hearing.id, hearing.model = answer.id, answer.model
    if answer.usage is not None:
        hearing.usage = _numbers(answer.usage) or hearing.usage
    for choice in answer.choices:
        message = getattr(choice, "delta", None) or choice.message
        _content(hearing, message.content)
        for call in message.tool_calls or ():
            hearing.call(call.id, call.function.name, call.function.arguments)
        hearing.finish = choice.finish_reason or hearing.finish


def _content(hearing: Hearing, content: Any) -> None:
    if isinstance(content, str):
        hearing.say("text", content)
        return
    for part in content or ():
        match part.type:
            case "text":
                hearing.say("text", part.text)
            case "thinking":
                hearing.say("reasoning", "".join(piece.text for piece in part.thinking))
                hearing.say("signature", part.signature or None)
            case _:
                pass


def _numbers(usage: Any) -> dict[str, int]:
    """Those that were said: where they were not, the SDK has noughts of its own."""
    value = {name: getattr(usage, name) for name in usage.model_fields_set}
    value |= usage.additional_properties or {}
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
