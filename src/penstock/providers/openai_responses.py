"""OpenAI by its Responses. https://platform.openai.com/docs/api-reference/responses (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols import openai_responses as wire
from penstock.protocols.embeddings.openai import OPENAIS_OWN


class OpenAIResponses(HTTPProvider):
    """OpenAI, asked by its Responses API where it is named so."""

    url = "https://platform.openai.com"
    base_url = "https://api.openai.com/v1"
    api_key_env = "OPENAI_API_KEY"
    protocol = wire.OpenAIResponses()
    default_model, small_model = "gpt-5.4-mini", "gpt-5.4-nano"
    embedding_model = "text-embedding-3-small"
    embeddings = OPENAIS_OWN

    def is_configured(self) -> bool:
        return not self._at_home  # at home it is ``openai``
