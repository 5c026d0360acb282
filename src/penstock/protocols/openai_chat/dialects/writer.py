"""Writer.

What differs, by https://dev.writer.com/api-reference/completion-api/chat-completion (read
2026-11-21):

- the address is ``/chat``, and the list of models has a form of its own
  (https://dev.writer.com/api-reference/completion-api/list-models);
- ``tool_choice`` stands in an object, as its ``value``;
- an answer's length is ``max_tokens``, and JSON is asked by a schema or not at all;
- roles are ``user``, ``assistant``, ``system`` and ``tool``.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from penstock.protocols.listing import read_list
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect, in_older_words
from penstock.types import ChatRequest, ModelInfo


class Writer(Dialect):
    """OpenAI chat as Writer speaks it."""

    name = "writer_chat"
    path = "/chat"
    cannot_ask = OpenAIChat.cannot_ask | {"response_format.json_object"}

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_older_words(super().finish_request(body, request))
        if "tool_choice" in body:
            body["tool_choice"] = {"value": body["tool_choice"]}
        return body

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        return tuple(ModelInfo(model.id) for model in read_list(body, _List).models)


class _Model(Struct):
    id: str


class _List(Struct):
    models: list[_Model]
