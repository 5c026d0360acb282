"""Poe: many services behind one. https://creator.poe.com/api-reference/createChatCompletion (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Poe(HTTPProvider):
    url = "https://poe.com"
    base_url = "https://api.poe.com/v1"
    api_key_env = "POE_API_KEY"
    protocol = Older()
    default_model, small_model = "Claude-Sonnet-4.6", "GPT-5.4-Nano"
