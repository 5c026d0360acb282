"""Hugging Face.

https://huggingface.co/docs/inference-providers/providers/ovhcloud (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects.older import Older


class HuggingFace(HTTPProvider):
    """Hugging Face: many services behind one."""

    url = "https://huggingface.co"
    base_url = "https://router.huggingface.co/v1"
    api_key_env = "HF_TOKEN|HUGGINGFACE_API_KEY|HUGGINGFACE_HUB_TOKEN"
    protocol = Older()
    default_model, small_model = "openai/gpt-oss-120b", "openai/gpt-oss-20b"
    embeddings = None
    answers_unasked = False
