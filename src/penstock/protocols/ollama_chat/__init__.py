"""Ollama's own API: chat, and generate (one prompt in place of a conversation).

Wire reference: https://docs.ollama.com/api and
https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.embeddings.ollama import OllamaEmbeddings
from penstock.protocols.ollama_chat import generate
from penstock.protocols.ollama_chat.decode import decode_response, decoder
from penstock.protocols.ollama_chat.encode import (
    LineEncoder,
    PromptEncoder,
    encode_generated,
    encode_response,
)
from penstock.protocols.ollama_chat.failure import decode_failure, encode_failure
from penstock.protocols.ollama_chat.models import decode_models, encode_models
from penstock.protocols.ollama_chat.names import GENERATE, NAME
from penstock.protocols.ollama_chat.request import decode_request, encode_request, says_effort
from penstock.types import ChatRequest, ModelInfo

_CANNOT_ASK = frozenset(
    (
        "audio",
        "cache",
        "file.data",
        "file.id",
        "file.url",
        "image.url",
        "parallel_tool_calls",
        "reasoning.signature",
        "reasoning_budget",
        "refusal",
        "tool_choice.name",
        "tool_choice.none",
        "tool_choice.required",
        "tool_result.error",
        "tool_result.file",
        "tool_result.image",
    )
)
_CANNOT_ANSWER = frozenset(
    (
        "citations",
        "id",
        "reasoning.signature",
        "refusal",
        "usage.cache_write",
        "usage.cached_input",
        "usage.reasoning",
    )
)


class OllamaChat(Protocol):
    """Ollama's chat; dialects are subclasses."""

    name = NAME
    path = "/api/chat"
    stream_type = "application/x-ndjson"
    cannot_ask = _CANNOT_ASK
    cannot_answer = _CANNOT_ANSWER
    embeddings = OllamaEmbeddings()

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        """``stream`` is true where it is not said."""
        return dict(body) if body.get("stream") is not None else {**body, "stream": True}

    def peek(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        return super().peek(self.with_path(body, ""))

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        can = super().can_ask(request)
        return can if says_effort(request) else can - {"reasoning_effort"}

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return decode_request(body)

    def decoder(self) -> Decoder:
        return decoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return LineEncoder(request)

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
        return "GET", "/api/tags", b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return decode_models(body)

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        return encode_models(models)


class OllamaGenerate(OllamaChat):
    """Ollama's generate: one prompt, one answer, no tools."""

    name = GENERATE
    path = "/api/generate"
    family = NAME
    cannot_ask = _CANNOT_ASK | {"reasoning", "system.amid", "tools"}
    cannot_answer = _CANNOT_ANSWER | {"tool_calls"}

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return generate.encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return generate.decode_request(body)

    def encoder(self, request: ChatRequest) -> Encoder:
        return PromptEncoder(request)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_generated(reply)
