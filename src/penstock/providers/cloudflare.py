"""Cloudflare Workers AI.

https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.openai_chat.dialects import cloudflare as dialect


class Cloudflare(HTTPProvider):
    """Cloudflare Workers AI."""

    url = "https://dash.cloudflare.com"
    base_url = "https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1"
    api_key_env = "CLOUDFLARE_API_KEY|CLOUDFLARE_API_TOKEN"
    protocol = dialect.Cloudflare()
    default_model, small_model = "@cf/openai/gpt-oss-120b", "@cf/zai-org/glm-4.7-flash"
    embedding_model = "@cf/baai/bge-m3"
    embeddings = OpenAIEmbeddings(most=100)
    answers_unasked = False
