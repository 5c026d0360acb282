"""Google Gemini's generateContent, as Google AI speaks it; Vertex AI is a subclass away.

Wire reference: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from msgspec import Struct

from penstock.errors import PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.gemini import GeminiEmbeddings
from penstock.protocols.gemini_generate import paths
from penstock.protocols.gemini_generate.decode import decode_response, decoder
from penstock.protocols.gemini_generate.encode import ChunkEncoder, encode_response
from penstock.protocols.gemini_generate.failure import decode_failure, encode_failure
from penstock.protocols.gemini_generate.request import decode_request, encode_request, one_answer
from penstock.protocols.gemini_generate.unsaid import unsaid
from penstock.protocols.gemini_generate.words import NAME
from penstock.protocols.kept import rest
from penstock.protocols.limits import tokens
from penstock.protocols.listing import read_list
from penstock.types import ChatRequest, ModelInfo


class GeminiGenerate(Protocol):
    """Gemini's generateContent; Vertex AI, whose paths are longer, overrides ``locate``."""

    name = NAME
    path = "/v1beta/models"
    stream_type = "text/event-stream"
    cannot_ask = frozenset(("system.amid", "parallel_tool_calls", "refusal", "cache"))
    cannot_answer = frozenset(("refusal", "usage.cache_write"))
    embeddings: ClassVar[EmbeddingFormat | None] = GeminiEmbeddings()

    def locate(self, model: str, stream: bool) -> str:
        return paths.locate(model, stream)

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {**rest(body, *paths.ON_PATH), **paths.read_path(path)}

    def relayed(self, body: Mapping[str, Any], model: str) -> dict[str, Any] | None:
        """``None`` for a caller of the array: services are asked for server-sent events."""
        return None if paths.ALT in body else rest(body, *paths.ON_PATH)

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        return super().can_ask(request).difference(unsaid(request))

    def one_answer(self, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
        return one_answer(request)

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return decode_request(body)

    def decoder(self) -> Decoder:
        return decoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return ChunkEncoder(request)

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

    def key_headers(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    def models_request(self, key: str) -> tuple[str, str, bytes] | None:
        return "GET", "/v1beta/models?pageSize=1000", b""  # a page holds 50 unless asked

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return tuple(
            ModelInfo(
                model.name.removeprefix("models/"),
                model.display_name or "",
                context=tokens(model.input_token_limit),
                output=tokens(model.output_token_limit),
            )
            for model in read_list(body, _ModelList).models
        )

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        methods = ["generateContent", "streamGenerateContent"]
        return {
            "models": [
                {
                    "name": "models/" + model.id,
                    "displayName": model.name or model.id,
                    "supportedGenerationMethods": methods,
                }
                for model in models
            ]
        }


class _Model(Struct, rename="camel"):
    name: str
    display_name: str | None = None
    input_token_limit: Any = None
    output_token_limit: Any = None


class _ModelList(Struct):
    models: list[_Model]
