"""Claude on Vertex AI: the path says the model, the body the version.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.kept import rest
from penstock.types import ChatRequest

VERSION = "vertex-2023-10-16"


class VertexMessages(AnthropicMessages):
    """Anthropic Messages as Vertex AI speaks it."""

    name = "vertex_messages"
    path = "/publishers/anthropic/models"

    def locate(self, model: str, stream: bool) -> str:
        method = "streamRawPredict" if stream else "rawPredict"
        return f"{self.path}/{quote(model, safe='@', errors='replace')}:{method}"

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return {"anthropic_version": VERSION, **rest(super().encode_request(request), "model")}

    def key_headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def models_request(self, key: str) -> tuple[str, str, bytes] | None:
        return None  # there is no list of the models of a project
