"""Fireworks AI. https://docs.fireworks.ai/tools-sdks/openai-compatibility (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Fireworks(HTTPProvider):
    url = "https://app.fireworks.ai"
    base_url = "https://api.fireworks.ai/inference/v1"
    api_key_env = "FIREWORKS_API_KEY"
    protocol = OpenAIChat()
    default_model = "accounts/fireworks/models/kimi-k3"
    small_model = "accounts/fireworks/models/gpt-oss-120b"
    embedding_model = "fireworks/qwen3-embedding-8b"
