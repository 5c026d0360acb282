"""AWS Bedrock Converse and ConverseStream.

Wire reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
and, for streams, API_runtime_ConverseStream.html beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from penstock.errors import InvalidRequest, PenstockError
from penstock.events import Event, Reply
from penstock.protocols import Decoder, Encoder, Protocol
from penstock.protocols.bedrock_converse.blocks import NAME
from penstock.protocols.bedrock_converse.decode import decode_response, decoder
from penstock.protocols.bedrock_converse.encode import ConverseEncoder, encode_response
from penstock.protocols.bedrock_converse.failure import decode_failure, encode_failure
from penstock.protocols.bedrock_converse.request import (
    decode_request,
    encode_request,
    lost_within,
)
from penstock.protocols.bedrock_converse.unsaid import told
from penstock.protocols.embeddings.bedrock import BedrockEmbeddings
from penstock.types import ChatRequest

_PLACE = re.compile(r"/model/(.+)/converse(-stream)?(?:\?|$)", re.DOTALL)


class BedrockConverse(Protocol):
    """AWS Bedrock Converse."""

    name = NAME
    path = "/model"
    stream_type = "application/vnd.amazon.eventstream"
    cannot_ask = frozenset(
        (
            "system.amid",
            "top_k",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "tool_choice.none",
            "parallel_tool_calls",
            "image.url",
            "file.id",
            "file.url",
            "refusal",
            "response_format.json_object",
            "reasoning_effort",
            "reasoning_budget",
        )
    )
    cannot_answer = frozenset(("id", "model", "refusal", "usage.reasoning"))
    embeddings = BedrockEmbeddings()

    def locate(self, model: str, stream: bool) -> str:
        # A colon may stand in a path as it is, and HTTP clients say it so whatever they are given;
        # a signature must be of what is sent.
        return f"/model/{quote(model, ':', errors='replace')}/converse" + (
            "-stream" if stream else ""
        )

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        found = _PLACE.search(path)
        if found is None:
            message = "the path must be /model/{model}/converse or /model/{model}/converse-stream"
            raise InvalidRequest(message, param="path")
        return {**body, "model": unquote(found[1]), "stream": found[2] is not None}

    def relayed(self, body: Mapping[str, Any], model: str) -> dict[str, Any] | None:
        return {key: value for key, value in body.items() if key not in ("model", "stream")}

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        # Few models allow a system turn amid the others; whoever speaks Converse knows which.
        can = super().can_ask(request) - told(request)[1]
        return can | {"system.amid"} if request.protocol == NAME else can

    def loss(self, request: ChatRequest) -> tuple[str, ...]:
        return tuple(sorted({*super().loss(request), *lost_within(request)}))

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return encode_request(request)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        try:
            return decode_request(body)
        except RecursionError:
            raise InvalidRequest("the request is nested too deeply") from None

    def decoder(self) -> Decoder:
        return decoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return ConverseEncoder()

    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        return decode_response(body, delimited)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_response(reply)

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        return decode_failure(status, body, reason, headers or {})

    def encode_error(self, error: PenstockError) -> tuple[int, dict[str, Any]]:
        return error.http_status, encode_failure(error)
