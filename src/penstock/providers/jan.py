"""Jan. https://www.jan.ai/docs/desktop/api-server (read 2026-11-21)"""

from penstock.discovery import Ask
from penstock.local_engine import LocalEngine
from penstock.protocols.openai_chat.dialects.llamacpp import LlamaCpp

TITLE = "Jan API"


class Jan(LocalEngine):
    """Jan's local server, which is found where it wants no key."""

    url = "https://www.jan.ai"
    base_url = "http://127.0.0.1:1337/v1"
    owner = "user"
    protocol = LlamaCpp()

    async def recognise(self, ask: Ask) -> tuple[str, ...] | None:
        """Models of its own are "user"'s, which others say too: its interface's title is its own
        (https://github.com/janhq/jan/blob/dev/src-tauri/static/openapi.json)."""
        described = await ask("/openapi.json")
        about = described.get("info") if isinstance(described, dict) else None
        if not isinstance(about, dict) or TITLE not in str(about.get("title")):
            return None
        return await super().recognise(ask)
