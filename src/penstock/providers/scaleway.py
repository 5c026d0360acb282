"""Scaleway Generative APIs.

https://www.scaleway.com/en/docs/generative-apis/api-cli/using-chat-api (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Scaleway(HTTPProvider):
    """Scaleway Generative APIs, in France."""

    url = "https://console.scaleway.com"
    base_url = "https://api.scaleway.ai/v1"
    api_key_env = "SCALEWAY_API_KEY|SCW_SECRET_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "gpt-oss-120b", "mistral-small-3.2-24b-instruct-2506"
    embedding_model = "bge-multilingual-gemma2"
    answers_unasked = False
