"""Chutes. https://chutes.ai/agents/connect (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Chutes(HTTPProvider):
    url = "https://chutes.ai"
    base_url = "https://llm.chutes.ai/v1"
    api_key_env = "CHUTES_API_KEY"
    protocol = Older()
    default_model, small_model = "moonshotai/Kimi-K2.6-TEE", "Qwen/Qwen3-32B-TEE"
