"""FriendliAI. https://friendli.ai/docs/openapi/create-chat-completions (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Friendli(HTTPProvider):
    url = "https://friendli.ai"
    base_url = "https://api.friendli.ai/serverless/v1"
    api_key_env = "FRIENDLI_TOKEN"
    protocol = Older()
    default_model, small_model = "zai-org/GLM-5.2", "google/gemma-4-31B-it"
    embeddings = None
