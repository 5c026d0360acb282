"""IBM's watsonx.ai.

What differs, by https://cloud.ibm.com/apidocs/watsonx-ai#text-chat: streams have an address of
their own, every address says a version, the model is ``model_id``, whether a tool must be called is
``tool_choice_option``, usage comes unasked, and a stream ends without ``[DONE]``. Its list of
models has a form of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.protocols.kept import rest
from penstock.protocols.listing import read_list
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.types import ChatRequest, ModelInfo

VERSION = "2025-02-11"
"""The day whose interface is spoken."""

_OWN = ("model", "stream")


class Watsonx(Dialect):
    """OpenAI chat as watsonx.ai speaks it."""

    name = "watsonx_chat"
    path = "/ml/v1/text/chat"
    embeddings = None

    def __init__(self) -> None:
        super().__init__(ask_usage=False)

    def locate(self, model: str, stream: bool) -> str:
        return f"{self.path}{'_stream' if stream else ''}?version={VERSION}"

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = super().finish_request(body, request)
        told = {"model_id": body.get("model", ""), **rest(body, *_OWN)}
        if isinstance(choice := told.get("tool_choice"), str):
            told = {**rest(told, "tool_choice"), "tool_choice_option": choice}
        return told

    def start_request(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        said = {"model": body.get("model_id", ""), **rest(body, "model_id", "tool_choice_option")}
        choice = body.get("tool_choice_option")
        return said if choice is None else {**said, "tool_choice": choice}

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        query = f"version={VERSION}&limit=200&filters=function_text_chat"
        return "GET", f"/ml/v1/foundation_model_specs?{query}", b""

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        found = read_list(body, _ModelList).resources
        return tuple(ModelInfo(model.model_id, model.label) for model in found)


class _Model(Struct):
    model_id: str
    label: str = ""


class _ModelList(Struct):
    resources: list[_Model]
