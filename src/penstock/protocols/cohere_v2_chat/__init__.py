"""Cohere's chat, version 2.

Wire reference: https://docs.cohere.com/reference/chat and
https://docs.cohere.com/reference/chat-stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.cohere_v2_chat.decode import decode_response, decoder
from penstock.protocols.cohere_v2_chat.encode import ChatEncoder, encode_response
from penstock.protocols.cohere_v2_chat.failure import decode_failure, encode_failure
from penstock.protocols.cohere_v2_chat.models import QUERY, decode_models, encode_models
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.cohere_v2_chat.request import decode_request, encode_request, unsaid
from penstock.protocols.embeddings.cohere import CohereEmbeddings
from penstock.types import ChatRequest, ModelInfo


class CohereChat(Protocol):
    """Cohere's chat, version 2; dialects are subclasses."""

    name = NAME
    path = "/v2/chat"
    stream_type = "text/event-stream"
    cannot_ask = frozenset(
        (
            "audio",
            "cache",
            "file.data",
            "file.id",
            "file.url",
            "parallel_tool_calls",
            "reasoning.signature",
            "reasoning_effort",
            "refusal",
            "tool_choice.name",
            "tool_result.error",
            "tool_result.file",
            "tool_result.image",
        )
    )
    cannot_answer = frozenset(("model", "reasoning.signature", "refusal", "usage.cache_write"))
    embeddings = CohereEmbeddings()

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        """Of the efforts, none at all can be said."""
        none = {"reasoning_effort"} if request.reasoning_effort == "none" else set[str]()
        return (super().can_ask(request) | none).difference(unsaid(request))

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return decode_request(body)

    def decoder(self) -> Decoder:
        return decoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return ChatEncoder()

    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        return decode_response(body, delimited)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_response(reply)

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        return decode_failure(status, body, reason)

    def encode_error(self, error: PenstockError) -> tuple[int, dict[str, Any]]:
        return error.http_status, encode_failure(error)

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return "GET", "/v1/models" + QUERY, b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return decode_models(body)

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        return encode_models(models)
