"""Mistral AI. https://docs.mistral.ai/api (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.prefills import ANY
from penstock.protocols.openai_chat.dialects import mistral as dialect


class Mistral(HTTPProvider):
    url = "https://console.mistral.ai"
    base_url = "https://api.mistral.ai/v1"
    api_key_env = "MISTRAL_API_KEY"
    protocol = dialect.Mistral()
    prefilled = ANY
    echoes = True
    default_model, small_model = "mistral-small-latest", "ministral-8b-latest"
    embedding_model = "mistral-embed"
