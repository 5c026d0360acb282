"""Perplexity's embeddings: OpenAI's form, where each number of a vector is one signed byte.

Wire reference: https://docs.perplexity.ai/api-reference/embeddings-post (read 2026-11-21). A
request may have 512 texts of 120,000 tokens together.
"""

from __future__ import annotations

import binascii
import struct

from msgspec import Struct

from penstock.errors import UnexpectedAnswer
from penstock.protocols.embeddings.answers import read_answer
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.embeddings.vectors import checked, in_order
from penstock.types import EmbeddingRequest, Embeddings, Usage, Vector


class PerplexityEmbeddings(OpenAIEmbeddings):
    """Perplexity's embeddings; their numbers are whole, from -128 to 127."""

    takes_tokens = False

    def __init__(self) -> None:
        super().__init__(most=512, largest=120_000)

    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        said = read_answer(body, _Answer)
        spent = said.usage
        vectors = [_vector(item.embedding) for item in said.data]
        ordered = in_order([item.index for item in said.data], vectors)
        return Embeddings(
            vectors=checked(ordered, len(request.input)),
            model=said.model or request.model,
            usage=Usage(spent.prompt_tokens, total=spent.total_tokens) if spent else None,
        )


class _Item(Struct):
    embedding: str
    index: int | None = None


class _Spent(Struct):
    prompt_tokens: int
    total_tokens: int | None = None


class _Answer(Struct):
    data: list[_Item]
    model: str | None = None
    usage: _Spent | None = None


def _vector(text: str) -> Vector:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise UnexpectedAnswer("the service gave a vector that is not base64 of bytes") from None
    return tuple(map(float, struct.unpack(f"{len(data)}b", data)))
