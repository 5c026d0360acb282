"""IONOS AI Model Hub, Germany. https://api.ionos.com/docs/inference-openai/v1 (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class IONOS(HTTPProvider):
    url = "https://cloud.ionos.com"
    base_url = "https://openai.inference.de-txl.ionos.com/v1"
    api_key_env = "IONOS_API_TOKEN|IONOS_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "openai/gpt-oss-120b", "meta-llama/Meta-Llama-3.1-8B-Instruct"
    embedding_model = "BAAI/bge-m3"
    answers_unasked = False
