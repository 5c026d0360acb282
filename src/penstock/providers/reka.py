"""Reka. https://docs.reka.ai/chat (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Reka(HTTPProvider):
    url = "https://platform.reka.ai"
    base_url = "https://api.reka.ai/v1"
    api_key_env = "REKA_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "reka-flash", "reka-edge-2603"
