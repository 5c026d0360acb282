"""Google's Python SDK reads generateContent."""

from __future__ import annotations

import warnings
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from google import genai
from google.genai import types

from penstock.protocols import json
from penstock.protocols.gemini_generate.signatures import unwrap
from protocols.judges.answering import URL, Answering
from protocols.judges.seen import Hearing, Seen, numbers

STREAM = "text/event-stream"
SERVICE = Answering(httpx2.Response)
SDK = genai.Client(
    api_key="key",
    http_options=types.HttpOptions(
        base_url=URL,
        httpx_client=httpx2.Client(transport=httpx2.MockTransport(SERVICE)),
    ),
)


@contextmanager
def _new_words() -> Iterator[None]:
    """The SDK warns of finish reasons that it has not heard of, and reads them all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is not a valid FinishReason")
        yield


def read_stream(body: bytes) -> Seen:
    SERVICE.give(body, STREAM)
    hearing = Hearing()
    with _new_words():
        for chunk in SDK.models.generate_content_stream(model="m", contents="Hi"):
            _take(hearing, chunk)
    return hearing.seen()


def read_array(body: bytes) -> Seen:
    """The SDK itself asks for server-sent events alone; it reads the items of an array as such."""
    items = json.loads(body)
    return read_stream(
        b"".join(b"data: %b\r\n\r\n" % json.in_one_line(json.encode(item)) for item in items)
    )


def read_whole(body: bytes) -> Seen:
    SERVICE.give(body)
    hearing = Hearing()
    with _new_words():
        _take(hearing, SDK.models.generate_content(model="m", contents="Hi"))
    return hearing.seen()


def fail(body: bytes, status: int) -> None:
    """Ask a service that answers with an error."""
    SERVICE.give(body, status=status)
    SDK.models.generate_content(model="m", contents="Hi")


def list_models(body: bytes) -> list[str]:
    SERVICE.give(body)
    return [(model.name or "").removeprefix("models/") for model in SDK.models.list()]


def _take(hearing: Hearing, chunk: Any) -> None:
    """A whole answer or a chunk."""
    hearing.id = chunk.response_id or hearing.id
    hearing.model = chunk.model_version or hearing.model
    if chunk.usage_metadata is not None:
        hearing.usage = _numbers(chunk.usage_metadata)
    for candidate in chunk.candidates or ():
        if candidate.finish_reason is not None:
            hearing.finish = candidate.finish_reason.value
        for part in (candidate.content.parts if candidate.content else None) or ():
            _part(hearing, part)


def _part(hearing: Hearing, part: Any) -> None:
    if part.thought:
        hearing.say("reasoning", part.text)
        if part.thought_signature:
            said_back = urlsafe_b64encode(part.thought_signature).decode()  # as the SDK would
            hearing.say("signature", unwrap(said_back))
    elif part.function_call is not None:
        call = part.function_call
        hearing.call(call.id, call.name, call.args or {})
    else:
        hearing.say("text", part.text)


def _numbers(usage: Any) -> dict[str, int]:
    return numbers(
        usage.model_dump(),
        input="prompt_token_count",
        output="candidates_token_count",
        total="total_token_count",
        cached_input="cached_content_token_count",
        reasoning="thoughts_token_count",
    )
