"""SGLang on one's own machine. https://docs.sglang.io/docs/basic_usage/openai_api_completions (read
2026-11-21)"""

from penstock.local_engine import LocalEngine
from penstock.prefills import ANY
from penstock.protocols.openai_chat.dialects.vllm import VLLM


class SGLang(LocalEngine):
    url = "https://docs.sglang.io"
    base_url = "http://127.0.0.1:30000/v1"
    owner = "sglang"
    protocol = VLLM()
    prefilled = ANY
