"""Moonshot's Kimi.

What differs, by https://platform.kimi.ai/docs/api/models-overview and its guides (read 2026-11-21):

- temperature, nucleus sampling, penalties and the number of answers are fixed, and other values
  refused; lengths are ``max_completion_tokens`` ("max_tokens" is not heeded);
- ``reasoning_effort`` is ``low``, ``high`` or ``max``; any other word is ignored without an error
  (https://docs.rs/synaps-engine/0.11.0/src/agent_engine/runtime/openai/catalog/kimi.rs.html);
- a tool cannot be forced by its name while the model thinks, which the newer ones always do
  (https://platform.kimi.ai/docs/guide/use-tool-choice);
- earlier reasoning is said back, and a tool call without any is refused ("thinking is enabled but
  reasoning_content is missing in assistant tool call message"), an empty one too; a space is enough
  (https://github.com/theopenco/llmgateway/pull/2093);
- pictures come inline: addresses on the web are not fetched
  (https://platform.kimi.ai/docs/guide/use-kimi-vision-model).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.protocols.openai_chat.newer import in_newer_words
from penstock.types import ChatRequest

_EFFORTS = ("low", "high", "max")
_NO_REASON = " "


class Moonshot(Dialect):
    """OpenAI chat as Moonshot speaks it."""

    name = "moonshot_chat"
    cannot_ask = (OpenAIChat.cannot_ask - {"reasoning", "reasoning.unsigned"}) | {
        "frequency_penalty",
        "image.url",
        "presence_penalty",
        "temperature",
        "tool_choice.name",
        "top_p",
    }
    extensions = frozenset()
    refuses = frozenset(("n",))
    refuses_in_messages = frozenset(("reasoning_details",))

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        can = super().can_ask(request)
        effort = request.reasoning_effort
        return can if effort in (None, *_EFFORTS) else can - {"reasoning_effort"}

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_newer_words(super().finish_request(body, request))
        if body.get("reasoning_effort") not in _EFFORTS:  # which a budget may have become
            body.pop("reasoning_effort", None)
        body["messages"] = [_with_reasoning(message) for message in body["messages"]]
        return body


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    if "tool_calls" not in message or message.get("reasoning_content"):
        return message
    return {**message, "reasoning_content": _NO_REASON}
