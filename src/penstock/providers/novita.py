"""Novita AI. https://novita.ai/docs/guides/llm-recommended (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Novita(HTTPProvider):
    url = "https://novita.ai"
    base_url = "https://api.novita.ai/openai/v1"
    api_key_env = "NOVITA_API_KEY"
    protocol = Older()
    default_model, small_model = "zai-org/glm-5.2", "zai-org/glm-5.3-flash"
    embedding_model = "qwen/qwen3-embedding-8b"
