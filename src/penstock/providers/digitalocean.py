"""DigitalOcean.

https://docs.digitalocean.com/products/gradient-ai-platform/how-to/use-serverless-inference
(read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class DigitalOcean(HTTPProvider):
    """DigitalOcean's serverless inference."""

    url = "https://cloud.digitalocean.com"
    base_url = "https://inference.do-ai.run/v1"
    api_key_env = "MODEL_ACCESS_KEY|DIGITALOCEAN_ACCESS_TOKEN"
    protocol = OpenAIChat()
    default_model, small_model = "openai-gpt-oss-120b", "openai-gpt-oss-20b"
    embedding_model = "qwen3-embedding-0.6b"
    answers_unasked = False
