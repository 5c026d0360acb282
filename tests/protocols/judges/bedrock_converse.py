"""AWS's own Python SDK reads Converse and ConverseStream."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen, numbers

STREAM = "application/vnd.amazon.eventstream"
ASKED: Any = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
_ITS_OWN = "server_tool_use"
"""The type of a call that Bedrock itself answers."""


class _Raw(BytesIO):
    """Bytes as a connection of botocore's gives them."""

    def stream(self, size: int = 1024, **_: Any) -> Iterator[bytes]:
        while piece := self.read(size):
            yield piece


def _respond(status: int, headers: dict[str, str], content: bytes) -> AWSResponse:
    return AWSResponse(URL, status, headers, _Raw(content))


SERVICE = Answering(_respond)
SDK: Any = boto3.client(
    "bedrock-runtime",
    region_name="us-east-1",
    endpoint_url=URL,
    config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
)
SDK.meta.events.register("before-send", lambda request, **_: SERVICE(request))


def read_stream(body: bytes) -> Seen:
    SERVICE.give(body, STREAM)
    hearing, apart = Hearing(), set[int]()
    for event in SDK.converse_stream(**ASKED)["stream"]:
        _take(hearing, event, apart)
    return hearing.seen()


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    message = SDK.converse(**ASKED)
    hearing = Hearing()
    for block in message["output"]["message"]["content"]:
        _block(hearing, block)
    hearing.finish = message.get("stopReason")
    hearing.usage = _numbers(message["usage"])
    return hearing.seen()


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.converse(**ASKED)


def _take(hearing: Hearing, event: Any, apart: set[int]) -> None:
    """``apart``: the places of calls that Bedrock itself answers, not the caller."""
    match event:
        case {"contentBlockStart": {"contentBlockIndex": place, "start": {"toolUse": call}}}:
            if call.get("type") == _ITS_OWN:
                apart.add(place)
            else:
                hearing.begin(place, call["toolUseId"], call["name"])
        case {"contentBlockDelta": {"contentBlockIndex": place, "delta": delta}}:
            if place not in apart:
                _go_on(hearing, place, delta)
        case {"messageStop": said}:
            hearing.finish = said.get("stopReason")
        case {"metadata": said}:
            hearing.usage = _numbers(said["usage"])
        case _:
            pass


def _go_on(hearing: Hearing, place: int, delta: Any) -> None:
    match delta:
        case {"text": text}:
            hearing.say("text", text)
        case {"reasoningContent": said}:
            hearing.say("reasoning", said.get("text"))
            hearing.say("signature", said.get("signature"))
        case {"toolUse": said}:
            hearing.go_on(place, said["input"])
        case _:
            pass


def _block(hearing: Hearing, block: Any) -> None:
    match block:
        case {"text": text}:
            hearing.say("text", text)
        case {"citationsContent": said}:
            for part in said.get("content", ()):
                hearing.say("text", part.get("text"))
        case {"reasoningContent": {"reasoningText": said}}:
            hearing.say("reasoning", said["text"])
            hearing.say("signature", said.get("signature"))
        case {"toolUse": call} if call.get("type") != _ITS_OWN:
            hearing.call(call["toolUseId"], call["name"], call["input"])
        case _:
            pass


def _numbers(usage: Any) -> dict[str, int]:
    return numbers(
        usage,
        input="inputTokens",
        output="outputTokens",
        total="totalTokens",
        cached_input="cacheReadInputTokens",
        cache_write="cacheWriteInputTokens",
    )
