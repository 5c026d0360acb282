"""MiniMax.

What differs, by https://platform.minimax.io/docs/api-reference/text-chat-openai and what others
recorded (``MinimaxDoubledSummaryReplayTest`` of https://github.com/agentscope-ai/agentscope-java):

- thinking stands in the text between ``<think>`` marks, unless ``reasoning_split`` is asked for;
  then it comes as ``reasoning_content`` and again as ``reasoning_details``, and both are said back
  (https://platform.minimax.io/docs/api-reference/text-openai-api);
- a stream ends with a chunk that holds the whole answer again, as ``message``;
- ``thinking`` is ``adaptive`` or ``disabled``; there is no ``reasoning_effort``;
- lengths are ``max_completion_tokens``; penalties, seeds and ``parallel_tool_calls`` are unknown
  (https://java.agentscope.io/v2/en/integration/model/minimax).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.events import Event
from penstock.protocols.kept import rest
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.chunks import Choice, Delta
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.protocols.openai_chat.newer import in_newer_words
from penstock.types import ChatRequest

_FORM = {"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1"}


class MiniMax(Dialect):
    """OpenAI chat as MiniMax speaks it."""

    name = "minimax_chat"
    embeddings = None
    cannot_ask = (OpenAIChat.cannot_ask - {"reasoning", "reasoning.unsigned"}) | {
        "frequency_penalty",
        "parallel_tool_calls",
        "presence_penalty",
        "seed",
    }
    cannot_answer = frozenset(("reasoning.signature",))
    extensions = frozenset()
    refuses_in_messages = frozenset(("reasoning_details",))

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        can = super().can_ask(request)
        is_known = request.reasoning_effort in (None, "none")
        return can if is_known else can - {"reasoning_effort"}

    def answer(self) -> ChatAnswer:
        return _MiniMaxAnswer()

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_newer_words(super().finish_request(body, request))
        if body.get("reasoning_effort") == "none":
            body["thinking"] = {"type": "disabled"}
        body = {"reasoning_split": True, **rest(body, "reasoning_effort")}
        body["messages"] = [_with_details(message) for message in body["messages"]]
        return body


def _with_details(message: dict[str, Any]) -> dict[str, Any]:
    said = message.get("reasoning_content")
    return (
        {**message, "reasoning_details": [{**_FORM, "index": 0, "text": said}]} if said else message
    )


class _MiniMaxAnswer(ChatAnswer):
    """Takes what is said twice once."""

    _streams = False

    def _choose(self, choice: Choice) -> Iterator[Event]:
        if choice.delta is not None:
            self._streams = True
        elif self._streams:
            choice = replace(choice, message=None)
        yield from super()._choose(choice)

    def _reasoning(self, delta: Delta) -> Iterator[Event]:
        said = delta.reasoning_content or "".join(_texts(delta.reasoning_details or ()))
        delta = replace(delta, reasoning_content=said, reasoning_details=None)
        yield from super()._reasoning(delta)


def _texts(details: Any) -> Iterator[str]:
    for detail in details:
        text = detail.get("text") if isinstance(detail, Mapping) else None
        if isinstance(text, str):
            yield text
