"""Heroku Managed Inference.

What differs: its models stand beside ``/v1``, as a bare list of ``model_id`` and ``type``, those
for text among others (https://us.inference.heroku.com/available-models).
"""

from __future__ import annotations

from msgspec import Struct

from penstock.protocols.listing import read_list
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.types import ModelInfo

_TEXT = "text-to-text"


class Heroku(Dialect):
    """OpenAI chat as Heroku Managed Inference speaks it."""

    name = "heroku_chat"

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return "GET", "/../available-models", b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        models = read_list(body, list[_Model])
        return tuple(ModelInfo(model.model_id) for model in models if _TEXT in model.type)


class _Model(Struct):
    model_id: str
    type: list[str]
