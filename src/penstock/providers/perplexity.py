"""Perplexity. https://docs.perplexity.ai/docs/sonar/openai-compatibility (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import perplexity as dialect


class Perplexity(HTTPProvider):
    """Perplexity, which answers from the web."""

    url = "https://www.perplexity.ai"
    base_url = "https://api.perplexity.ai"
    api_key_env = "PERPLEXITY_API_KEY"
    protocol = dialect.Perplexity()
    default_model = "sonar"
