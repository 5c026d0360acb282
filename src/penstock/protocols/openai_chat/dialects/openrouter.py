"""OpenRouter, which passes questions on to many services.

What differs, by https://openrouter.ai/docs/use-cases/reasoning-tokens (read 2026-11-21),
https://openrouter.ai/docs/api-reference/overview, https://openrouter.ai/docs/errors and recorded:

- ``reasoning`` says how hard (``effort``) or how long (``max_tokens``) to think;
- reasoning comes as ``reasoning`` and as ``reasoning_details``, whose items (texts with signatures,
  summaries, sealed data) are said back unchanged; in a stream they come in fragments, which their
  ``index`` and ``type`` join (recorded);
- a document may be an address in ``file_data``
  (https://openrouter.ai/docs/features/multimodal/pdfs);
- cache marks (https://openrouter.ai/docs/client-sdks/typescript/models/anthropiccachecontroldirective)
  and ``top_k`` are passed on;
- the role ``developer`` is known (recorded);
- the finish reason ``error`` is no end of an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.events import Event, ReasoningDelta, Start
from penstock.protocols.effort import effort_for
from penstock.protocols.kept import rest
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.chunks import Chunk, Delta
from penstock.protocols.openai_chat.dialects.dialect import Dialect, named_reasoning
from penstock.protocols.openai_chat.dialects.failing import FailingAnswer
from penstock.protocols.openai_chat.request_decode import NAME
from penstock.protocols.openai_chat.request_encode import DETAILS
from penstock.types import ChatRequest

_GROWING = ("text", "summary", "data", "signature")
"""Keys of an item that come in pieces."""


class OpenRouter(Dialect):
    """OpenAI chat as OpenRouter speaks it."""

    name = "openrouter_chat"
    cannot_ask = OpenAIChat.cannot_ask - {
        "cache",
        "file.url",
        "reasoning",
        "reasoning.signature",
        "reasoning.unsigned",
        "reasoning_budget",
        "top_k",
    }
    extensions = frozenset(("tool_result.file", "tool_result.image"))
    knows_developer = True

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        return super().can_ask(request) | {DETAILS}

    def answer(self) -> ChatAnswer:
        return RoutedAnswer()

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        said = body.get("reasoning")
        if not isinstance(said, Mapping):
            return super().decode_request(body)
        request = super().decode_request(rest(body, "reasoning"))
        return _with_thinking(request, dict(said))

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = named_reasoning(super().finish_request(body, request))
        said = body.get("reasoning")
        thinking = {**_thinking(request), **(said if isinstance(said, Mapping) else {})}
        body = rest(body, "reasoning_effort")
        return {**body, "reasoning": thinking} if thinking else body

    def _unsaid(self, request: ChatRequest) -> Iterator[str]:
        yield from super()._unsaid(request)
        budget, word = request.reasoning_budget, request.reasoning_effort
        if budget is None:
            return
        if budget > 0 and word is not None:
            yield "reasoning_effort"  # one or the other
        if budget < 0 or (budget == 0 and word not in (None, "none")):
            yield "reasoning_budget"


def _with_thinking(request: ChatRequest, said: dict[str, Any]) -> ChatRequest:
    """The neutral fields for what ``reasoning`` says; what else it says stays as it came."""
    effort, budget = said.get("effort"), said.get("max_tokens")
    if isinstance(effort, str):
        request = replace(request, reasoning_effort=effort)
        del said["effort"]
    if type(budget) is int:
        request = replace(request, reasoning_budget=budget)
        del said["max_tokens"]
    return replace(request, extra={**request.extra, "reasoning": said}) if said else request


def _thinking(request: ChatRequest) -> dict[str, Any]:
    budget, word = request.reasoning_budget, request.reasoning_effort
    if budget is not None and budget > 0:
        return {"max_tokens": budget}
    if word is not None:
        return {"effort": word}
    return {} if budget is None else {"effort": effort_for(budget)}


class RoutedAnswer(FailingAnswer):
    """Holds the details of reasoning back until they are whole; the text does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[dict[str, Any]] = []
        self._reasoning_index = 0
        self._is_whole = False

    def take_whole(self, body: bytes) -> Iterator[Event]:
        self._is_whole = True
        return super().take_whole(body)

    def take_chunk(self, chunk: Chunk) -> Iterator[Event]:
        for event in super().take_chunk(chunk):
            if not isinstance(event, Start | ReasoningDelta):
                yield from self._whole_details()
            yield event

    def end(self) -> Iterator[Event]:
        yield from self._whole_details()
        yield from super().end()

    def _reasoning(self, delta: Delta) -> Iterator[Event]:
        yield from super()._reasoning(replace(delta, reasoning_details=None))
        for detail in delta.reasoning_details or ():
            if isinstance(detail, Mapping):
                self._reasoning_index = self._part(ReasoningDelta)
                self._add(dict(detail))

    def _add(self, detail: dict[str, Any]) -> None:
        goes_on = (item for item in self._items if _is_one(item, detail))
        item = None if self._is_whole else next(goes_on, None)
        if item is None:
            self._items.append(detail)
            return
        for key, value in detail.items():
            was = item.get(key)
            grows = key in _GROWING and isinstance(was, str) and isinstance(value, str)
            if value is not None:
                item[key] = was + value if grows else value

    def _whole_details(self) -> Iterator[Event]:
        """The items, and the signature of the text where there is but one."""
        if self._items:
            items, self._items = self._items, []
            signatures = [s for item in items if isinstance(s := item.get("signature"), str) and s]
            signature = signatures[0] if len(signatures) == len(items) == 1 else ""
            kept = {NAME: {"reasoning_details": items}}
            yield ReasoningDelta("", self._reasoning_index, signature, kept)


def _is_one(item: Mapping[str, Any], fragment: Mapping[str, Any]) -> bool:
    """Whether the fragment goes on with the item. An id begins another; so does a text after the
    signature that closed one."""
    same = (item.get("type"), item.get("index")) == (fragment.get("type"), fragment.get("index"))
    other = fragment.get("id") and item.get("id") and fragment["id"] != item["id"]
    closed = item.get("signature") and fragment.get("text")
    return same and not other and not (closed and fragment.get("index") is None)
