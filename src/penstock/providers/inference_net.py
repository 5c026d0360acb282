"""Inference.net: open models. https://docs.inference.net/api/api-quickstart (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class InferenceNet(HTTPProvider):
    url = "https://inference.net"
    base_url = "https://api.inference.net/v1"
    api_key_env = "INFERENCE_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "glm-5.3", "glm-5.3-flash"
    embedding_model = "qwen/qwen3-embedding-4b"
