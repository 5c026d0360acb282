"""Cohere's embeddings, version 2: several encodings at once, and a purpose that must be said.

Wire reference: https://docs.cohere.com/v2/reference/embed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Raw, Struct, field

from penstock.errors import InvalidRequest
from penstock.protocols.embeddings import CallerFormat, purpose_and_rest, some
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.spent import provenance, read_tokens
from penstock.protocols.embeddings.vectors import checked, read_vectors, to_base64
from penstock.protocols.kept import rest
from penstock.protocols.request_body import read_body
from penstock.types import EmbeddingRequest, Embeddings, Purpose, Usage

NAME = "cohere_v2_embed"
_UNSAID = "search_document"
"""What the vectors are for, where nobody said: most that are ever made are of documents."""


class CohereEmbeddings(CallerFormat):
    """Cohere's embeddings, version 2."""

    name = NAME
    path = "/v2/embed"
    purposes: ClassVar[Mapping[Purpose, str]] = {
        "query": "search_query",
        "document": "search_document",
        "classification": "classification",
        "clustering": "clustering",
    }

    def __init__(self) -> None:
        super().__init__(most=96)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "texts": self.texts(request),
            "input_type": self.purposes.get(request.purpose, _UNSAID),
            "embedding_types": ["float"],
        }
        if request.dimensions is not None:
            body["output_dimension"] = request.dimensions
        return body | self.own_words(request)

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        known = read_body(body, _Body)
        if known.images:
            raise InvalidRequest("images cannot be embedded by this model", param="images")
        purpose, kept = purpose_and_rest(body, "input_type", self.purposes)
        texts = known.texts or [
            _text(one, f"inputs[{i}]") for i, one in enumerate(known.inputs or ())
        ]
        return EmbeddingRequest(
            model=known.model or "",
            input=some(texts, "texts"),
            dimensions=known.output_dimension,
            purpose=purpose,
            encodings=tuple(known.embedding_types or ()),
            protocol=self.name,
            extra=rest(body, *_Body.__struct_fields__) | kept,
        )

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        written = said.embeddings.floats or said.embeddings.base64 or ()
        units = said.meta.billed_units if said.meta else None
        return Embeddings(
            vectors=checked(read_vectors(written), len(request.input)),
            model=request.model,
            usage=read_tokens(units.input_tokens) if units else None,
        )

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        written: dict[str, Any] = {}
        if "base64" in request.encodings:
            written["base64"] = [to_base64(vector) for vector in answer.vectors]
        if "float" in request.encodings or not written:
            written["float"] = answer.vectors
        return {
            "id": "embd-penstock",
            "texts": self.texts(request),
            "embeddings": written,
            "meta": {"api_version": {"version": "2"}, **_encode_usage(answer.usage)},
            "response_type": "embeddings_by_type",
        }


class _Content(Struct):
    type: str
    text: str = ""


class _Input(Struct):
    content: list[_Content]


class _Body(Struct):
    model: str | None = None
    texts: list[str] | None = None
    inputs: list[_Input] | None = None
    images: list[str] | None = None
    input_type: str | None = None
    embedding_types: list[str] | None = None
    output_dimension: int | None = None


class _Embeddings(Struct):
    floats: list[Raw] | None = field(default=None, name="float")
    base64: list[Raw] | None = None


class _Units(Struct):
    input_tokens: float | None = None


class _Meta(Struct):
    billed_units: _Units | None = None


class _Answer(Struct):
    embeddings: _Embeddings
    meta: _Meta | None = None


def _text(one: _Input, where: str) -> str:
    if any(part.type != "text" for part in one.content):
        raise InvalidRequest(f"{where}: only text can be embedded by this model", param=where)
    return "".join(part.text for part in one.content)


def _encode_usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None or usage.input is None:
        return {}
    return {"billed_units": {"input_tokens": usage.input}, **provenance(usage)}
