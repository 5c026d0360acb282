"""OpenAI's own Python SDK, asking a service that answers with our bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
from msgspec.structs import replace

from penstock.events import Event, Reply, collect
from penstock.protocols import json
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.usage import encode_usage
from penstock.types import ChatRequest
from protocols.strategies import USAGE_TOO

CHAT = OpenAIChat()
ASKED = ChatRequest(model="m", metadata=USAGE_TOO)
MESSAGES: Any = [{"role": "user", "content": "Hi"}]

Answer = tuple[int, str, bytes]


class Service:
    """A service that gives one answer; ``sdk`` asks it."""

    def __init__(self) -> None:
        self.answer: Answer = (500, "", b"")
        self.sdk = openai.OpenAI(
            api_key="key",
            base_url="http://service.example/v1",
            http_client=httpx2.Client(transport=httpx2.MockTransport(self._handle)),
            max_retries=0,
        )

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        status, content_type, body = self.answer
        return httpx2.Response(status, headers={"content-type": content_type}, content=body)

    def stream(self, body: bytes) -> Any:
        self.answer = (200, CHAT.stream_type, body)
        return self.sdk.chat.completions.create(model="m", messages=MESSAGES, stream=True)

    def whole(self, body: bytes, status: int = 200) -> Any:
        self.answer = (status, "application/json", body)
        return self.sdk.chat.completions.create(model="m", messages=MESSAGES)


SERVICE = Service()


class Seen:
    """What the SDK's objects hold, in one form for streams and whole answers."""

    def __init__(self) -> None:
        self.id = self.model = self.text = self.reasoning = self.refusal = ""
        self.finish_reason: str | None = None
        self.calls: dict[int | str, list[str]] = {}
        self.usage: dict[str, Any] | None = None

    def take(self, answer: Any) -> None:
        """A whole answer or a chunk."""
        self.id, self.model = answer.id, answer.model
        if answer.usage is not None:
            self.usage = answer.usage.to_dict()
        for choice in answer.choices:
            self._message(getattr(choice, "delta", None) or choice.message)
            self.finish_reason = choice.finish_reason or self.finish_reason

    def _message(self, message: Any) -> None:
        self.text += message.content or ""
        self.refusal += message.refusal or ""
        self.reasoning += getattr(message, "reasoning_content", None) or ""
        for place, call in enumerate(message.tool_calls or ()):
            said = call.to_dict()
            function = said.get("function") or said["custom"]
            arguments = function.get("arguments", function.get("input"))
            self._call(getattr(call, "index", place), call.id, function.get("name"), arguments)
        if message.function_call is not None:
            function = message.function_call
            self._call("legacy", "", function.name, function.arguments)

    def _call(self, key: int | str, id: str | None, name: str | None, arguments: str) -> None:
        call = self.calls.setdefault(key, [id or "", name or "", ""])
        call[2] += arguments

    def facts(self) -> Iterator[object]:
        yield from (self.id, self.model, self.text, self.reasoning, self.refusal)
        yield from (self.finish_reason, sorted(self.calls.values()), self.usage)


def facts(reply: Reply) -> Iterator[object]:
    """The same facts of our reply."""
    yield from (reply.id or "chatcmpl-penstock", reply.model, reply.text, reply.reasoning)
    yield reply.refusal
    finish = reply.finish
    assert finish
    said = finish.reason != "unknown" and finish.raw_reason != "function_call"
    yield finish.reason if said else finish.raw_reason
    yield sorted([call.id, call.name, call.arguments] for call in reply.tool_calls)
    yield None if finish.usage is None else encode_usage(finish.usage)


def check(events: tuple[Event, ...]) -> None:
    """The SDK reads the same from our stream and from our whole answer."""
    reply = collect(events)
    encoder = CHAT.encoder(ASKED)
    streamed, whole = Seen(), Seen()
    for chunk in SERVICE.stream(b"".join(map(encoder.encode, events)) + encoder.close()):
        streamed.take(chunk)
    whole.take(SERVICE.whole(json.encode(CHAT.encode_response(reply))))
    assert list(streamed.facts()) == list(facts(named(reply)))
    assert list(whole.facts()) == list(facts(reply))


def named(reply: Reply) -> Reply:
    """A stream names the model that was asked where the service named none."""
    return replace(reply, model=reply.model or ASKED.model)
