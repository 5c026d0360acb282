"""``Spoken``: what the caller of an answer has by now, and whether another service can go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.events import ReasoningDelta, Start, TextDelta
from penstock.types import ChatRequest

_COUNTS = frozenset(("best_of", "candidateCount", "n"))
"""How services call the number of answers."""
_ALONE = frozenset(
    (
        "audio",
        "grammar",
        "guided_choice",
        "guided_grammar",
        "guided_json",
        "guided_regex",
        "json_schema",
        "logprobs",
        "modalities",
        "responseLogprobs",
        "responseMimeType",
        "responseModalities",
        "structured_outputs",
        "top_logprobs",
    )
)
"""How they call tokens with their probabilities, sound, and answers in a form: no second service
can go on amid these."""
_PLAIN: tuple[Any, ...] = (None, False, "", "text/plain", [], ["text"], ["TEXT"], {})
"""Values of these that ask for nothing but text."""


class Spoken:
    """What was given to the caller until now.

    ``index``: that of the text under way; ``free``: the first that no part has yet.
    """

    __slots__ = ("_is_closed", "_is_thinking", "_pieces", "free", "index")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._is_closed = False
        self._is_thinking = False
        self.index = 0
        self.free = 0

    def copy(self) -> Spoken:
        """What was given until now, for who is heard apart from now on."""
        other = Spoken()
        other._pieces = [*self._pieces]
        other._is_closed, other._is_thinking = self._is_closed, self._is_thinking
        other.index, other.free = self.index, self.free
        return other

    @property
    def text(self) -> str:
        """All that was said aloud."""
        return "".join(self._pieces)

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def hear(self, item: object) -> None:
        """Take what the caller is given next."""
        match item:
            case TextDelta(text, index, False):
                if text:
                    self._pieces.append(text)
                    self._is_thinking, self.index = False, index
                self.free = max(self.free, index + 1)
            case ReasoningDelta(text, index):
                self._is_thinking = self._is_thinking or bool(text)
                self.free = max(self.free, index + 1)
            case Start():
                pass
            case _:  # a call of a tool, a refusal, the end; or no event at all
                self._is_closed = True

    def can_go_on(self, request: ChatRequest) -> bool:
        """Whether the answer to ``request`` stands amid plain text, where another service can take
        it up: no tool was called, nothing refused, no reasoning is under way, no form was asked."""
        is_amid_text = bool(self) and not self._is_closed and not self._is_thinking
        return is_amid_text and _is_plain(request)


def _is_plain(request: ChatRequest) -> bool:
    """Whether text is all that was asked for, and one answer of it."""
    form = (request.response_format or {}).get("type", "text")
    inner = [value for value in request.extra.values() if isinstance(value, Mapping)]
    asked = (_asks_more(value) for value in (request.extra, *inner))
    return form == "text" and not any(asked)


def _asks_more(extra: Mapping[str, Any]) -> bool:
    several = any(extra[key] not in (None, 1) for key in _COUNTS & extra.keys())
    return several or any(extra[key] not in _PLAIN for key in _ALONE & extra.keys())
