"""Bedrock's embeddings, by InvokeModel, whose bodies are each model vendor's own.

Wire reference: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
and model-parameters-embed.html beside it (Cohere's). The path says the model:

/model/{model}/invoke
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from msgspec import Struct

from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.cohere import CohereEmbeddings
from penstock.protocols.embeddings.vectors import checked
from penstock.protocols.kept import rest
from penstock.protocols.request_body import read_body
from penstock.types import EmbeddingRequest, Embeddings, Usage

_MODEL = re.compile(r"/model/(.+)/invoke(?:\?|$)", re.DOTALL)


def _locate(model: str) -> str:
    """A colon stands in the path as it is, as it does for a chat."""
    return f"/model/{quote(model, ':', errors='replace')}/invoke"


def _with_model(body: Mapping[str, Any], path: str) -> dict[str, Any]:
    found = _MODEL.search(path)
    return {**body, "model": unquote(found[1]) if found else ""}


class BedrockCohere(CohereEmbeddings):
    """Cohere's embeddings on Bedrock."""

    def locate(self, model: str) -> str:
        return _locate(model)

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        return _with_model(body, path)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        return rest(super().encode_request(request), "model")


class BedrockEmbeddings(EmbeddingFormat):
    """Amazon Titan's embeddings, one text at a time; Cohere's models have their own form."""

    name = "bedrock_titan"
    path = "/model"
    inputs = "inputText"

    def __init__(self) -> None:
        super().__init__(most=1)

    def for_model(self, model: str) -> EmbeddingFormat:
        return _COHERE if "cohere." in model else self

    def locate(self, model: str) -> str:
        return _locate(model)

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        return _with_model(body, path)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        (text,) = self.texts(request)
        length = {} if request.dimensions is None else {"dimensions": request.dimensions}
        return {"inputText": text, **length, **self.own_words(request)}

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        known = read_body(body, _Body)
        return EmbeddingRequest(
            model=self.peek(body),
            input=(known.input_text,),
            dimensions=known.dimensions,
            protocol=self.name,
            extra=rest(body, "model", "inputText", "dimensions"),
        )

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        read = said.input_text_token_count
        return Embeddings(
            vectors=checked((said.embedding,), len(request.input)),
            model=request.model,
            usage=None if read is None else Usage(input=read, total=read),
        )

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        read = answer.usage.input if answer.usage else None
        spent = {} if read is None else {"inputTextTokenCount": read}
        return {"embedding": answer.vectors[0], **spent}


_COHERE = BedrockCohere()


class _Body(Struct, rename="camel"):
    input_text: str
    dimensions: int | None = None


class _Answer(Struct, rename="camel"):
    embedding: tuple[float, ...]
    input_text_token_count: int | None = None
