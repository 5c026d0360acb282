"""OVHcloud AI Endpoints.

https://www.ovhcloud.com/en-in/public-cloud/ai-endpoints/catalog/gpt-oss-20b (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class OVHcloud(HTTPProvider):
    """OVHcloud AI Endpoints, in France."""

    url = "https://endpoints.ai.cloud.ovh.net"
    base_url = "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"
    api_key_env = "OVH_AI_ENDPOINTS_ACCESS_TOKEN|OVHCLOUD_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "gpt-oss-120b", "gpt-oss-20b"
    embedding_model = "bge-multilingual-gemma2"
