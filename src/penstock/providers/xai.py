"""xAI. https://docs.x.ai/developers/model-capabilities/text/best-practices (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import xai as dialect


class XAI(HTTPProvider):
    url = "https://console.x.ai"
    base_url = "https://api.x.ai/v1"
    api_key_env = "XAI_API_KEY"
    protocol = dialect.XAI()
    default_model, small_model = "grok-4.5", "grok-4.3"
