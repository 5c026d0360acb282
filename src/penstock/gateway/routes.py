"""The table of what the gateway answers: method and path -> what is asked, in which protocol."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from penstock.catalog import Catalog
from penstock.errors import ConfigError
from penstock.http_provider import HTTPProvider
from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.openai_chat import OpenAIChat

FOUNDING = ("codelink-ava", "aivvm", "aura")


class Route(Struct, frozen=True):
    """One line of the table.

    ``any_model``: callers of this route only know the names of a service that is gone, so a
    name nobody has means the default model. ``origin``: what these callers send as ``Origin``.
    """

    asks: Literal["chat", "models", "health"]
    protocol: Protocol
    any_model: bool = False
    origin: str = ""


def build(catalog: Catalog) -> dict[tuple[str, str], Route]:
    """The whole table."""
    openai = OpenAIChat()
    table = {
        ("POST", "/v1/chat/completions"): Route("chat", openai),
        ("POST", "/v1/messages"): Route("chat", AnthropicMessages()),
        ("GET", "/v1/models"): Route("models", openai),
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
