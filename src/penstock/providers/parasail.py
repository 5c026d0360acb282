"""Parasail.

https://docs.parasail.io/parasail-docs/api-reference/authentication (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Parasail(HTTPProvider):
    """Parasail."""

    url = "https://www.parasail.io"
    base_url = "https://api.parasail.io/v1"
    api_key_env = "PARASAIL_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "parasail-llama-33-70b-fp8", "parasail-gemma3-27b-it"
