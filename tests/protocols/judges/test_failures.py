"""What we write of an error, the vendors' own SDKs raise as their own; and they list our models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import botocore.exceptions
import cohere
import cohere.core.api_error
import mistralai.client.errors
import ollama
import openai
import pytest
from google.genai import errors as google

from penstock.errors import PenstockError, StreamStalled, StreamTruncated
from penstock.events import Start, TextDelta
from penstock.protocols import json
from penstock.types import ChatRequest, ModelInfo
from protocols.judges.bedrock_converse import SDK as BEDROCK
from protocols.judges.judging import JUDGES, protocol

pytestmark = pytest.mark.slow

Raised = type[Exception] | tuple[type[Exception], ...]

_MISTRAL: Raised = mistralai.client.errors.SDKError
_AWS = BEDROCK.exceptions

RAISED: Mapping[str, Mapping[int, Raised]] = {
    "anthropic_messages": {
        400: anthropic.BadRequestError,
        401: anthropic.AuthenticationError,
        404: anthropic.NotFoundError,
        429: anthropic.RateLimitError,
        500: anthropic.InternalServerError,
        502: anthropic.InternalServerError,
        504: anthropic.InternalServerError,
    },
    "bedrock_converse": {
        400: _AWS.ValidationException,
        401: _AWS.AccessDeniedException,
        404: _AWS.ResourceNotFoundException,
        429: _AWS.ThrottlingException,
        500: _AWS.InternalServerException,
        502: (_AWS.ServiceUnavailableException, _AWS.ModelStreamErrorException),
        504: (_AWS.ModelTimeoutException, _AWS.ModelStreamErrorException),
    },
    "cohere_v2_chat": {
        400: cohere.BadRequestError,
        401: cohere.UnauthorizedError,
        404: cohere.NotFoundError,
        429: cohere.TooManyRequestsError,
        500: cohere.InternalServerError,
        502: cohere.core.api_error.ApiError,
        504: cohere.GatewayTimeoutError,
    },
    "gemini_generate": {
        400: google.ClientError,
        401: google.ClientError,
        404: google.ClientError,
        429: google.ClientError,
        500: google.ServerError,
        502: google.ServerError,
        504: google.ServerError,
    },
    "mistral_chat": dict.fromkeys((400, 401, 404, 429, 500, 502, 504), _MISTRAL),
    "ollama_chat": dict.fromkeys((400, 401, 404, 429, 500, 502, 504), ollama.ResponseError),
    "openai_chat": {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        404: openai.NotFoundError,
        429: openai.RateLimitError,
        500: openai.InternalServerError,
        502: openai.InternalServerError,
        504: openai.InternalServerError,
    },
}
"""What each SDK raises for our statuses; where it has one class for all, that holds the status."""


def raised(name: str, status: int) -> Raised:
    return RAISED["openai_chat" if name == "openai_responses" else name][status]


def _classes(kind: type[PenstockError]) -> Iterator[type[PenstockError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == PenstockError.__module__:
            yield from _classes(below)


@pytest.mark.parametrize("kind", list(dict.fromkeys(_classes(PenstockError))))
@pytest.mark.parametrize("name", JUDGES)
def test_the_sdk_raises_its_own_error_for_ours(name: str, kind: type[PenstockError]) -> None:
    status, body = protocol(name).encode_error(kind("Too bad 🎉"))
    with pytest.raises(raised(name, status)) as caught:
        JUDGES[name].fail(json.encode(body), status)
    assert "Too bad 🎉" in _text(caught.value)
    assert _status(caught.value) == status


def _text(error: Any) -> str:
    """What the SDK says of it, in whichever place."""
    return " ".join([str(error), *(str(getattr(error, place, "")) for place in _PLACES)])


_PLACES = ("message", "body")


def _status(error: Any) -> int:
    if isinstance(error, botocore.exceptions.ClientError):
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status
    places = (getattr(error, name, None) for name in ("status_code", "code"))
    return next(status for status in places if isinstance(status, int))


AMID: Mapping[str, Raised] = {
    "anthropic_messages": anthropic.APIError,
    "bedrock_converse": botocore.exceptions.EventStreamError,
    "cohere_v2_chat": JUDGES["cohere_v2_chat"].Failed,
    "gemini_generate": google.APIError,
    "mistral_chat": mistralai.client.errors.ResponseValidationError,  # it knows none amid a stream
    "ollama_chat": ollama.ResponseError,
    "openai_chat": openai.APIError,
    "openai_responses": JUDGES["openai_responses"].Failed,
}


@pytest.mark.parametrize("error", [StreamStalled("Too slow"), StreamTruncated("It was cut")])
@pytest.mark.parametrize("name", JUDGES)
def test_the_sdk_sees_an_error_amid_a_stream(name: str, error: PenstockError) -> None:
    encoder = protocol(name).encoder(ChatRequest(model="m"))
    body = encoder.encode(Start("id", "m")) + encoder.encode(TextDelta("Hi"))
    with pytest.raises(AMID[name]) as caught:
        JUDGES[name].read_stream(body + encoder.error(error))
    assert error.message in _text(caught.value)


LISTED = [name for name in JUDGES if name != "bedrock_converse"]


@pytest.mark.parametrize("name", LISTED)
def test_the_sdk_lists_our_models(name: str) -> None:
    """Bedrock lists its models elsewhere, as another service."""
    listed = protocol(name).encode_models([ModelInfo("a/b:c"), ModelInfo("я", "Я")])
    assert JUDGES[name].list_models(json.encode(listed)) == ["a/b:c", "я"]
