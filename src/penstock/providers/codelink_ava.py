"""CodeLink Ava: the first founding provider. Its public service is gone; its protocol lives on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.generator import AsyncGeneratorProvider
from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest


class AvaChat(OpenAIChat):
    """OpenAI chat with another path, no model, and a temperature of its own."""

    path = "/api/chat"
    embeddings = None

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        body = super().encode_request(request)
        body.pop("model", None)
        return {"messages": [], "temperature": 0.6, "stream": request.stream} | body

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {"stream": True, **body}

    def relayed(self, body: Mapping[str, Any], model: str) -> None:
        return None


class CodeLinkAva(HTTPProvider, AsyncGeneratorProvider):
    """CodeLink Ava. Any model name is accepted and none is sent; options go into the body."""

    url = "https://ava-ai-ef611.web.app"
    base_url = "https://ava-alpha-api.codelink.io"
    protocol = AvaChat(ask_usage=False)
    supports_gpt_35_turbo = True
    working = False
    models = ("gpt-3.5-turbo",)
    headers = {
        "User-Agent": (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
            "(KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36"
        ),
        "Accept": "*/*",
        "Accept-Language": (
            "en,fr-FR;q=0.9,fr;q=0.8,es-ES;q=0.7,es;q=0.6,en-US;q=0.5,am;q=0.4,de;q=0.3"
        ),
        "Origin": url,
        "Referer": f"{url}/",
        "Sec-Fetch-Dest": "empty",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "same-origin",
    }
