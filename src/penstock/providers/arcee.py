"""Arcee: Trinity. https://docs.arcee.ai/api-reference/your-first-api-call (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Arcee(HTTPProvider):
    url = "https://chat.arcee.ai"
    base_url = "https://api.arcee.ai/api/v1"
    api_key_env = "ARCEEAI_API_KEY|ARCEE_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "trinity-large-thinking", "trinity-mini"
