"""Any service that speaks OpenAI chat: give its ``base_url``, and a key if it wants one."""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class OpenAICompatible(HTTPProvider):
    """A service of your own: ``OpenAICompatible(base_url="http://127.0.0.1:8080/v1")``."""

    url = "https://platform.openai.com/docs/api-reference/chat"
    protocol = OpenAIChat()
