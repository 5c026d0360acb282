"""Docker Model Runner on one's own machine; its TCP port must be enabled.
https://docs.docker.com/ai/model-runner/api-reference/ (read 2026-11-21)"""

from penstock.local_engine import LocalEngine
from penstock.protocols.openai_chat.dialects.llamacpp import LlamaCpp


class DockerModelRunner(LocalEngine):
    url = "https://docs.docker.com/ai/model-runner/"
    base_url = "http://127.0.0.1:12434/engines/v1"
    owner = "docker"
    protocol = LlamaCpp()
