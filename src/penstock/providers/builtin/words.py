"""Text as a stream of words, each with the white space after it; nothing is lost."""

from __future__ import annotations

import re

_WORD = re.compile(r"\s*\S+\s*|\s+")


def words(text: str) -> list[str]:
    """``"".join(words(text)) == text``.

    >>> words("How do  you do?")
    ['How ', 'do  ', 'you ', 'do?']
    """
    return _WORD.findall(text)
