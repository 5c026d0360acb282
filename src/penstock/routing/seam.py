"""``Seam``: where a continuation meets what was said; what it says again is left out.

A model that was given the beginning of its answer as its own (prefilled) goes on exactly. Only the
white space at the end, which it is not given because some services refuse it, may come again or
not; and some services (``echoes``) say all of the beginning again, always.

A model that was told to go on often repeats the last words, or all of it, and opens the code block
anew that it is in. What it repeats is known by its letters alone: an end of what was said that
begins at a word's start and has 12 characters, or all that was said, however short. The opening
line of a code block is known where it names a language: such a line cannot close the block
(https://spec.commonmark.org/0.31.2/#fenced-code-blocks). Quotes and lists that begin anew stay, and
so does what is said again in other words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

_SURE = 12
"""Characters that hardly come again by chance."""
_BACK = 2000
"""Characters before the cut among which a repetition may begin, but for one of everything."""
_LONGEST = 80
"""Characters of the last words that a model is asked to say again."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^`\n]*)\n", re.MULTILINE)
_UNSPACED = "\u2e80"
"""From here on there are mostly scripts that put no space between words."""

Trim: TypeAlias = Callable[[str, bool], "int | None"]
"""How many characters at the beginning of a continuation were said before; ``None``: more of it
must be known, unless it is the ``last``."""


class Seam:
    """Takes a continuation's text in pieces of any size, and gives what is new of it, as soon as
    that is certain."""

    __slots__ = ("_held", "_is_open", "_trim")

    def __init__(self, trim: Trim) -> None:
        self._trim = trim
        self._held = ""
        self._is_open = True

    def feed(self, text: str, last: bool = False) -> str:
        """The next piece; what is new by now."""
        if not self._is_open:
            return text
        self._held += text
        known = self._trim(self._held, last)
        if known is None:
            return ""
        held, self._held, self._is_open = self._held, "", False
        return held[known:]

    def close(self) -> str:
        """What was held back, where nothing follows."""
        return self.feed("", last=True)


def prefilled(said: str, echo: str = "") -> Seam:
    """Where the model had the beginning as its own, without the white space at its end. ``echo``:
    what it says again first."""
    blank = said[len(said.rstrip()) :]

    def trim(text: str, last: bool) -> int | None:
        again = _echoed(echo, text, last)
        if again is None:
            return None
        space = _common(blank, text[again:])
        is_amid = again + space == len(text) and space < len(blank)
        return None if is_amid and not last else again + space

    return Seam(trim)


def instructed(said: str) -> Seam:
    """Where the model was told to go on."""
    starts, fence = _starts(said), _open_fence(said)

    def trim(text: str, last: bool) -> int | None:
        again = _repeated(said, starts, text, last)
        if again != 0:
            return again
        opened = _echoed(fence, text, last)
        if not opened:
            return opened
        again = _repeated(said, starts, text[opened:], last)
        return None if again is None else opened + again

    return Seam(trim)


def ending(said: str) -> str:
    """The last words of what was said, which are known again where a continuation begins with
    them; empty where they are too long for that."""
    starts = _starts(said)
    words = said[starts[-1] :] if starts else ""
    return words if len(words) <= _LONGEST else ""


def _echoed(echo: str, text: str, last: bool) -> int | None:
    if text.startswith(echo):
        return len(echo)
    return None if echo.startswith(text) and not last else 0


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _repeated(said: str, starts: list[int], text: str, last: bool) -> int | None:
    """The length of the longest end of ``said`` that ``text`` begins with."""
    for start in starts:  # the longest first
        length = len(said) - start
        if length <= len(text):
            if text.startswith(said[start:]):
                return length
        elif not last and said.startswith(text, start):
            return None
    return 0


def _starts(said: str) -> list[int]:
    """Where a repetition may begin."""
    whole = {0, len(said) - len(said.lstrip())} if said.strip() else set()
    near = range(max(len(said) - _BACK, 0), len(said) - _SURE + 1)
    return sorted(whole | {i for i in near if _begins_word(said, i)})


def _begins_word(said: str, i: int) -> bool:
    here, before = said[i], said[i - 1] if i else " "
    is_amid = here.isalnum() and before.isalnum() and here < _UNSPACED
    return not here.isspace() and not is_amid


def _open_fence(said: str) -> str:
    """The opening line of the code block that ``said`` ends in, if that names a language."""
    marker = line = ""
    for found in _FENCE.finditer(said):
        fence, info = found[1], found[2].strip()
        if not marker:
            marker, line = fence, f"{fence}{found[2]}\n" if info else ""
        elif fence.startswith(marker) and not info:
            marker = line = ""
    return line
