"""Gemini's embeddings: a batch of contents, and the form of one content.

Wire reference: https://ai.google.dev/api/embeddings. A batch may have 100
(https://github.com/weaviate/weaviate/pull/11277). The path says the model:

/v1beta/models/{model}:batchEmbedContents
/v1beta/models/{model}:embedContent
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from msgspec import Raw, Struct

from penstock.errors import InvalidRequest
from penstock.protocols.embeddings import CallerFormat, purpose_and_rest, some
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.spent import provenance, read_tokens
from penstock.protocols.embeddings.vectors import checked, read_vectors
from penstock.protocols.kept import rest
from penstock.protocols.request_body import read_body
from penstock.types import EmbeddingRequest, Embeddings, Purpose, Usage

NAME = "gemini_embed"
_MODEL = re.compile(r"/v1[a-z0-9]*/(?:models/)?(.*):[a-zA-Z]+$")  # SDKs leave "models/" out, too
_KIND = "models/"
_TASKS = {
    "query": "task: search result | query: {}",
    "document": "title: none | text: {}",
    "similarity": "task: sentence similarity | query: {}",
    "classification": "task: classification | query: {}",
    "clustering": "task: clustering | query: {}",
}
"""How a purpose is said in the text itself (https://ai.google.dev/gemini-api/docs/embeddings)."""


class GeminiEmbeddings(CallerFormat):
    """Gemini's embeddings, a batch at a time."""

    name = NAME
    path = "/v1beta/models"
    purposes: ClassVar[Mapping[Purpose, str]] = {
        "query": "RETRIEVAL_QUERY",
        "document": "RETRIEVAL_DOCUMENT",
        "similarity": "SEMANTIC_SIMILARITY",
        "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
    }
    inputs: ClassVar[str] = "requests"
    """The key of the body that holds what is embedded."""
    verb: ClassVar[str] = "batchEmbedContents"

    def __init__(self, most: int = 100) -> None:
        super().__init__(most)

    def locate(self, model: str) -> str:
        return f"/v1beta/{quote(_named(model), errors='replace')}:{self.verb}"

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        found = _MODEL.search(path.partition("?")[0])
        return {**body, "model": unquote(found[1]) if found else ""}

    def relayed(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        said = rest(body, "model")
        asked = said.get(self.inputs)
        if not isinstance(asked, list) or not all(isinstance(one, Mapping) for one in asked):
            return said
        return {**said, self.inputs: [{**one, "model": _named(model)} for one in asked]}

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        settings = self._settings(request)
        return {"requests": [{**settings, "content": each} for each in self._contents(request)]}

    def _contents(self, request: EmbeddingRequest) -> list[dict[str, Any]]:
        task = _TASKS.get(request.purpose, "{}") if _reads_tasks(request.model) else "{}"
        return [{"parts": [{"text": task.replace("{}", text)}]} for text in self.texts(request)]

    def _settings(self, request: EmbeddingRequest) -> dict[str, Any]:
        said: dict[str, Any] = {"model": _named(request.model)}
        word = self.purposes.get(request.purpose)
        if word and not _reads_tasks(request.model):
            said["taskType"] = word
        if request.dimensions is not None:
            said["outputDimensionality"] = request.dimensions
        return said | self.own_words(request)

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        asked = read_body(body, _Batch).requests
        texts = [_text(read_body(one, _One), f"requests[{i}]") for i, one in enumerate(asked)]
        settings = [_said_beside(one) for one in asked]
        for place, said in enumerate(settings):
            if said != settings[0]:
                where = f"requests[{place}]"
                message = f"{where} asks for something else than the first: ask for it apart"
                raise InvalidRequest(message, param=where)
        return self._request(body, texts, settings[0] if settings else {})

    def _request(
        self, body: Mapping[str, Any], texts: list[str], said: Mapping[str, Any]
    ) -> EmbeddingRequest:
        known = read_body(said, _Settings)
        purpose, kept = purpose_and_rest(said, "taskType", self.purposes)
        return EmbeddingRequest(
            model=self.peek(body),
            input=some(texts, self.inputs),
            dimensions=known.output_dimensionality,
            purpose=purpose,
            protocol=self.name,
            extra=rest(said, "taskType", "outputDimensionality") | kept,
        )

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        return _answer([one.values for one in said.embeddings], said.usage_metadata, request)

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        vectors = [{"values": vector} for vector in answer.vectors]
        return {"embeddings": vectors, **_encode_usage(answer.usage)}


class GeminiContent(GeminiEmbeddings):
    """Gemini's embeddings, one content at a time."""

    inputs = "content"
    verb = "embedContent"

    def __init__(self) -> None:
        super().__init__(most=1)

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        (content,) = self._contents(request)
        return {**self._settings(request), "content": content}

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        return self._request(body, [_text(read_body(body, _One), "content")], _said_beside(body))

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _AnswerOfOne)
        return _answer([said.embedding.values], said.usage_metadata, request)

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        return {"embedding": {"values": answer.vectors[0]}, **_encode_usage(answer.usage)}


class _Part(Struct):
    text: str | None = None


class _Content(Struct):
    parts: list[_Part]


class _One(Struct):
    content: _Content


class _Batch(Struct):
    requests: list[dict[str, Any]]


class _Settings(Struct, rename="camel"):
    task_type: str | None = None
    output_dimensionality: int | None = None


class _Values(Struct):
    values: Raw


class _Spent(Struct, rename="camel"):
    prompt_token_count: int | None = None


class _Answer(Struct, rename="camel"):
    embeddings: list[_Values]
    usage_metadata: _Spent | None = None


class _AnswerOfOne(Struct, rename="camel"):
    embedding: _Values
    usage_metadata: _Spent | None = None


def _named(model: str) -> str:
    return model if model.startswith(_KIND) else _KIND + model


def _reads_tasks(model: str) -> bool:
    """Whether the model wants the purpose said in the text, and takes no notice of ``taskType``
    (https://github.com/embeddings-benchmark/mteb/pull/4851)."""
    return "gemini-embedding-2" in model


def _text(one: _One, where: str) -> str:
    texts = [part.text for part in one.content.parts]
    if None in texts:
        raise InvalidRequest(f"{where}: only text can be embedded by this model", param=where)
    return "".join(text for text in texts if text is not None)


def _said_beside(one: Mapping[str, Any]) -> dict[str, Any]:
    """What is said beside the content; newer callers say it under a key of its own."""
    config = one.get("embedContentConfig")
    said = rest(one, "content", "model", "embedContentConfig")
    return {**said, **config} if isinstance(config, Mapping) else said


def _answer(written: list[Raw], spent: _Spent | None, request: EmbeddingRequest) -> Embeddings:
    return Embeddings(
        vectors=checked(read_vectors(written), len(request.input)),
        model=request.model,
        usage=read_tokens(spent.prompt_token_count) if spent else None,
    )


def _encode_usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None or usage.input is None:
        return {}
    return {"usageMetadata": {"promptTokenCount": usage.input, **provenance(usage)}}
