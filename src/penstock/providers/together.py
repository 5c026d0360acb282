"""Together AI. https://docs.together.ai/docs/inference/openai-compatibility (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Together(HTTPProvider):
    url = "https://api.together.ai"
    base_url = "https://api.together.ai/v1"
    api_key_env = "TOGETHER_API_KEY"
    protocol = Older()
    default_model, small_model = "openai/gpt-oss-120b", "openai/gpt-oss-20b"
