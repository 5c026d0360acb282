"""Cohere. https://docs.cohere.com/reference/chat (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.cohere_v2_chat import CohereChat


class Cohere(HTTPProvider):
    url = "https://dashboard.cohere.com"
    base_url = "https://api.cohere.com"
    api_key_env = "CO_API_KEY"
    protocol = CohereChat()
    default_model, small_model = "command-a-plus-05-2026", "command-r7b-12-2024"
    embedding_model = "embed-v4.0"
