"""NanoGPT: many services behind one. https://docs.nano-gpt.com/api-reference/text-generation (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class NanoGPT(HTTPProvider):
    url = "https://nano-gpt.com/api"
    base_url = "https://nano-gpt.com/api/v1"
    api_key_env = "NANO_GPT_API_KEY|NANOGPT_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "minimax/minimax-m3", "deepseek/deepseek-v4-flash"
    embedding_model = "text-embedding-3-small"
