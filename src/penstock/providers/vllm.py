"""vLLM on one's own machine. https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
(read 2026-11-21)"""

from penstock.local_engine import LocalEngine
from penstock.prefills import ANY
from penstock.protocols.openai_chat.dialects import vllm as dialect


class VLLM(LocalEngine):
    url = "https://docs.vllm.ai"
    base_url = "http://127.0.0.1:8000/v1"
    owner = "vllm"
    protocol = dialect.VLLM()
    prefilled = ANY
