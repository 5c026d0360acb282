"""How hard to think: some protocols take a word, some a number of tokens.

The numbers are the steps that Google documents for the word on its OpenAI-compatible endpoint,
https://ai.google.dev/gemini-api/docs/openai#thinking (minimal and low 1,024, medium 8,192, high
24,576); a translation by them is an approximation, and counts as a loss.
"""

from __future__ import annotations

_BUDGETS = {
    "none": 0,
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
_WORDS = (("none", 0), ("low", 1_024), ("medium", 8_192))


def budget_for(effort: str) -> int | None:
    """The tokens to think for that stand for a word; ``None``: nobody's word."""
    return _BUDGETS.get(effort)


def effort_for(budget: int) -> str:
    """The least word that allows as many tokens; a negative number leaves it to the model:
    ``medium``."""
    if budget < 0:
        return "medium"
    return next((word for word, most in _WORDS if budget <= most), "high")
