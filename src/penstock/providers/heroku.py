"""Heroku Managed Inference.

https://devcenter.heroku.com/articles/heroku-inference-api-v1-chat-completions (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.openai_chat.dialects import heroku as dialect


class Heroku(HTTPProvider):
    """Heroku Managed Inference."""

    url = "https://www.heroku.com"
    base_url = "{INFERENCE_URL:https://us.inference.heroku.com}/v1"
    api_key_env = "INFERENCE_KEY"
    protocol = dialect.Heroku()
    default_model, small_model = "claude-4-5-sonnet", "claude-4-5-haiku"
    embedding_model = "cohere-embed-multilingual"
    embeddings = OpenAIEmbeddings(most=96)
