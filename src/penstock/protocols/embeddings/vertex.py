"""Vertex AI's embeddings: each model in one of two forms, neither of them Google AI's.

Wire reference: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
and what ``google-genai`` 3.3 sends. The path says the model:

/publishers/google/models/{model}:embedContent      one content (gemini-embedding-2 and later)
/publishers/google/models/{model}:predict           instances: one of gemini-embedding-001, 250 of
                                                    20,000 tokens of the older models
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Raw, Struct

from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.gemini import GeminiContent, GeminiEmbeddings
from penstock.protocols.embeddings.spent import read_tokens
from penstock.protocols.embeddings.vectors import checked, read_vectors
from penstock.protocols.kept import rest
from penstock.types import EmbeddingRequest, Embeddings, Purpose


def _locate(model: str, verb: str) -> str:
    place = model if model.startswith("publishers/") else f"publishers/google/models/{model}"
    return f"/{quote(place, errors='replace')}:{verb}"


class VertexContent(GeminiContent):
    """Vertex AI's embeddings of one content."""

    def locate(self, model: str) -> str:
        return _locate(model, self.verb)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        said = super().encode_request(request)
        return {"content": said["content"], "embedContentConfig": rest(said, "content", "model")}


class VertexEmbeddings(EmbeddingFormat):
    """Vertex AI's embeddings, as predictions; some models want the other form."""

    name = "vertex_predict"
    path = "/publishers/google/models"
    purposes: ClassVar[Mapping[Purpose, str]] = GeminiEmbeddings.purposes

    def __init__(self, most: int = 250, largest: int = 20_000) -> None:
        super().__init__(most, largest)

    def for_model(self, model: str) -> EmbeddingFormat:
        if "gemini-embedding-001" in model:
            return _ONE_BY_ONE
        return _CONTENT if "gemini-embedding" in model else self

    def locate(self, model: str) -> str:
        return _locate(model, "predict")

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        word = self.purposes.get(request.purpose)
        task = {"task_type": word} if word else {}
        parameters = self.own_words(request)
        if request.dimensions is not None:
            parameters["outputDimensionality"] = request.dimensions
        instances = [{"content": text, **task} for text in self.texts(request)]
        return {"instances": instances} | ({"parameters": parameters} if parameters else {})

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        found = [one.embeddings for one in read_answer(body, _Answer).predictions]
        counts = [one.statistics.token_count for one in found if one.statistics]
        all_count = counts and len(counts) == len(found)
        return Embeddings(
            vectors=checked(read_vectors(one.values for one in found), len(request.input)),
            model=request.model,
            usage=read_tokens(sum(counts) if all_count else None),
        )


_ONE_BY_ONE = VertexEmbeddings(most=1)
_CONTENT = VertexContent()


class _Statistics(Struct):
    token_count: float = 0


class _Values(Struct):
    values: Raw
    statistics: _Statistics | None = None


class _Prediction(Struct):
    embeddings: _Values


class _Answer(Struct):
    predictions: list[_Prediction]
