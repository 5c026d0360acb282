"""Claude on Google Cloud's Vertex AI.
https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai (read 2026-11-21)"""

from penstock.prefills import CLAUDE
from penstock.protocols.anthropic_messages.vertex import VertexMessages
from penstock.vertex import VertexProvider


class VertexAnthropic(VertexProvider):
    url = "https://cloud.google.com/vertex-ai"
    api_key_env = "GOOGLE_VERTEX_API_KEY"
    protocol = VertexMessages()
    prefilled = CLAUDE
    default_model, small_model = "claude-sonnet-4-5", "claude-haiku-4-5"
