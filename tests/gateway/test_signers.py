"""A caller who changes the model amid a conversation never sends one vendor another's signature."""

from __future__ import annotations

import json
from typing import Any

from gateway.test_translation import gateway, post
from penstock.config import ProviderConfig
from penstock.events import collect_async
from penstock.provider import question
from penstock.providers.anthropic import Anthropic
from penstock.providers.gemini import Gemini
from penstock.types import Message, TextPart
from raw import Upstream, head

USER = {"role": "user", "content": "Hi"}


def whole(value: dict[str, Any]) -> list[bytes]:
    body = json.dumps(value).encode()
    return [head("200 OK", content_type="application/json", content_length=len(body)), body]


CLAUDE = whole(
    {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "Q2xhdWRl"},
            {"type": "text", "text": "Hello"},
        ],
        "stop_reason": "end_turn",
    }
)
GEMINI = whole(
    {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hm", "thought": True, "thoughtSignature": "R2VtaW5p"},
                        {"text": "Hello"},
                    ],
                },
                "finishReason": "STOP",
            }
        ]
    }
)


def sent(service: Upstream) -> str:
    (request,) = service.connections[-1].requests[-1:]
    return request.partition(b"\r\n\r\n")[2].decode()


async def test_a_library_caller_who_changes_the_service_loses_the_signature_and_is_told() -> None:
    with Upstream(CLAUDE) as claude, Upstream(GEMINI) as gemini:
        one = Anthropic(base_url=claude.url, api_key="k")
        other = Gemini(base_url=gemini.url, api_key="k")

        first = await collect_async(one.stream(question("m", "Hi", {})))
        asked: Any = [USER, first.message, Message("user", (TextPart("And?"),))]
        second = await collect_async(other.stream(question("m", asked, {})))
        again = await collect_async(one.stream(question("m", asked, {})))
        assert "Q2xhdWRl" not in sent(gemini)
        assert "reasoning.signature" in second.loss
        assert "Q2xhdWRl" in sent(claude)
        assert again.loss == ()


async def test_an_anthropic_caller_carries_gemini_s_signature_and_claude_never_sees_it() -> None:
    with Upstream(CLAUDE) as claude, Upstream(GEMINI) as gemini:
        providers = {
            "c": ProviderConfig(type="anthropic", base_url=claude.url, api_key="k"),
            "g": ProviderConfig(type="gemini", base_url=gemini.url, api_key="k"),
        }
        async with gateway(**providers) as url:
            asked: dict[str, Any] = {"model": "g/m", "max_tokens": 9, "messages": [USER]}
            _, _, got = await post(url + "/v1/messages", asked)
            answer = {"role": "assistant", "content": json.loads(got)["content"]}
            assert answer["content"][0]["signature"] == "penstock-gemini_generate-R2VtaW5p"
            asked["messages"] = [USER, answer, USER]
            await post(url + "/v1/messages", asked)
            assert "R2VtaW5p" in sent(gemini)
            assert "penstock-" not in sent(gemini)
            _, headers, _ = await post(url + "/v1/messages", {**asked, "model": "c/m"})
            assert "R2VtaW5p" not in sent(claude)
            assert "reasoning.signature" in headers["penstock-loss"]
