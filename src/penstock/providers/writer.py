"""Writer: Palmyra. https://dev.writer.com/api-reference/completion-api/chat-completion (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import writer as dialect


class Writer(HTTPProvider):
    url = "https://app.writer.com/aistudio"
    base_url = "https://api.writer.com/v1"
    api_key_env = "WRITER_API_KEY"
    protocol = dialect.Writer()
    default_model = "palmyra-x5"
