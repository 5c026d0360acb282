"""Names of documents: Bedrock refuses two of one name in a conversation
(https://github.com/maximhq/bifrost/issues/7003)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_LONGEST = 200


class Names:
    """The names that a request has used so far."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}
        """How often each was wanted."""

    def tell_apart(self, blocks: Iterable[dict[str, Any]]) -> None:
        """Give the documents among these blocks names of their own, the same each time that the
        conversation is told."""
        for block in blocks:
            match block:
                case {"document": {"name": str(name)} as document}:
                    block["document"] = {**document, "name": self._own(name[:_LONGEST])}
                case {"toolResult": {"content": list(content)} as result}:
                    inner = [dict(each) for each in content]
                    self.tell_apart(inner)
                    block["toolResult"] = {**result, "content": inner}

    def _own(self, name: str) -> str:
        own = name
        while own in self._used:
            self._used[name] += 1
            end = f"-{self._used[name]}"
            own = name[: _LONGEST - len(end)] + end
        self._used[own] = 1
        return own
