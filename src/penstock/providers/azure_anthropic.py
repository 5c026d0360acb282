"""Claude in Microsoft Foundry: models are one's own deployments.
https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry (read 2026-11-21)
"""

from penstock.accounts.azure import AzureAccount
from penstock.http_provider import HTTPProvider
from penstock.prefills import CLAUDE
from penstock.protocols.anthropic_messages import VERSION, AnthropicMessages


class AzureAnthropic(HTTPProvider):
    url = "https://ai.azure.com"
    base_url = "https://{ANTHROPIC_FOUNDRY_RESOURCE}.services.ai.azure.com/anthropic"
    api_key_env = "ANTHROPIC_FOUNDRY_API_KEY"
    account = AzureAccount()
    headers = {"anthropic-version": VERSION}
    protocol = AnthropicMessages()
    prefilled = CLAUDE
    default_model, small_model = "claude-sonnet-4-5", "claude-haiku-4-5"
    answers_unasked = False
