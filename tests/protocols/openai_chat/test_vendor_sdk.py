"""What we write, OpenAI's own Python SDK reads: the same answer that we were given."""

from __future__ import annotations

import openai
import pytest
from hypothesis import given

from penstock.errors import (
    InvalidRequest,
    PenstockError,
    RateLimited,
    StreamStalled,
    Unauthorized,
    Unavailable,
    UnknownModel,
)
from penstock.events import Event, Start, TextDelta
from penstock.protocols import json
from penstock.types import ModelInfo
from protocols.strategies import chats
from protocols.vendor_sdk import ASKED, CHAT, SERVICE, check


@given(chats())
def test_the_sdk_reads_any_chat(events: tuple[Event, ...]) -> None:
    check(events)


def test_the_sdk_raises_an_error_amid_a_stream() -> None:
    encoder = CHAT.encoder(ASKED)
    body = encoder.encode(Start("c1", "m")) + encoder.encode(TextDelta("Hi"))
    chunks = SERVICE.stream(body + encoder.error(StreamStalled("Too slow")))
    said: list[str | None] = []
    with pytest.raises(openai.APIError, match="Too slow") as caught:
        said.extend(chunk.choices[0].delta.content for chunk in chunks)
    assert said == ["", "Hi"]
    assert caught.value.code == "stream_stalled"


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (InvalidRequest("Wrong", param="messages"), openai.BadRequestError),
        (Unauthorized("Wrong"), openai.AuthenticationError),
        (UnknownModel("Wrong"), openai.NotFoundError),
        (RateLimited("Wrong", code="rate_limit_exceeded"), openai.RateLimitError),
        (Unavailable("Wrong"), openai.InternalServerError),
    ],
)
def test_the_sdk_raises_its_own_error_for_ours(
    error: PenstockError, raised: type[openai.APIStatusError]
) -> None:
    status, body = CHAT.encode_error(error)
    with pytest.raises(raised, match="Wrong") as caught:
        SERVICE.whole(json.encode(body), status)
    assert caught.value.param == error.param
    assert caught.value.code == body["error"]["code"]


def test_the_sdk_lists_our_models() -> None:
    listed = json.encode(CHAT.encode_models([ModelInfo("a"), ModelInfo("я")]))
    SERVICE.answer = (200, "application/json", listed)
    assert [model.id for model in SERVICE.sdk.models.list()] == ["a", "я"]
