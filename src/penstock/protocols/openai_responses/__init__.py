"""OpenAI Responses, as OpenAI speaks it and as compatible services do.

Wire reference: https://platform.openai.com/docs/api-reference/responses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.error_body import error_from_body
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses.decode import decode_response, decoder
from penstock.protocols.openai_responses.encode import ResponseEncoder
from penstock.protocols.openai_responses.marks import NAME
from penstock.protocols.openai_responses.request import (
    CANNOT_ASK,
    EXTENSIONS,
    decode_request,
    encode_request,
)
from penstock.protocols.openai_responses.response import encode_response
from penstock.protocols.openai_responses.unsaid import unsaid
from penstock.types import ChatRequest, ModelInfo

_CHAT = OpenAIChat()
"""Lists of models and failed answers are OpenAI chat's."""


class OpenAIResponses(Protocol):
    """OpenAI Responses; dialects are subclasses."""

    name = NAME
    path = "/responses"
    stream_type = "text/event-stream; charset=utf-8"
    cannot_ask = CANNOT_ASK
    extensions = EXTENSIONS
    embeddings = _CHAT.embeddings

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        can = super().can_ask(request)
        return can if request.protocol in ("", NAME) else can - {"file.id"}

    def loss(self, request: ChatRequest) -> tuple[str, ...]:
        return tuple(sorted({*super().loss(request), *unsaid(request)}))

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return decode_request(body)

    def decoder(self) -> Decoder:
        return decoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return ResponseEncoder(request)

    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        return decode_response(body, delimited)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_response(reply)

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        return error_from_body(status, body, reason)

    def encode_error(self, error: PenstockError) -> tuple[int, dict[str, Any]]:
        return _CHAT.encode_error(error)

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return _CHAT.models_request(key)

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return _CHAT.decode_models(body)

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        return _CHAT.encode_models(models)
