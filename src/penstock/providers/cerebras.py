"""Cerebras, fast on chips of its own. https://inference-docs.cerebras.ai/resources/openai (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import cerebras as dialect


class Cerebras(HTTPProvider):
    url = "https://cloud.cerebras.ai"
    base_url = "https://api.cerebras.ai/v1"
    api_key_env = "CEREBRAS_API_KEY"
    protocol = dialect.Cerebras()
    default_model, small_model = "gpt-oss-120b", "qwen-3.8-27b"
