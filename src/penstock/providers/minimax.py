"""MiniMax. https://platform.minimax.io/docs/api-reference/text-chat-openai (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import minimax as dialect


class MiniMax(HTTPProvider):
    url = "https://platform.minimax.io"
    base_url = "https://api.minimax.io/v1"
    api_key_env = "MINIMAX_API_KEY"
    protocol = dialect.MiniMax()
    default_model, small_model = "MiniMax-M3", "MiniMax-M2.7"
