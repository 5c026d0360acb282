"""OpenAI's chat. https://platform.openai.com/docs/api-reference/chat (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OPENAIS_OWN
from penstock.protocols.openai_chat import OpenAIChat


class OpenAI(HTTPProvider):
    url = "https://platform.openai.com"
    base_url = "https://api.openai.com/v1"
    api_key_env = "OPENAI_API_KEY"
    protocol = OpenAIChat(newer=True)
    default_model, small_model = "gpt-5.4-mini", "gpt-5.4-nano"
    embedding_model = "text-embedding-3-small"
    embeddings = OPENAIS_OWN
