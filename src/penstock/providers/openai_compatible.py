"""Any service that speaks OpenAI chat: give its ``base_url``, and a key if it wants one."""

from penstock.protocols.openai_chat import OpenAIChat
from penstock.provider import HTTPProvider


class OpenAICompatible(HTTPProvider):
    """A service of your own: ``OpenAICompatible(base_url="http://127.0.0.1:8080/v1")``."""

    url = "https://platform.openai.com/docs/api-reference/chat"
    protocol = OpenAIChat()
