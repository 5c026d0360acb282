"""v0, of Vercel: models for web applications. https://v0.app/docs/v0-model-api (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class V0(HTTPProvider):
    url = "https://v0.app"
    base_url = "https://api.v0.dev/v1"
    api_key_env = "V0_API_KEY"
    protocol = OpenAIChat()
    default_model = "v0-1.5-md"
    models = ("v0-1.5-md", "v0-1.5-lg", "v0-1.0-md")
