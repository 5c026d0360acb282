"""AI21: Jamba. https://docs.ai21.com/reference/jamba-1-6-api-ref (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class AI21(HTTPProvider):
    url = "https://studio.ai21.com"
    base_url = "https://api.ai21.com/studio/v1"
    api_key_env = "AI21_API_KEY"
    protocol = Older()
    default_model, small_model = "jamba-large", "jamba-mini"
