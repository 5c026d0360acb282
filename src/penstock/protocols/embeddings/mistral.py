"""Mistral's embeddings: OpenAI's form with other words, and no keys that it does not know.

Wire reference: https://docs.mistral.ai/api/endpoint/embeddings. One request may have 16,384 tokens
(https://github.com/nextcloud/context_chat_backend/pull/276).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.kept import rest
from penstock.types import EmbeddingRequest

_REFUSED = "user"


class MistralEmbeddings(OpenAIEmbeddings):
    """Mistral's embeddings."""

    takes_tokens = False
    dimensions_key = "output_dimension"

    def __init__(self) -> None:
        super().__init__(most=512, largest=16_384)

    def own_words(self, request: EmbeddingRequest) -> dict[str, Any]:
        return rest(super().own_words(request), _REFUSED)

    def _lost(self, request: EmbeddingRequest) -> Iterator[str]:
        yield from super()._lost(request)
        if request.extra.get(_REFUSED) is not None:
            yield f"extra.{_REFUSED}"
