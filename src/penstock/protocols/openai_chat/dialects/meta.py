"""Meta's Model API.

What differs, by https://dev.meta.ai/docs/protocols/chat-completions (as
https://ocaml.org/p/chatoyant/latest/doc/src/chatoyant.provider/meta.ml.html has it): models always
reason, and ``none`` for their effort is refused; so is any choice of a tool but ``auto``; there are
no texts that end an answer.
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.types import ChatRequest


class Meta(Dialect):
    """OpenAI chat as Meta speaks it."""

    name = "meta_chat"
    cannot_ask = OpenAIChat.cannot_ask | {
        "stop",
        "tool_choice.name",
        "tool_choice.none",
        "tool_choice.required",
    }

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        can = super().can_ask(request)
        return can - {"reasoning_effort"} if request.reasoning_effort == "none" else can

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = super().finish_request(body, request)
        if body.get("reasoning_effort") == "none":  # which a budget may have become
            del body["reasoning_effort"]
        return body
