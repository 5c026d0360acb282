"""Anthropic, by its Messages API. https://docs.anthropic.com/en/api/messages (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.prefills import CLAUDE
from penstock.protocols.anthropic_messages import AnthropicMessages


class Anthropic(HTTPProvider):
    url = "https://console.anthropic.com"
    base_url = "https://api.anthropic.com"
    api_key_env = "ANTHROPIC_API_KEY"
    protocol = AnthropicMessages()
    prefilled = CLAUDE
    default_model, small_model = "claude-haiku-4-5", "claude-haiku-5-5"
