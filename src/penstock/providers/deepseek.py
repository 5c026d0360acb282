"""DeepSeek. https://api-docs.deepseek.com/quick_start/your_first_api_call (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import deepseek as dialect


class DeepSeek(HTTPProvider):
    url = "https://platform.deepseek.com"
    base_url = "https://api.deepseek.com"
    api_key_env = "DEEPSEEK_API_KEY"
    protocol = dialect.DeepSeek()
    default_model, small_model = "deepseek-flash", "deepseek-flash"

    def prefills(self, model: str) -> bool:
        """Only below ``/beta`` (https://api-docs.deepseek.com/guides/chat_prefix_completion)."""
        return "/beta/" in self.endpoint
