"""llama.cpp's server on one's own machine.
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (read 2026-11-21)"""

from penstock.local_engine import LAST_ANSWER, LocalEngine
from penstock.prefills import ANY
from penstock.protocols.openai_chat.dialects import llamacpp as dialect


class LlamaCpp(LocalEngine):
    url = "https://github.com/ggml-org/llama.cpp"
    base_url = "http://127.0.0.1:8080/v1"
    owner = "llamacpp"
    headers = LAST_ANSWER
    protocol = dialect.LlamaCpp()
    prefilled = ANY
