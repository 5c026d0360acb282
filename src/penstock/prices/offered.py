"""Which rows are models to chat with, under names that somebody can ask for.

genai-prices knows more than a vendor offers: what old bills have, models of open weights at the
prices of others, rules for whole families. models.dev knows what each vendor offers, but not yet
what came out since its last day.
"""

from __future__ import annotations

import re
from collections.abc import Set

from penstock.prices.table import Row

_OTHERWISE = re.compile(
    r"embed|guard|moderation|rerank|transcribe|whisper|ocr(?:\W|$)"
    r"|(?:^|[-_./])(?:asr|audio|computer-use|decider|image|live|realtime|sonic|tts)(?:[-_.:@]|$)",
    re.IGNORECASE,
)
"""Words in the names of models that hear, draw, find or judge."""

_RULE = re.compile(r"^ft:|^regional\.|[-.]$")
"""What begins or ends the id of a row that stands for many models."""

_GONE = frozenset(
    (
        "claude-2",
        "claude-3-5-sonnet",
        "gemini-1.0-pro-vision-001",
        "gemini-1.5-flash",
        "gemini-1.5-pro",
        "gemini-flash-1.5-8b",
        "gemini-pro",
        "gemini-pro-1.5",
        "gpt-4-vision-preview",
        "grok-2-vision-1212",
        "grok-3-fast",
        "grok-3-mini-fast",
    )
)
"""Models that their vendors gave up so long ago that models.dev has them nowhere."""


def marked(provider: str, row: Row, known: Set[str] | None) -> Row:
    """The row, ``unlisted`` where nobody is to choose it. ``known``: what models.dev has of
    others, each ``short``; ``None`` where it has this row, or nothing of the provider."""
    is_offered = (
        not _OTHERWISE.search(row.id)
        and not _RULE.search(row.id)
        and (known is None or _is_new(provider, row, known))
    )
    return row if is_offered else row.unlisted()


def _is_new(provider: str, row: Row, known: Set[str]) -> bool:
    """Whether a model that models.dev does not have at its vendor is one that came out since: it
    has it nowhere else, and its context is told. What bears the provider's own name is."""
    if row.id.startswith(f"{provider}/"):
        return True
    return row.context is not None and short(row.id) not in known and row.id not in _GONE


def short(id: str) -> str:
    """A model's name without its publisher's."""
    return id.lower().rpartition("/")[2]
