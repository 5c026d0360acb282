"""Ollama on one's own machine. https://docs.ollama.com/api (read 2026-11-21)"""

from penstock.discovery import Ask
from penstock.local_engine import Entry, LocalEngine, entries, names
from penstock.prefills import ANY
from penstock.protocols.ollama_chat import OllamaChat


class Ollama(LocalEngine):
    """Ollama on one's own machine."""

    url = "https://ollama.com"
    base_url = "http://127.0.0.1:11434"
    host_env = "OLLAMA_HOST"
    protocol = OllamaChat()
    prefilled = ANY
    default_model = "llama3.2"
    embedding_model = "embeddinggemma"

    async def recognise(self, ask: Ask) -> tuple[str, ...] | None:
        answer = await ask("/api/tags")
        if not isinstance(answer, dict) or "models" not in answer:
            return None
        return names(filter(_chats_here, entries(answer, "models")), "model")


def _chats_here(model: Entry) -> bool:
    """Not for embeddings alone, and not in Ollama's cloud: who runs an engine wants that one."""
    if model.get("remote_host"):
        return False
    if isinstance(can := model.get("capabilities"), list):
        return "completion" in can
    details = model.get("details")
    family = details.get("family") if isinstance(details, dict) else ""
    return not str(family).endswith("bert") and "embed" not in str(model.get("model"))
