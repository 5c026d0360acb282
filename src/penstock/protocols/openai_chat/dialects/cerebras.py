"""Cerebras.

What differs: a key that Cerebras does not know is refused, beside ``messages`` and in each message
("property 'messages.2.assistant.reasoning_content' is unsupported",
https://github.com/QwenLM/qwen-code/issues/11045); reasoning is called ``reasoning``, also where it
is said back (https://github.com/vercel/ai/pull/15049,
https://inference-docs.cerebras.ai/api-reference/chat-completions). Refused too are penalties and
biases of tokens (https://github.com/agentjido/req_llm, guides/cerebras.md), ``store`` and
``verbosity`` (https://docs.getbifrost.ai/providers/supported-providers/cerebras).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect, named_reasoning
from penstock.types import ChatRequest


class Cerebras(Dialect):
    """OpenAI chat as Cerebras speaks it."""

    name = "cerebras_chat"
    embeddings = None
    extensions = frozenset(("reasoning", "reasoning.unsigned"))
    cannot_ask = OpenAIChat.cannot_ask | {"frequency_penalty", "presence_penalty"}
    refuses = frozenset(("logit_bias", "store", "verbosity"))
    refuses_in_messages = frozenset(("reasoning_details",))

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        return named_reasoning(super().finish_request(body, request))
