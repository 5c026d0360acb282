"""Ollama's embeddings: many texts at once, and the older form of one prompt.

Wire reference: https://docs.ollama.com/api/embed and
https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct

from penstock.protocols.embeddings import CallerFormat, some
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.spent import provenance, read_tokens
from penstock.protocols.embeddings.vectors import checked, read_vectors
from penstock.protocols.kept import rest
from penstock.protocols.request_body import read_body
from penstock.types import EmbeddingRequest, Embeddings

NAME = "ollama_embed"
_MOST = 256  # it knows no limit, but a model on one's own machine takes its time for each


class OllamaEmbeddings(CallerFormat):
    """Ollama's embeddings."""

    name = NAME
    path = "/api/embed"

    def __init__(self, most: int = _MOST) -> None:
        super().__init__(most)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        body: dict[str, Any] = {"model": request.model, "input": self.texts(request)}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        return body | self.own_words(request)

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        known = read_body(body, _Body)
        return EmbeddingRequest(
            model=known.model or "",
            input=(known.input,) if isinstance(known.input, str) else some(known.input, "input"),
            dimensions=known.dimensions,
            protocol=self.name,
            extra=rest(body, *_Body.__struct_fields__),
        )

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        return Embeddings(
            vectors=checked(read_vectors(said.embeddings), len(request.input)),
            model=said.model or request.model,
            usage=read_tokens(said.prompt_eval_count),
        )

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        said: dict[str, Any] = {"model": answer.model, "embeddings": answer.vectors}
        usage = answer.usage
        if usage is not None and usage.input is not None:
            said |= {"prompt_eval_count": usage.input, **provenance(usage)}
        return said


class OllamaPrompt(OllamaEmbeddings):
    """Ollama's older form: one prompt, one vector."""

    path = "/api/embeddings"

    def __init__(self) -> None:
        super().__init__(most=1)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        (prompt,) = self.texts(request)
        return {"model": request.model, "prompt": prompt, **self.own_words(request)}

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        known = read_body(body, _Prompt)
        return EmbeddingRequest(
            model=known.model or "",
            input=(known.prompt,),
            protocol=self.name,
            extra=rest(body, *_Prompt.__struct_fields__),
        )

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        vector = read_answer(body, _One).embedding
        return Embeddings(vectors=checked((vector,), 1), model=request.model)

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        return {"embedding": answer.vectors[0]}


class _Body(Struct):
    input: str | list[str]
    model: str | None = None
    dimensions: int | None = None


class _Prompt(Struct):
    prompt: str
    model: str | None = None


class _Answer(Struct):
    embeddings: list[Raw]
    model: str | None = None
    prompt_eval_count: int | None = None


class _One(Struct):
    embedding: tuple[float, ...]
