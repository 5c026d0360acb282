"""Vercel AI Gateway.

https://vercel.com/docs/ai-gateway/sdks-and-apis/openai-chat-completions (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Vercel(HTTPProvider):
    """Vercel AI Gateway: many services behind one."""

    url = "https://vercel.com/ai-gateway"
    base_url = "https://ai-gateway.vercel.sh/v1"
    api_key_env = "AI_GATEWAY_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "anthropic/claude-sonnet-5.5", "anthropic/claude-haiku-5.5"
    embedding_model = "openai/text-embedding-3-small"
