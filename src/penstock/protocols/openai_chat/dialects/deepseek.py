"""DeepSeek.

What differs, by https://api-docs.deepseek.com/guides/thinking_mode (read 2026-11-21) and recorded:

- thinking is on unless ``thinking`` says ``disabled``; no ``reasoning_effort`` turns it off;
- "where the model called tools, reasoning_content must be passed back in all later requests", else
  400; elsewhere it may be, and is ignored. A call that came without any needs it too, empty
  (https://github.com/vercel/ai/pull/13203);
- messages hold text and pictures (https://api-docs.deepseek.com/guides/vision), neither documents
  nor sound ("unknown variant `file`, expected `text`", recorded, likewise ``input_audio``);
- JSON cannot be asked by a schema. Asking for any JSON in its place is no help: without the word
  "json" and an example in the prompt the answer may be all blanks
  (https://api-docs.deepseek.com/guides/json_mode);
- the finish reason ``insufficient_system_resource`` says that the answer was broken off, for want
  of machines (not recorded; as several of its clients have it).
"""

from __future__ import annotations

from typing import Any

from penstock.protocols.kept import rest
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.dialects.dialect import Dialect, in_older_words
from penstock.protocols.openai_chat.dialects.failing import FailingAnswer
from penstock.types import ChatRequest


class DeepSeek(Dialect):
    """OpenAI chat as DeepSeek speaks it."""

    name = "deepseek_chat"
    embeddings = None
    cannot_ask = (OpenAIChat.cannot_ask - {"reasoning", "reasoning.unsigned"}) | {
        "audio",
        "file.data",
        "response_format.json_schema",
    }
    extensions = frozenset(("top_k",))
    refuses_in_messages = frozenset(("reasoning_details",))

    def answer(self) -> ChatAnswer:
        return _DeepSeekAnswer()

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_older_words(super().finish_request(body, request))
        if body.get("reasoning_effort") == "none":
            body = {**rest(body, "reasoning_effort"), "thinking": {"type": "disabled"}}
        if _thinks(body):
            body["messages"] = [_with_reasoning(message) for message in body["messages"]]
        return body


class _DeepSeekAnswer(FailingAnswer):
    failures = frozenset(("insufficient_system_resource",))


def _thinks(body: dict[str, Any]) -> bool:
    return body.get("thinking") != {"type": "disabled"}


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    if "tool_calls" not in message or "reasoning_content" in message:
        return message
    return {**message, "reasoning_content": ""}
