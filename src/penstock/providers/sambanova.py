"""SambaNova Cloud, fast on chips of its own.
https://docs.sambanova.ai/docs/en/features/openai-compatibility (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class SambaNova(HTTPProvider):
    url = "https://cloud.sambanova.ai"
    base_url = "https://api.sambanova.ai/v1"
    api_key_env = "SAMBANOVA_API_KEY"
    protocol = Older()
    default_model, small_model = "MiniMax-M2.7", "gpt-oss-120b"
    embedding_model = "E5-Mistral-7B-Instruct"
