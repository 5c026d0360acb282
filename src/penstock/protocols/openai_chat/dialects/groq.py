"""Groq.

What differs: reasoning is called ``reasoning`` (recorded;
https://github.com/groq/groq-python/pull/185), also where it is said back
(https://github.com/vercel/ai/pull/8057), and a key of a message that Groq does not know is refused
("property 'reasoning_content' is unsupported", https://github.com/janhq/jan/issues/8136). Refused
too are probabilities, several answers and names of speakers
(https://console.groq.com/docs/openai#currently-unsupported-openai-features).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect, named_reasoning
from penstock.types import ChatRequest


class Groq(Dialect):
    """OpenAI chat as Groq speaks it."""

    name = "groq_chat"
    embeddings = None
    extensions = frozenset(("reasoning", "reasoning.unsigned"))
    cannot_ask = OpenAIChat.cannot_ask
    refuses = frozenset(("logit_bias", "logprobs", "n", "top_logprobs"))
    refuses_in_messages = frozenset(("name", "reasoning_details"))

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        return named_reasoning(super().finish_request(body, request))
