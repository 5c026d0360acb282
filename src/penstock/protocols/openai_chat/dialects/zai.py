"""Z.ai's GLM.

What differs, by https://docs.z.ai/api-reference/llm/chat-completion (read 2026-11-21):

- an answer's length is ``max_tokens``; there are no penalties and no seed, and JSON cannot be asked
  by a schema;
- ``tool_choice`` is ``auto`` and nothing else; messages have no names of speakers;
- thinking is on unless ``thinking`` says ``disabled``, and earlier reasoning is said back
  (https://docs.z.ai/guides/capabilities/thinking-mode);
- usage comes unasked with the last chunk (https://docs.z.ai/guides/capabilities/streaming);
- the finish reason ``network_error`` is no end of an answer, and ``sensitive`` that of a filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from penstock.events import Event, Finish
from penstock.protocols.kept import rest
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.dialects.dialect import Dialect, in_older_words
from penstock.protocols.openai_chat.dialects.failing import FailingAnswer
from penstock.types import ChatRequest


class ZAI(Dialect):
    """OpenAI chat as Z.ai speaks it."""

    name = "zai_chat"
    cannot_ask = (OpenAIChat.cannot_ask - {"reasoning", "reasoning.unsigned"}) | {
        "frequency_penalty",
        "presence_penalty",
        "response_format.json_schema",
        "seed",
        "tool_choice.name",
        "tool_choice.none",
        "tool_choice.required",
    }
    extensions = frozenset()
    refuses_in_messages = frozenset(("name", "reasoning_details"))

    def __init__(self, ask_usage: bool = False) -> None:
        super().__init__(ask_usage)

    def answer(self) -> ChatAnswer:
        return _ZAIAnswer()

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_older_words(super().finish_request(body, request))
        if body.get("reasoning_effort") == "none":
            body = {**rest(body, "reasoning_effort"), "thinking": {"type": "disabled"}}
        return body


class _ZAIAnswer(FailingAnswer):
    failures = frozenset(("network_error",))

    def end(self) -> Iterator[Event]:
        for event in super().end():
            is_filtered = isinstance(event, Finish) and self.raw_reason == "sensitive"
            yield replace(event, reason="content_filter") if is_filtered else event
