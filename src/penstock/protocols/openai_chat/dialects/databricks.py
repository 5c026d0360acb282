"""Databricks Model Serving.

What differs: ``stream_options`` is refused ("json: unknown field", 400,
https://github.com/continuedev/continue/issues/12936,
https://github.com/anomalyco/opencode/issues/4698); usage comes unasked
(https://docs.databricks.com/aws/machine-learning/foundation-model-apis/api-reference#usage). A
workspace's models are its serving endpoints, those for chat among others, and stand in
``/api/2.0/serving-endpoints`` (https://docs.databricks.com/api/workspace/servingendpoints/list).
"""

from __future__ import annotations

from msgspec import Struct

from penstock.protocols.listing import read_list
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.types import ModelInfo

_CHAT = "llm/v1/chat"


class Databricks(Dialect):
    """OpenAI chat as Databricks Model Serving speaks it."""

    name = "databricks_chat"
    refuses = frozenset(("stream_options",))

    def __init__(self, ask_usage: bool = False) -> None:
        super().__init__(ask_usage)

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return "GET", "/../api/2.0/serving-endpoints", b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        endpoints = read_list(body, _Endpoints).endpoints
        return tuple(ModelInfo(each.name) for each in endpoints if each.task == _CHAT)


class _Endpoint(Struct):
    name: str
    task: str = ""


class _Endpoints(Struct):
    endpoints: list[_Endpoint] = []
