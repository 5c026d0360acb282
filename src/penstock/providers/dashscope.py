"""Alibaba Model Studio.

https://www.alibabacloud.com/help/en/model-studio/base-url (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.openai_chat.dialects.older import Older


class DashScope(HTTPProvider):
    """Alibaba Cloud Model Studio: Qwen, by keys of its international site."""

    url = "https://modelstudio.console.alibabacloud.com"
    base_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
    api_key_env = "DASHSCOPE_API_KEY"
    protocol = Older()
    default_model, small_model = "qwen3.8-max", "qwen3.8-flash"
    embedding_model = "text-embedding-v4"
    embeddings = OpenAIEmbeddings(most=10)
