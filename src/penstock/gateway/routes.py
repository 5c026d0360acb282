"""The table of what the gateway answers: method and path -> what is asked, in which protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from penstock.catalog import Catalog
from penstock.errors import ConfigError
from penstock.http_provider import HTTPProvider
from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.gemini import GeminiContent
from penstock.protocols.embeddings.ollama import OllamaPrompt
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.ollama_chat import OllamaChat, OllamaGenerate
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses

OLLAMA_VERSION = "0.12.0"
"""The version of Ollama whose interface is spoken; its clients ask."""

FOUNDING = ("codelink-ava", "aivvm", "aura")


class Route(Struct, frozen=True):
    """One line of the table.

    ``any_model``: callers of this route only know the names of a service that is gone, so a
    name nobody has means the default model. ``origin``: what these callers send as ``Origin``.
    ``embeddings``: the form of a question for them, where it is not the protocol's.
    """

    asks: Literal["chat", "embeddings", "models", "health", "version"]
    protocol: Protocol
    any_model: bool = False
    origin: str = ""
    embeddings: EmbeddingFormat | None = None


def build(catalog: Catalog) -> dict[tuple[str, str], Route]:
    """The whole table; a path that ends in ``/*`` stands for every path below it, one that ends in
    ``/*:verb`` for those that end so."""
    openai, gemini, ollama, cohere = OpenAIChat(), GeminiGenerate(), OllamaChat(), CohereChat()
    one_of_gemini = Route("embeddings", gemini, embeddings=GeminiContent())
    table = {
        ("POST", "/v1/chat/completions"): Route("chat", openai),
        ("POST", "/v1/responses"): Route("chat", OpenAIResponses()),
        ("POST", "/v1/messages"): Route("chat", AnthropicMessages()),
        ("POST", "/v1/models/*"): Route("chat", gemini),
        ("POST", "/v1beta/*"): Route("chat", gemini),
        ("POST", "/v2/chat"): Route("chat", cohere),
        ("POST", "/model/*"): Route("chat", BedrockConverse()),
        ("POST", "/api/chat"): Route("chat", ollama),
        ("POST", "/api/generate"): Route("chat", OllamaGenerate()),
        ("POST", "/v1/embeddings"): Route("embeddings", openai),
        ("POST", "/v1/models/*:batchEmbedContents"): Route("embeddings", gemini),
        ("POST", "/v1beta/*:batchEmbedContents"): Route("embeddings", gemini),
        ("POST", "/v1/models/*:embedContent"): one_of_gemini,
        ("POST", "/v1beta/*:embedContent"): one_of_gemini,
        ("POST", "/v2/embed"): Route("embeddings", cohere),
        ("POST", "/api/embed"): Route("embeddings", ollama),
        ("POST", "/api/embeddings"): Route("embeddings", ollama, embeddings=OllamaPrompt()),
        ("GET", "/v1/models"): Route("models", openai),
        ("GET", "/v1beta/models"): Route("models", gemini),
        ("GET", "/api/tags"): Route("models", ollama),
        ("GET", "/api/version"): Route("version", ollama),
        ("GET", "/health"): Route("health", openai),
    }
    for name in FOUNDING:
        provider = catalog.get(name)
        if not isinstance(provider, HTTPProvider):
            raise ConfigError(f"providers.{name} hides a founding provider; choose another name")
        protocol = provider.protocol
        chat = Route("chat", protocol, any_model=True, origin=provider.url)
        table["POST", f"/{name}{protocol.path}"] = chat
        if (asked := protocol.models_request("")) and asked[0] == "POST":
            table["POST", f"/{name}{asked[1]}"] = Route("models", protocol, origin=provider.url)
    return table


def find(table: Mapping[tuple[str, str], Route], method: str, path: str) -> Route | None:
    """The route of a path: its own, or that of the paths below one it is below."""
    route = table.get((method, path))
    verb = path[path.rfind(":") :] if ":" in path else ""
    while route is None and path:
        path = path.rpartition("/")[0]
        route = table.get((method, f"{path}/*{verb}")) or table.get((method, f"{path}/*"))
    return route
