"""LM Studio. https://lmstudio.ai/docs/developer/rest/endpoints (read 2026-11-21)"""

from penstock.discovery import Ask
from penstock.local_engine import LocalEngine, entries, names
from penstock.protocols.openai_chat import OpenAIChat

_CHATS = ("llm", "vlm")


class LMStudio(LocalEngine):
    """LM Studio on one's own machine."""

    url = "https://lmstudio.ai"
    base_url = "http://127.0.0.1:1234/v1"
    protocol = OpenAIChat()

    async def recognise(self, ask: Ask) -> tuple[str, ...] | None:
        """The greeting is what LM Studio's own client looks for
        (https://github.com/lmstudio-ai/lms/blob/main/src/createClient.ts); only its own list says
        which models are loaded, and which are for chat."""
        greeting = await ask("/lmstudio-greeting")
        if not isinstance(greeting, dict) or greeting.get("lmstudio") is not True:
            return None
        listed = await ask("/api/v0/models")
        if listed is None:  # it wants a key
            return None
        models = entries(listed, "data")
        return names(model for model in models if model.get("type") in _CHATS)
