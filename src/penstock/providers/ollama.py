"""Ollama on one's own machine. https://docs.ollama.com/api (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.ollama_chat import OllamaChat


class Ollama(HTTPProvider):
    """Ollama. It is asked where it is named; nobody knows without asking whether it is there."""

    url = "https://ollama.com"
    base_url = "http://127.0.0.1:11434"
    protocol = OllamaChat()
    default_model = "llama3.2"

    def is_configured(self) -> bool:
        return not self._at_home
