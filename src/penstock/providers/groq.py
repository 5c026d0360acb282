"""Groq Cloud. https://console.groq.com/docs/openai (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import groq as dialect


class Groq(HTTPProvider):
    url = "https://console.groq.com"
    base_url = "https://api.groq.com/openai/v1"
    api_key_env = "GROQ_API_KEY"
    protocol = dialect.Groq()
    default_model, small_model = "openai/gpt-oss-120b", "openai/gpt-oss-20b"
