"""Tencent Cloud TokenHub: Hunyuan. https://cloud.tencent.com/document/product/1823/130058 (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class TokenHub(HTTPProvider):
    url = "https://console.cloud.tencent.com/tokenhub"
    base_url = "https://tokenhub.tencentmaas.com/v1"
    api_key_env = "TOKENHUB_API_KEY|TENCENT_TOKENHUB_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "hy3", "deepseek-v4-flash"
