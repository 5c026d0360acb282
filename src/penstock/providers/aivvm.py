"""Aivvm: the second founding provider, a chatbot-ui. Its public service is gone."""

from __future__ import annotations

from typing import Any

from penstock.errors import UnknownModel
from penstock.generator import AbstractProvider
from penstock.http_provider import HTTPProvider
from penstock.protocols.chatbot_ui import DEFAULT_PROMPT, ChatbotUI, encode_messages
from penstock.types import ChatRequest

MODELS = {
    "gpt-3.5-turbo": "GPT-3.5",
    "gpt-3.5-turbo-0613": "GPT-3.5-0613",
    "gpt-3.5-turbo-16k": "GPT-3.5-16K",
    "gpt-3.5-turbo-16k-0613": "GPT-3.5-16K-0613",
    "gpt-4": "GPT-4",
    "gpt-4-0613": "GPT-4-0613",
    "gpt-4-32k": "GPT-4-32K",
    "gpt-4-32k-0613": "GPT-4-32K-0613",
}


class AivvmChat(ChatbotUI):
    """chatbot-ui where system messages stay among the messages and the prompt is an option."""

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        options = request.extra
        return {
            "model": self.encode_model(request),
            "messages": encode_messages(request.messages),
            "key": options.get("key", str(request.api_key)),
            "prompt": options.get("system_message", DEFAULT_PROMPT),
            "temperature": 0.7 if request.temperature is None else request.temperature,
        }

    def encode_model(self, request: ChatRequest) -> dict[str, Any]:
        id = request.model or Aivvm.default_model
        if id not in MODELS:
            raise UnknownModel(f"no model {id!r}; aivvm knows {', '.join(MODELS)}", param="model")
        return {"id": id, "name": MODELS[id]}


class Aivvm(HTTPProvider, AbstractProvider):
    """Aivvm. Options: ``system_message`` (the prompt), ``temperature`` (0.7), ``key`` ("")."""

    url = "https://chat.aivvm.com"
    base_url = url
    protocol = AivvmChat()
    supports_stream = True
    supports_gpt_35_turbo = True
    supports_gpt_4 = True
    working = False
    models = tuple(MODELS)
    default_model = "gpt-3.5-turbo"
    headers = {
        "Accept": "text/event-stream",
        "Accept-Language": "en-US,en;q=0.9",
        "Content-Type": "application/json",
        "sec-ch-ua": '"Google Chrome";v="117", "Not;A=Brand";v="8", "Chromium";v="117"',
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Windows"',
        "sec-fetch-dest": "empty",
        "sec-fetch-mode": "cors",
        "sec-fetch-site": "same-origin",
        "Referer": f"{url}/",
        "User-Agent": (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
            "(KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36"
        ),
    }
