"""Halves of characters: JSON may split an emoji's two escapes over two pieces of a text."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from penstock.protocols import json

LONE = "\ufffd"
"""What stands for half a character whose other half never came."""


class Halves:
    """Half a character at the end of a piece waits for its other half in the next one."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[Hashable, str] = {}

    def join(self, whose: Hashable, text: str) -> str:
        """The text that can be said of ``whose`` now. Halves that never meet become ``LONE``."""
        if text.isascii() and not self._held:
            return text
        text = self._held.pop(whose, "") + text
        if "\ud800" <= text[-1:] <= "\udbff":
            self._held[whose], text = text[-1], text[:-1]
        mended: str = json.mend(text)
        return mended

    def __contains__(self, whose: Hashable) -> bool:
        return whose in self._held

    def __iter__(self) -> Iterator[Hashable]:
        """Whose halves still wait."""
        return iter(self._held)
