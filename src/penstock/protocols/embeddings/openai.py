"""OpenAI's embeddings, as OpenAI asks for them and the many compatible services do.

Wire reference: https://platform.openai.com/docs/api-reference/embeddings. A request of OpenAI's own
may have 2,048 inputs of 300,000 tokens together (``openai`` 2.x, ``EmbeddingCreateParams``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Raw, Struct

from penstock.errors import InvalidRequest
from penstock.protocols.embeddings import CallerFormat, purpose_and_rest, some
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.spent import provenance
from penstock.protocols.embeddings.vectors import checked, in_order, read_vectors, to_base64
from penstock.protocols.kept import rest
from penstock.protocols.request_body import read_body
from penstock.types import EmbeddingRequest, Embeddings, Input, Purpose, Usage

NAME = "openai_embeddings"
_MOST = 512
"""Inputs of one request, where nobody says: their vectors fit into an answer of 64 MiB as JSON."""

_PURPOSE = "input_type"
_PURPOSES: Mapping[Purpose, str] = {"query": "query", "document": "document"}
"""What callers who know Voyage, or others of this form, say of the purpose."""


class OpenAIEmbeddings(CallerFormat):
    """OpenAI's form; services that differ in words are subclasses.

    ``ask_base64``: the service is known to write vectors as base64, which is exact and a quarter of
    the size.
    """

    name = NAME
    path = "/embeddings"
    vectors = "data"
    takes_tokens = True
    dimensions_key: ClassVar[str] = "dimensions"

    def __init__(self, ask_base64: bool = False, most: int = _MOST, largest: int = 0) -> None:
        super().__init__(most, largest)
        self._ask_base64 = ask_base64

    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        inputs = list(request.input) if self.takes_tokens else self.texts(request)
        body: dict[str, Any] = {"model": request.model, "input": inputs}
        if request.dimensions is not None:
            body[self.dimensions_key] = request.dimensions
        if self._ask_base64:
            body["encoding_format"] = "base64"
        return body | self.own_words(request)

    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        known = read_body(body, _Body)
        purpose, kept = purpose_and_rest(body, _PURPOSE, _PURPOSES)
        return EmbeddingRequest(
            model=known.model or "",
            input=_inputs(known.input),
            dimensions=known.output_dimension if known.dimensions is None else known.dimensions,
            purpose=purpose,
            encodings=(known.encoding_format,) if known.encoding_format else (),
            protocol=self.name,
            extra=rest(body, *_Body.__struct_fields__, _PURPOSE) | kept,
        )

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        vectors = read_vectors(item.embedding for item in said.data)
        ordered = in_order([item.index for item in said.data], vectors)
        return Embeddings(
            vectors=checked(ordered, len(request.input)),
            model=said.model or request.model,
            usage=_usage(said.usage),
        )

    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        write = to_base64 if "base64" in request.encodings else list
        data = [
            {"object": "embedding", "index": index, "embedding": write(vector)}
            for index, vector in enumerate(answer.vectors)
        ]
        return {
            "id": "embd-penstock",  # Mistral's clients, who come to the same path, want one
            "object": "list",
            "data": data,
            "model": answer.model,
            "usage": _encode_usage(answer.usage),
        }


class _Body(Struct):
    input: str | list[str | int | list[int]]
    model: str | None = None
    dimensions: int | None = None
    output_dimension: int | None = None  # Mistral's and Voyage's word
    encoding_format: str | None = None


class _Item(Struct):
    embedding: Raw
    index: int | None = None


class _Spent(Struct):
    """Some say the total alone."""

    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(Struct):
    data: list[_Item]
    model: str | None = None
    usage: _Spent | None = None


def _inputs(said: str | Sequence[str | int | list[int]]) -> tuple[Input, ...]:
    """One text, one text's tokens, or several of either."""
    if isinstance(said, str):
        return (said,)
    numbers = tuple(one for one in said if isinstance(one, int))
    if numbers and len(numbers) < len(said):
        raise InvalidRequest("input mixes texts and tokens: send a list of either", param="input")
    texts = (one for one in said if not isinstance(one, int))
    several = [one if isinstance(one, str) else tuple(one) for one in texts]
    return (numbers,) if numbers else some(several, "input")


def _usage(said: _Spent | None) -> Usage | None:
    if said is None or (said.prompt_tokens is None and said.total_tokens is None):
        return None
    read = said.total_tokens if said.prompt_tokens is None else said.prompt_tokens
    return Usage(input=read, total=said.total_tokens)


def _encode_usage(usage: Usage | None) -> dict[str, Any]:
    spent = usage or Usage(input=0)
    read = spent.input or 0
    total = read if spent.total is None else spent.total
    return {"prompt_tokens": read, "total_tokens": total, **provenance(spent)}


OPENAIS_OWN = OpenAIEmbeddings(ask_base64=True, most=2048, largest=300_000)
"""As OpenAI's own models are asked, wherever they are."""
