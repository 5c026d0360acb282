"""Inception: Mercury, which writes by diffusion. https://docs.inceptionlabs.ai (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Inception(HTTPProvider):
    url = "https://platform.inceptionlabs.ai"
    base_url = "https://api.inceptionlabs.ai/v1"
    api_key_env = "INCEPTION_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "mercury-3", "mercury-2"
