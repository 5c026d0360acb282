"""Which protocol a path speaks, as the vendors' paths do, below any prefix.

    …/chat/completions                                   OpenAI chat
    …/responses                                          OpenAI Responses
    …/messages                                           Anthropic
    …:generateContent, …:streamGenerateContent           Gemini
    …:rawPredict, …:streamRawPredict                     Anthropic, as Vertex AI has it
    …/model/{model}/converse, …/converse-stream          Bedrock
    …/v2/chat                                            Cohere
    …/api/chat, …/api/generate                           Ollama
    …/codelink-ava/api/chat                              OpenAI chat, whose callers name no model
    …/aivvm/api/chat, …/aura/api/chat, …/chatbot-ui/…    chatbot-ui

A path that begins with ``/as/{fault}`` names the fault itself, for callers who cannot choose the
model's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.protocols.chatbot_ui import ChatbotUI
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.ollama_chat import OllamaChat, OllamaGenerate
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses

_OPENAI, _ANTHROPIC, _GEMINI, _COHERE, _OLLAMA, _CHATBOT_UI = (
    OpenAIChat(),
    AnthropicMessages(),
    GeminiGenerate(),
    CohereChat(),
    OllamaChat(),
    ChatbotUI(),
)


class Place(Struct, frozen=True):
    """What is asked at a path: a chat, or with ``lists`` the list of models.

    ``fault``: the fault that the path names; ``any_model``: callers only know the names of a
    service that is gone; ``said``: what the path says of the question.
    """

    protocol: Protocol
    lists: bool = False
    any_model: bool = False
    fault: str = ""
    said: Mapping[str, Any] = {}


_FAULT = re.compile(r"/as/([^/?]+)(?=/)")
_VERTEX = re.compile(r"/models/([^/?]+):(rawPredict|streamRawPredict)(?:\?|$)")
_CHATS: tuple[tuple[re.Pattern[str], Place], ...] = tuple(
    (re.compile(rf"{pattern}(?:\?|$)"), place)
    for pattern, place in (
        (r"/chat/completions", Place(_OPENAI)),
        (r"/responses", Place(OpenAIResponses())),
        (r"/messages", Place(_ANTHROPIC)),
        (r":(?:generateContent|streamGenerateContent)", Place(_GEMINI)),
        (r"/model/.+/converse(?:-stream)?", Place(BedrockConverse())),
        (r"/v2/chat", Place(_COHERE)),
        (r"/codelink-ava/api/chat", Place(_OPENAI, any_model=True, said={"stream": True})),
        (r"/(?:aivvm|aura|chatbot-ui)/api/chat", Place(_CHATBOT_UI, any_model=True)),
        (r"/api/chat", Place(_OLLAMA)),
        (r"/api/generate", Place(OllamaGenerate())),
    )
)
_LISTS: tuple[tuple[re.Pattern[str], Protocol], ...] = tuple(
    (re.compile(rf"{pattern}(?:\?|$)"), protocol)
    for pattern, protocol in (
        (r"/v1beta/models", _GEMINI),
        (r"/v1/models\?endpoint=chat.*", _COHERE),
        (r"/models", _OPENAI),
        (r"/api/tags", _OLLAMA),
    )
)
_CHATBOT_UI_LIST = re.compile(r"/(?:aivvm|aura|chatbot-ui)/api/models(?:\?|$)")


def find(method: str, target: str, headers: Mapping[str, str]) -> Place | None:
    """What is asked at a path with its query; ``None`` where nothing is."""
    named = _FAULT.match(target)
    fault, target = (unquote(named[1]), target[named.end() :]) if named else ("", target)
    place = _chat(target) if method == "POST" else _list(target, headers)
    if place is None:
        return None
    return Place(place.protocol, place.lists, place.any_model, fault, place.said)


def _chat(target: str) -> Place | None:
    if found := _VERTEX.search(target):
        said = {"model": unquote(found[1]), "stream": found[2] == "streamRawPredict"}
        return Place(_ANTHROPIC, said=said)
    if _CHATBOT_UI_LIST.search(target):
        return Place(_CHATBOT_UI, lists=True)
    return next((place for pattern, place in _CHATS if pattern.search(target)), None)


def _list(target: str, headers: Mapping[str, str]) -> Place | None:
    protocol = next((protocol for pattern, protocol in _LISTS if pattern.search(target)), None)
    if protocol is _OPENAI and "anthropic-version" in headers:
        protocol = _ANTHROPIC
    return Place(protocol, lists=True) if protocol else None
