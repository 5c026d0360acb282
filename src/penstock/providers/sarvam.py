"""Sarvam, at home in the languages of India.
https://docs.sarvam.ai/api-reference/chat/chat-completions-v1 (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Sarvam(HTTPProvider):
    url = "https://dashboard.sarvam.ai"
    base_url = "https://api.sarvam.ai/v1"
    api_key_env = "SARVAM_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "sarvam-105b", "sarvam-105b-conversations"
