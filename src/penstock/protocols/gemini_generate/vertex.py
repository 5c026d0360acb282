"""Vertex AI: the same questions and answers below another path, and a token instead of a key.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models
"""

from __future__ import annotations

from urllib.parse import quote

from penstock.protocols.embeddings.vertex import VertexEmbeddings
from penstock.protocols.gemini_generate import GeminiGenerate, paths

_OWN = ("publishers/", "endpoints/")


class VertexGemini(GeminiGenerate):
    """Gemini's generateContent as Vertex AI speaks it."""

    name = "vertex_gemini"
    path = "/publishers/google/models"
    embeddings = VertexEmbeddings()

    def locate(self, model: str, stream: bool) -> str:
        place = model if model.startswith(_OWN) else f"publishers/google/models/{model}"
        return f"/{quote(place, errors='replace')}{paths.method(stream)}"

    def key_headers(self, key: str) -> dict[str, str]:
        """An access token is a bearer's; any other key is one of express mode."""
        return (
            {"Authorization": f"Bearer {key}"}
            if key.startswith("ya29.")
            else {"x-goog-api-key": key}
        )

    def models_request(self, key: str) -> tuple[str, str, bytes] | None:
        return None  # its list names models of every kind, and not those of a project
