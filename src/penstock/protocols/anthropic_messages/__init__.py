"""Anthropic Messages, as Anthropic speaks it and as compatible services do.

Wire reference: https://platform.claude.com/docs/en/api/messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.anthropic_messages.citations import NAME
from penstock.protocols.anthropic_messages.decode import decode_response, decoder
from penstock.protocols.anthropic_messages.encode import MessageEncoder, encode_response
from penstock.protocols.anthropic_messages.failure import decode_failure, encode_failure
from penstock.protocols.anthropic_messages.models import decode_models
from penstock.protocols.anthropic_messages.request_decode import decode_request
from penstock.protocols.anthropic_messages.request_encode import encode_request
from penstock.protocols.anthropic_messages.unsaid import told
from penstock.types import ChatRequest, ModelInfo

VERSION = "2023-06-01"
"""The ``anthropic-version`` that is spoken here."""


class AnthropicMessages(Protocol):
    """Anthropic Messages; dialects are subclasses."""

    name = NAME
    path = "/v1/messages"
    stream_type = "text/event-stream; charset=utf-8"
    cannot_ask = frozenset(
        (
            "audio",
            "frequency_penalty",
            "presence_penalty",
            "reasoning.unsigned",
            "reasoning_effort",  # said as a budget, but for "none"
            "refusal",  # said as text
            "response_format.json_object",
            "seed",
            "system.amid",  # said before the conversation
        )
    )
    extensions = frozenset(("system.amid",))
    cannot_answer = frozenset(("refusal",))

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        thinking = frozenset(("reasoning_effort", "reasoning_budget"))
        return (super().can_ask(request) | thinking) - told(request)[1]

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return decode_request(body)

    def decoder(self) -> Decoder:
        return decoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return MessageEncoder(request)

    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        return decode_response(body, delimited)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_response(reply)

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        return decode_failure(status, body, reason)

    def encode_error(self, error: PenstockError) -> tuple[int, dict[str, Any]]:
        return error.http_status, {**encode_failure(error), "request_id": None}

    def key_headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": VERSION}

    def models_request(self, key: str) -> tuple[str, str, bytes] | None:
        return "GET", "/v1/models?limit=1000", b""  # a page holds 20 unless asked

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return decode_models(body)

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        listed = [
            {
                "type": "model",
                "id": model.id,
                "display_name": model.name or model.id,
                "created_at": "1970-01-01T00:00:00Z",  # Anthropic's word for "not known"
            }
            for model in models
        ]
        return {
            "data": listed,
            "has_more": False,
            "first_id": listed[0]["id"] if listed else None,
            "last_id": listed[-1]["id"] if listed else None,
        }
