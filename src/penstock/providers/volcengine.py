"""Volcengine Ark, of ByteDance: Doubao. https://www.volcengine.com/docs/82379/1330310 (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class Volcengine(HTTPProvider):
    url = "https://console.volcengine.com/ark"
    base_url = "https://ark.cn-beijing.volces.com/api/v3"
    api_key_env = "ARK_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "doubao-seed-2-1-pro-260628", "doubao-seed-2-0-mini-260215"
