"""Cloudflare Workers AI.

What differs: ``GET …/ai/v1/models`` is answered with 405
(https://github.com/odysseus-dev/odysseus/pull/5175); the models stand in ``…/ai/models/search``,
those for text among all others (https://github.com/sigoden/aichat/issues/1000,
https://developers.cloudflare.com/api/operations/workers-ai-search-model).
"""

from __future__ import annotations

from msgspec import Struct

from penstock.protocols.listing import read_list
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.types import ModelInfo

_TEXT = "Text Generation"


class Cloudflare(Dialect):
    """OpenAI chat as Cloudflare Workers AI speaks it."""

    name = "cloudflare_chat"

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return "GET", "/../models/search?task=Text%20Generation", b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        found = read_list(body, _Found).result
        return tuple(ModelInfo(model.name) for model in found if model.task.name == _TEXT)


class _Task(Struct, frozen=True):
    name: str = _TEXT


class _Model(Struct):
    name: str
    task: _Task = _Task()


class _Found(Struct):
    result: list[_Model]
