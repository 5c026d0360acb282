"""Venice: open models, in private. https://docs.venice.ai/getting-started/quick-start (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Venice(HTTPProvider):
    url = "https://venice.ai"
    base_url = "https://api.venice.ai/api/v1"
    api_key_env = "VENICE_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "zai-org-glm-5-2", "mercury-3"
    embedding_model = "text-embedding-bge-m3"
