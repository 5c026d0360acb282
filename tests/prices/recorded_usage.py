"""Every usage of the recorded traffic: of which model, as we read it, and as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.deepseek import DeepSeek
from penstock.protocols.openai_chat.dialects.groq import Groq
from penstock.protocols.openai_chat.dialects.mistral import Mistral
from penstock.protocols.openai_chat.dialects.openrouter import OpenRouter
from penstock.protocols.openai_chat.dialects.xai import XAI
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import Usage
from protocols import recorded
from protocols.reading import outcome_of

PROTOCOLS: dict[str, Protocol] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic_messages": AnthropicMessages(),
    "gemini_generate": GeminiGenerate(),
    "mistral_chat": Mistral(),
    "cohere_v2_chat": CohereChat(),
    "bedrock_converse": BedrockConverse(),
}
DIALECTS: dict[str, Protocol] = {
    "deepseek": DeepSeek(),
    "groq": Groq(),
    "openrouter": OpenRouter(),
    "xai": XAI(),
}
PROVIDERS = {"vertexai": "vertex", "bedrock_openai": "bedrock"}
"""What the corpus calls some providers, and what penstock does."""

ENGINES = ("gpustack", "llamacpp", "ollama", "vllm")
GATEWAYS = ("litellm_proxy", "mirascope_router", "pydantic_gateway")


class Spent(NamedTuple):
    """One recorded usage."""

    id: str
    protocol: str
    provider: str
    model: str
    usage: Usage
    written: dict[str, Any]
    """``usage`` or ``usageMetadata`` as the service wrote it."""
    told: dict[str, int]
    """What the vendor's own SDK read, in the vendor's own sense."""

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


def all_spent() -> Iterator[Spent]:
    """What engines of one's own and gateways used costs nothing, or nobody knows what."""
    for name, protocol in PROTOCOLS.items():
        for case in recorded.answers(name):
            if case["expected"].get("usage") and case["provider"] not in ENGINES + GATEWAYS:
                yield read(case, protocol if name != "openai_chat" else dialect(case))


def dialect(case: recorded.Case) -> Protocol:
    return DIALECTS.get(case["provider"], PROTOCOLS["openai_chat"])


def read(case: recorded.Case, protocol: Protocol) -> Spent:
    usage = outcome_of(protocol.decode_response(recorded.body(case))).reply.usage
    assert usage is not None
    provider: str = PROVIDERS.get(case["provider"]) or case["provider"]
    written = as_written(recorded.body(case), case["protocol"])
    told = case["expected"]["usage"]
    return Spent(
        case["id"], case["protocol"], provider, unquote(case["model"]), usage, written, told
    )


_USAGE = re.compile(r'"(usage|usageMetadata)"\s*:\s*(?=\{)')


def as_written(body: bytes, protocol: str) -> dict[str, Any]:
    """Found without any decoder: of several, what comes later says it anew (Gemini) or adds to it
    (Anthropic)."""
    text, found = body.decode("utf-8", "ignore"), dict[str, Any]()
    for place in _USAGE.finditer(text):
        value, _ = json.JSONDecoder().raw_decode(text, place.end())
        before = {} if protocol == "gemini_generate" else found.get(place[1], {})
        found[place[1]] = {**before, **{k: v for k, v in value.items() if v is not None}}
    return found
