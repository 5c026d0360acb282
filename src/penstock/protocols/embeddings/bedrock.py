"""Bedrock's embeddings, by InvokeModel, whose bodies are each model vendor's own.

Wire reference: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
and model-parameters-embed.html beside it (Cohere's). The path says the model:

/model/{model}/invoke
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from msgspec import Struct

from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.cohere import CohereEmbeddings
from penstock.protocols.embeddings.spent import read_tokens
from penstock.protocols.embeddings.vectors import checked
from penstock.protocols.kept import rest
from penstock.types import EmbeddingRequest, Embeddings


def _locate(model: str) -> str:
    """A colon stands in the path as it is, as it does for a chat."""
    return f"/model/{quote(model, ':', errors='replace')}/invoke"


class BedrockCohere(CohereEmbeddings):
    """Cohere's embeddings on Bedrock."""

    def locate(self, model: str) -> str:
        return _locate(model)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        return rest(super().encode_request(request), "model")


class BedrockEmbeddings(EmbeddingFormat):
    """Amazon Titan's embeddings, one text at a time; Cohere's models have their own form."""

    name = "bedrock_titan"
    path = "/model"

    def __init__(self) -> None:
        super().__init__(most=1)

    def for_model(self, model: str) -> EmbeddingFormat:
        return _COHERE if "cohere." in model else self

    def locate(self, model: str) -> str:
        return _locate(model)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        (text,) = self.texts(request)
        length = {} if request.dimensions is None else {"dimensions": request.dimensions}
        return {"inputText": text, **length, **self.own_words(request)}

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        return Embeddings(
            vectors=checked((said.embedding,), len(request.input)),
            model=request.model,
            usage=read_tokens(said.input_text_token_count),
        )


_COHERE = BedrockCohere()


class _Answer(Struct, rename="camel"):
    embedding: tuple[float, ...]
    input_text_token_count: int | None = None
