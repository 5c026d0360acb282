"""Aura (OpenChat): the third founding provider, an openchat-ui. Its public service is gone."""

from __future__ import annotations

from typing import Any

from penstock.generator import AsyncGeneratorProvider
from penstock.http_provider import HTTPProvider
from penstock.protocols.chatbot_ui import ChatbotUI
from penstock.types import ChatRequest


class AuraChat(ChatbotUI):
    """chatbot-ui with one model, whose token limit is the caller's ``max_tokens``."""

    def encode_model(self, request: ChatRequest) -> dict[str, Any]:
        return {
            "id": "openchat_3.6",
            "name": "OpenChat 3.6 (latest)",
            "maxLength": 24576,
            "tokenLimit": 8192 if request.max_tokens is None else request.max_tokens,
        }

    def encode_temperature(self, request: ChatRequest) -> float:
        return 0.5 if request.temperature is None else request.temperature


class Aura(HTTPProvider, AsyncGeneratorProvider):
    """Aura. Options: ``temperature`` (0.5), ``max_tokens`` (8192), ``webdriver``, ``proxy``."""

    url = "https://openchat.team"
    base_url = url
    protocol = AuraChat()
    working = False
    models = ("openchat_3.6",)
    default_model = "openchat_3.6"
