"""Nscale. https://docs.nscale.com/docs/use-cases/chat (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Nscale(HTTPProvider):
    url = "https://console.nscale.com"
    base_url = "https://inference.api.nscale.com/v1"
    api_key_env = "NSCALE_SERVICE_TOKEN|NSCALE_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "openai/gpt-oss-120b", "meta-llama/Llama-3.1-8B-Instruct"
