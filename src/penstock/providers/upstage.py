"""Upstage: Solar. https://console.upstage.ai/docs/capabilities/generate/chat (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.openai_chat import OpenAIChat


class Upstage(HTTPProvider):
    url = "https://console.upstage.ai"
    base_url = "https://api.upstage.ai/v1"
    api_key_env = "UPSTAGE_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "solar-pro4", "solar-mini"
    embedding_model = "solar-embedding-2-passage"
    embeddings = OpenAIEmbeddings(most=100, largest=204_800)
