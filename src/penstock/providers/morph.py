"""Morph: code models. https://docs.morphllm.com/api-reference/introduction (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Morph(HTTPProvider):
    url = "https://morphllm.com"
    base_url = "https://api.morphllm.com/v1"
    api_key_env = "MORPH_API_KEY"
    protocol = OpenAIChat()
    default_model = "morph-dsv41flash"
