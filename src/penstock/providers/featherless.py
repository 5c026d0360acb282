"""Featherless AI: thousands of open models. https://featherless.ai/docs/quickstart-guide (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Featherless(HTTPProvider):
    url = "https://featherless.ai"
    base_url = "https://api.featherless.ai/v1"
    api_key_env = "FEATHERLESS_API_KEY|FEATHERLESS_AI_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "Qwen/Qwen3-32B", "Qwen/Qwen2.5-7B-Instruct"
    embedding_model = "Qwen/Qwen3-Embedding-8B"
