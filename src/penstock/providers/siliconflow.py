"""SiliconFlow.

https://docs.siliconflow.com/en/api-reference/chat-completions/chat-completions (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.openai_chat.dialects.older import Older


class SiliconFlow(HTTPProvider):
    """SiliconFlow: open models."""

    url = "https://cloud.siliconflow.com"
    base_url = "https://api.siliconflow.com/v1"
    api_key_env = "SILICONFLOW_API_KEY"
    protocol = Older()
    default_model, small_model = "deepseek-ai/DeepSeek-V4-Pro", "deepseek-ai/DeepSeek-V4-Flash"
    embedding_model = "Qwen/Qwen3-Embedding-8B"
    embeddings = OpenAIEmbeddings(most=32)
