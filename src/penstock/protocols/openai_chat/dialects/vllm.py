"""vLLM, and SGLang, which takes the same: models on a machine of one's own.

What differs: sampling among the ``top_k`` likeliest tokens can be said (with ``min_p``,
``repetition_penalty`` and more in vLLM's own words, which pass through:
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#extra-parameters,
https://docs.sglang.io/docs/basic_usage/openai_api_completions), and earlier reasoning is said back
as ``reasoning_content``, without a signature (https://github.com/BerriAI/litellm/pull/41380).
Answers call it ``reasoning``, in older versions ``reasoning_content``
(https://docs.vllm.ai/en/v0.11.2/features/reasoning_outputs/); the base reads both. That the model
shall go on with its last message, which Mistral says as ``prefix`` of the message, is said beside
the messages (``continue_final_message``).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.kept import rest
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.types import ChatRequest


class VLLM(Dialect):
    """OpenAI chat as vLLM and SGLang speak it."""

    name = "vllm_chat"
    cannot_ask = OpenAIChat.cannot_ask - {"reasoning", "reasoning.unsigned", "top_k"}
    extensions = frozenset()
    refuses_in_messages = frozenset(("reasoning_details",))

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = super().finish_request(body, request)
        *before, last = body["messages"] or [{}]
        if not last.get("prefix"):
            return body
        messages = [*before, rest(last, "prefix")]
        flags = {"add_generation_prompt": False, "continue_final_message": True}
        return {**body, "messages": messages, **flags}
