"""Perplexity's Sonar, which answers from the web.

What differs, by https://docs.perplexity.ai/docs/sonar/features (streaming: search results and
usage come with the last chunks) and https://docs.perplexity.ai/guides/pro-search-stream-mode-guide
(the whole message so far stands in each chunk beside its delta; results come several times):

- sources stand beside ``choices``, as ``citations`` and ``search_results``;
- functions cannot be called, and sampling has neither seed nor stop words
  (https://docs.getbifrost.ai/providers/supported-providers/perplexity lists what is dropped);
- the same role twice in a row is refused ("user and assistant roles should be alternating",
  https://github.com/perplexityai/api-discussion/issues/265), so such messages are made one.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.dialects.dialect import Dialect, in_older_words
from penstock.protocols.openai_chat.dialects.sources import SourcedAnswer
from penstock.types import ChatRequest


class Perplexity(Dialect):
    """OpenAI chat as Perplexity speaks it. Usage comes unasked."""

    name = "perplexity_chat"
    cannot_ask = (OpenAIChat.cannot_ask - {"top_k"}) | {
        "parallel_tool_calls",
        "seed",
        "stop",
        "tool_choice.name",
        "tool_choice.none",
        "tool_choice.required",
        "tools",
    }
    extensions = frozenset()

    def __init__(self, ask_usage: bool = False) -> None:
        super().__init__(ask_usage)

    def answer(self) -> ChatAnswer:
        return SourcedAnswer()

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_older_words(super().finish_request(body, request))
        body["messages"] = [_joined(list(run)) for _, run in groupby(body["messages"], _role)]
        return body


def _role(message: dict[str, Any]) -> tuple[str, int]:
    """What neighbours share to be one message."""
    role = message["role"]
    joins = role in ("user", "assistant") and message.keys() <= {"role", "content"}
    return role, 0 if joins else id(message)


def _joined(run: list[dict[str, Any]]) -> dict[str, Any]:
    if len(run) == 1:
        return run[0]
    return {"role": run[0]["role"], "content": [part for said in run for part in _parts(said)]}


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
