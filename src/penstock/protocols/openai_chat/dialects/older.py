"""OpenAI chat in its older words, as services keep speaking it.

What differs: instructions come from ``system`` alone, and an answer's length is ``max_tokens``.
Alibaba's Model Studio refuses the newer role ("developer is not one of ['system', 'assistant',
'user', 'tool', 'function']", https://github.com/proma-ai/Proma/issues/1496), and Poe does not name
it (https://creator.poe.com/api-reference/createChatCompletion); SiliconFlow and AI21 name
``max_tokens`` alone
(https://docs.siliconflow.com/en/api-reference/chat-completions/chat-completions,
https://docs.ai21.com/reference/jamba-1-6-api-ref).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.openai_chat.dialects.dialect import Dialect, in_older_words
from penstock.types import ChatRequest


class Older(Dialect):
    """OpenAI chat without its newer words."""

    name = "older_chat"

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        return in_older_words(super().finish_request(body, request))
