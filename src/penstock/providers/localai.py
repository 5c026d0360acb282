"""LocalAI. https://localai.io/features/api-discovery/ (read 2026-11-21)"""

from penstock.discovery import Ask
from penstock.local_engine import Entry, LocalEngine, entries, names
from penstock.protocols.openai_chat import OpenAIChat


class LocalAI(LocalEngine):
    """LocalAI on one's own machine."""

    url = "https://localai.io"
    base_url = "http://127.0.0.1:8080/v1"
    protocol = OpenAIChat()

    async def recognise(self, ask: Ask) -> tuple[str, ...] | None:
        """Its list of models looks like anybody's, so another page tells it apart. What the models
        can do is said by newer versions alone."""
        about = await ask("/.well-known/localai.json")
        if not isinstance(about, dict) or "endpoints" not in about:
            return None
        can = await ask("/v1/models/capabilities")
        if can is None and await ask("/v1/models") is None:  # it wants a key
            return None
        return names(filter(_chats, entries(can, "data")))


def _chats(model: Entry) -> bool:
    can = model.get("capabilities")
    return isinstance(can, list) and "chat" in can
