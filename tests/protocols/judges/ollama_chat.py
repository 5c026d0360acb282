"""Ollama's Python SDK reads chat."""

from __future__ import annotations

from typing import Any

import httpx
import ollama

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen, numbers

STREAM = "application/x-ndjson"
MESSAGES: Any = [{"role": "user", "content": "Hi"}]
SERVICE = Answering(httpx.Response)
SDK = ollama.Client(host=URL, transport=httpx.MockTransport(SERVICE))


def read_stream(body: bytes) -> Seen:
    SERVICE.give(body, STREAM)
    hearing = Hearing()
    for line in SDK.chat("m", MESSAGES, stream=True):
        _take(hearing, line)
    return hearing.seen()


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    hearing = Hearing()
    _take(hearing, SDK.chat("m", MESSAGES))
    return hearing.seen()


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.chat("m", MESSAGES)


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [model.model or "" for model in SDK.list().models]


def _take(hearing: Hearing, line: Any) -> None:
    """A whole answer or a line of one."""
    hearing.model = line.model
    hearing.say("text", line.message.content)
    hearing.say("reasoning", line.message.thinking)
    for call in line.message.tool_calls or ():
        hearing.call("", call.function.name, dict(call.function.arguments))
    if line.done:
        hearing.finish = line.done_reason
        said = numbers(line.model_dump(), input="prompt_eval_count", output="eval_count")
        hearing.usage = said or None
