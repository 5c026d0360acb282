"""Anthropic's list of models, ``GET /v1/models``, with their limits and capabilities.

Source: https://platform.claude.com/docs/en/api/models-list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.protocols.limits import tokens
from penstock.protocols.listing import read_list
from penstock.types import ModelInfo

_CAPABILITIES = {
    "structured_outputs": "json_schema",
    "image_input": "vision",
    "pdf_input": "files",
    "thinking": "reasoning",
}


class _Model(Struct):
    id: str
    display_name: str | None = None
    max_input_tokens: Any = None
    max_tokens: Any = None
    capabilities: Any = None


class _ModelList(Struct):
    data: list[_Model]


def decode_models(body: bytes) -> tuple[ModelInfo, ...]:
    """The models in a service's list. Raises ``UnexpectedAnswer``."""
    return tuple(_decode(model) for model in read_list(body, _ModelList).data)


def _decode(model: _Model) -> ModelInfo:
    return ModelInfo(
        model.id,
        model.display_name or "",
        context=tokens(model.max_input_tokens),
        output=tokens(model.max_tokens),
        capabilities=_capabilities(model.capabilities),
    )


def _capabilities(said: object) -> tuple[str, ...]:
    """Tools are no word of theirs: every model has them."""
    if not isinstance(said, Mapping):
        return ()
    return ("tools", *(w for key, w in _CAPABILITIES.items() if _is_supported(said.get(key))))


def _is_supported(said: object) -> bool:
    return isinstance(said, Mapping) and said.get("supported") is True
