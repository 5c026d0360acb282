"""Moonshot AI: Kimi. https://platform.kimi.ai/docs/api/models-overview (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import moonshot as dialect


class Moonshot(HTTPProvider):
    url = "https://platform.kimi.ai"
    base_url = "https://api.moonshot.ai/v1"
    api_key_env = "MOONSHOT_API_KEY"
    protocol = dialect.Moonshot()
    default_model, small_model = "kimi-k3.1-pro", "kimi-k3"
