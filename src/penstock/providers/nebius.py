"""Nebius Token Factory.

https://docs.tokenfactory.nebius.com/api-reference/introduction (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Nebius(HTTPProvider):
    """Nebius Token Factory."""

    url = "https://tokenfactory.nebius.com"
    base_url = "https://api.tokenfactory.nebius.com/v1"
    api_key_env = "NEBIUS_API_KEY"
    protocol = Older()
    default_model = "Qwen/Qwen3-235B-A22B-Instruct-2507"
    small_model = "Qwen/Qwen3-30B-A3B-Instruct-2507"
    embedding_model = "Qwen/Qwen3-Embedding-8B"
