"""Snowflake Cortex.

What differs: the longest answer is said as ``max_completion_tokens`` alone
(https://github.com/anomalyco/opencode/pull/11455, by Snowflake;
https://github.com/langchain-ai/langchain-snowflake/issues/132), and there is no list of models
(https://docs.snowflake.com/user-guide/snowflake-cortex/cortex-rest-api).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.protocols.openai_chat.newer import in_newer_words
from penstock.types import ChatRequest


class Snowflake(Dialect):
    """OpenAI chat as Snowflake Cortex speaks it."""

    name = "snowflake_chat"
    embeddings = None

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        return in_newer_words(super().finish_request(body, request))
