"""OpenAI Chat Completions, as OpenAI speaks it and as the many compatible services do.

Wire reference: https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from msgspec.structs import replace

from penstock.errors import PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.error_body import error_from_body
from penstock.protocols.kept import rest
from penstock.protocols.loss import THOUGHTS
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.decode import decode_response, decoder, is_usual_response
from penstock.protocols.openai_chat.encode import ChunkEncoder, encode_failure, encode_response
from penstock.protocols.openai_chat.models import decode_models
from penstock.protocols.openai_chat.newer import in_newer_words
from penstock.protocols.openai_chat.request_decode import NAME, decode_request
from penstock.protocols.openai_chat.request_encode import encode_request, says_reasoning, unsaid
from penstock.types import ChatRequest, ModelInfo


class OpenAIChat(Protocol):
    """OpenAI Chat Completions; dialects are subclasses.

    ``ask_usage``: streams are asked to report what they spent (``stream_options``); the few
    services that refuse the field get it switched off. ``newer``: the longest answer is said as
    ``max_completion_tokens``, without which OpenAI's reasoning models refuse the question
    (https://platform.openai.com/docs/api-reference/chat/create).
    """

    name = NAME
    path = "/chat/completions"
    stream_type = "text/event-stream; charset=utf-8"
    cannot_ask = frozenset(
        (
            "cache",
            "file.url",
            "reasoning",
            "reasoning.signature",
            "reasoning.unsigned",
            "reasoning_budget",  # said as an effort
            "tool_result.error",
            "tool_result.file",  # said in a message after it
            "tool_result.image",
            "top_k",
        )
    )
    embeddings: ClassVar[EmbeddingFormat | None] = OpenAIEmbeddings()
    extensions = cannot_ask - {"file.url", "reasoning_budget", "tool_result.error"}
    reasoning_apart: ClassVar[bool] = False
    """The service's output tokens leave out those of reasoning."""

    def __init__(self, ask_usage: bool = True, newer: bool = False) -> None:
        self._ask_usage = ask_usage
        self._newer = newer

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        can = super().can_ask(request)
        if request.protocol == self.family:  # an address typed for a document's data stays there
            return can | {"file.url"} if "file.data" in can else can
        if request.protocol:
            return can - {"file.id"}  # it names a file that is another service's
        return can if says_reasoning(request) else can - (self.cannot_ask & THOUGHTS)

    def one_answer(self, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
        count = request.extra.get("n") if request.protocol in ("", self.family) else None
        if type(count) is not int or count < 2:
            return request, ()
        return replace(request, extra=rest(request.extra, "n")), ("extra.n",)

    def loss(self, request: ChatRequest) -> tuple[str, ...]:
        return tuple(sorted({*super().loss(request), *self._unsaid(request)}))

    def _unsaid(self, request: ChatRequest) -> Iterator[str]:
        """What is left out beside the features that cannot be said."""
        return unsaid(request, self.can_ask(request))

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        body = encode_request(request, self.can_ask(request))
        if self._newer:
            body = in_newer_words(body)
        if self._ask_usage and request.stream:
            body.setdefault("stream_options", {"include_usage": True})
        return self.finish_request(body, request)

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        """A body in OpenAI's words, brought into those of a dialect."""
        return body

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        return decode_request(self.start_request(body))

    def start_request(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A body in the words of a dialect, brought into OpenAI's."""
        return body

    def answer(self) -> ChatAnswer:
        """What reads one answer's chunks; a dialect may have its own."""
        return ChatAnswer(self.reasoning_apart)

    def decoder(self) -> Decoder:
        return decoder(self.answer())

    def encoder(self, request: ChatRequest) -> Encoder:
        return ChunkEncoder(request, self.reasoning_apart)

    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        return decode_response(body, delimited, self.answer())

    def check_response(self, body: bytes, delimited: bool = True) -> None:
        if not is_usual_response(body):
            super().check_response(body, delimited)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_response(reply, self.reasoning_apart)

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        return error_from_body(status, body, reason)

    def encode_error(self, error: PenstockError) -> tuple[int, dict[str, Any]]:
        return error.http_status, encode_failure(error)

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return "GET", "/models", b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return decode_models(body)

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        return {
            "object": "list",
            "data": [
                {"id": model.id, "object": "model", "created": 0, "owned_by": "penstock"}
                for model in models
            ],
        }
