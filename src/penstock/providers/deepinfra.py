"""DeepInfra. https://deepinfra.com/docs/advanced/openai_api (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class DeepInfra(HTTPProvider):
    url = "https://deepinfra.com/dash"
    base_url = "https://api.deepinfra.com/v1/openai"
    api_key_env = "DEEPINFRA_API_KEY|DEEPINFRA_TOKEN|DEEPINFRA_API_TOKEN"
    protocol = OpenAIChat()
    default_model, small_model = "deepseek-ai/DeepSeek-V4-Flash-0731", "openai/gpt-oss-20b"
    embedding_model = "Qwen/Qwen3-Embedding-0.6B"
