"""Ollama's cloud: open models. https://docs.ollama.com/cloud (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.prefills import ANY
from penstock.protocols.ollama_chat import OllamaChat


class OllamaCloud(HTTPProvider):
    url = "https://ollama.com"
    base_url = "https://ollama.com"
    api_key_env = "OLLAMA_API_KEY"
    protocol = OllamaChat()
    prefilled = ANY
    default_model, small_model = "gpt-oss:120b", "gpt-oss:20b"
