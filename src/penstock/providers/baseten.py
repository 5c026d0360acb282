"""Baseten's model APIs. https://docs.baseten.co/reference/inference-api/chat-completions (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Baseten(HTTPProvider):
    url = "https://app.baseten.co"
    base_url = "https://inference.baseten.co/v1"
    api_key_env = "BASETEN_API_KEY"
    protocol = Older()
    default_model, small_model = "deepseek-ai/DeepSeek-V4-Pro", "zai-org/GLM-5.3-Flash"
