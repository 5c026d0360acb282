"""Cohere's list of models, ``GET /v1/models``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import convert

from penstock.protocols import json
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.kept import keep, kept_for, rest
from penstock.protocols.limits import tokens
from penstock.protocols.listing import reading
from penstock.types import ModelInfo

QUERY = "?endpoint=chat&page_size=1000"
"""Models that chat, all on one page, which holds 20 unless asked."""


def decode_models(body: bytes) -> tuple[ModelInfo, ...]:
    """The models in a service's list. Raises ``UnexpectedAnswer``."""
    with reading():
        value = json.loads(body)
        listed = convert(value["models"], list[dict[str, Any]])
        return tuple(
            ModelInfo(
                convert(model["name"], str),
                "",
                keep(NAME, rest(model, "name")),
                context=tokens(model.get("context_length")),
            )
            for model in listed
        )


def encode_models(models: Iterable[ModelInfo]) -> dict[str, Any]:
    """A caller's list."""
    return {
        "models": [
            {"name": model.id, "endpoints": ["chat"], **kept_for(NAME, model.metadata)}
            for model in models
        ]
    }
