"""Open models on Vertex AI.
https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis (read 2026-11-21)"""

from penstock.protocols.openai_chat import OpenAIChat
from penstock.vertex import VertexProvider


class VertexOpenAI(VertexProvider):
    """Open models on Google Cloud's Vertex AI, as OpenAI chat."""

    url = "https://cloud.google.com/vertex-ai"
    api_key_env = "GOOGLE_VERTEX_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "openai/gpt-oss-120b-maas", "openai/gpt-oss-20b-maas"

    def home(self) -> str:
        return (base := super().home()) and f"{base}/endpoints/openapi"
