"""OpenRouter: many services behind one. https://openrouter.ai/docs/api-reference/overview (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.prefills import CLAUDE
from penstock.protocols.openai_chat.dialects import openrouter as dialect


class OpenRouter(HTTPProvider):
    url = "https://openrouter.ai"
    base_url = "https://openrouter.ai/api/v1"
    api_key_env = "OPENROUTER_API_KEY"
    protocol = dialect.OpenRouter()
    prefilled = CLAUDE
    default_model, small_model = "openrouter/auto", "openai/gpt-oss-20b"
    embedding_model = "openai/text-embedding-3-small"
