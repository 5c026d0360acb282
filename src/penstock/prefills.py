"""Models that go on with an answer whose beginning is the last message, by their names.

Claude before 4.6   https://platform.claude.com/docs/en/about-claude/models/migration-guide; on
                    Bedrock, Vertex and Azure too, and on OpenRouter
                    (https://openrouter.ai/docs/api-reference/overview#assistant-prefill)
Mistral             where the message says ``prefix``; says the beginning again
                    (https://docs.mistral.ai/capabilities/completion)
DeepSeek            likewise, below ``/beta``, without saying it again
                    (https://api-docs.deepseek.com/guides/chat_prefix_completion)
Ollama              https://github.com/ollama/ollama/issues/6778
llama.cpp           https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
vLLM, SGLang        where ``continue_final_message`` is said (https://docs.vllm.ai/en/latest/
                    serving/openai_compatible_server.html#extra-parameters,
                    https://github.com/sgl-project/sglang/pull/4226)
"""

from __future__ import annotations

import re

ANY = re.compile("")
"""All that a service has."""

CLAUDE = re.compile(
    r"claude-(?:instant|[23]\b|(?:opus|sonnet|haiku)-4(?:[-.][0-5])?(?:$|[@:]|-(?:v\d|20\d{6}|latest)))"
)
"""Claude before 4.6, on whatever service; later ones refuse it."""
