"""Meta: Muse. https://dev.meta.ai/docs/protocols/chat-completions (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import meta as dialect


class Meta(HTTPProvider):
    url = "https://dev.meta.ai"
    base_url = "https://api.meta.ai/v1"
    api_key_env = "META_API_KEY|MODEL_API_KEY"
    protocol = dialect.Meta()
    default_model, small_model = "muse-spark-1.3", "muse-ember-1.0"
    answers_unasked = False
