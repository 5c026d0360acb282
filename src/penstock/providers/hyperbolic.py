"""Hyperbolic. https://docs.hyperbolic.ai/inference/text-apis (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class Hyperbolic(HTTPProvider):
    url = "https://app.hyperbolic.ai"
    base_url = "https://api.hyperbolic.xyz/v1"
    api_key_env = "HYPERBOLIC_API_KEY"
    protocol = Older()
    default_model = "meta-llama/Llama-3.3-70B-Instruct"
    small_model = "meta-llama/Meta-Llama-3.1-8B-Instruct"
