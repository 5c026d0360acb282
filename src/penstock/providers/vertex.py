"""Gemini on Google Cloud's Vertex AI.
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (read 2026-11-21)"""

from penstock.protocols.gemini_generate.vertex import VertexGemini
from penstock.vertex import VertexProvider


class Vertex(VertexProvider):
    url = "https://cloud.google.com/vertex-ai"
    api_key_env = "GOOGLE_VERTEX_API_KEY"
    protocol = VertexGemini()
    default_model, small_model = "gemini-2.5-flash", "gemini-2.5-flash-lite"
    embedding_model = "gemini-embedding-001"
