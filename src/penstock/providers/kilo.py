"""Kilo Gateway: many services in one. https://kilo.ai/docs/gateway/quickstart (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Kilo(HTTPProvider):
    url = "https://app.kilo.ai"
    base_url = "https://api.kilo.ai/api/gateway"
    api_key_env = "KILO_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "kilo-auto/balanced", "kilo-auto/small"
