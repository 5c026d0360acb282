"""Requesty: many services behind one. https://docs.requesty.ai (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Requesty(HTTPProvider):
    url = "https://app.requesty.ai"
    base_url = "https://router.requesty.ai/v1"
    api_key_env = "REQUESTY_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "openai/gpt-5.4", "anthropic/claude-haiku-4-5"
    embedding_model = "openai/text-embedding-3-small"
