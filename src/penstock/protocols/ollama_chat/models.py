"""Ollama's list of models, ``GET /api/tags``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from msgspec import convert

from penstock.protocols import json
from penstock.protocols.kept import keep, kept_for, rest
from penstock.protocols.listing import reading
from penstock.protocols.ollama_chat.names import NAME
from penstock.types import ModelInfo

_UNKNOWN_DETAILS = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}


def decode_models(body: bytes) -> tuple[ModelInfo, ...]:
    """The models in a service's list. Raises ``UnexpectedAnswer``."""
    with reading():
        listed = convert(json.loads(body), dict[str, list[dict[str, Any]]])["models"]
        return tuple(_decode(model) for model in listed)


def _decode(model: dict[str, Any]) -> ModelInfo:
    id = convert(model.get("model") or model["name"], str)
    name = model.get("name")
    shown = name if isinstance(name, str) and name != id else ""
    return ModelInfo(id, shown, keep(NAME, rest(model, "name", "model")))


def encode_models(models: Iterable[ModelInfo]) -> dict[str, Any]:
    """A caller's list."""
    return {"models": [_encode(model) for model in models]}


def _encode(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": "1970-01-01T00:00:00Z",
        "size": 0,
        # Ollama's own client shows the first 12 characters, and fails where there are fewer.
        "digest": hashlib.sha256(model.id.encode(errors="surrogatepass")).hexdigest(),
        "details": _UNKNOWN_DETAILS,
        **kept_for(NAME, model.metadata),
    }
