"""NVIDIA's catalog (NIM). https://docs.api.nvidia.com/nim/reference/llm-apis (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class NVIDIA(HTTPProvider):
    url = "https://build.nvidia.com"
    base_url = "https://integrate.api.nvidia.com/v1"
    api_key_env = "NVIDIA_API_KEY|NVIDIA_NIM_API_KEY"
    protocol = OpenAIChat()
    default_model = "nvidia/nemotron-3-super-120b-a12b"
    small_model = "nvidia/nemotron-3-nano-30b-a3b"
    embedding_model = "nvidia/nemotron-3-embed-1b"
