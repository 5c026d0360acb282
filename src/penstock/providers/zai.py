"""Z.ai: GLM. https://docs.z.ai/api-reference/llm/chat-completion (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import zai as dialect


class ZAI(HTTPProvider):
    url = "https://z.ai/model-api"
    base_url = "https://api.z.ai/api/paas/v4"
    api_key_env = "ZAI_API_KEY"
    protocol = dialect.ZAI()
    default_model, small_model = "glm-5.3", "glm-5.3-flash"
