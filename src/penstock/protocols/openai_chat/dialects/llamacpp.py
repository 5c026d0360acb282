"""llama.cpp's server: a model on a machine of one's own.

What differs, by https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md:
``top_k`` can be said (``min_p``, ``grammar``, ``mirostat`` and more pass through in its own words),
earlier reasoning is said back as ``reasoning_content``, without a signature, and a tool may answer
with a picture (recorded). One tool cannot be demanded: the object form of ``tool_choice`` silently
means ``auto`` (https://github.com/ggml-org/llama.cpp/issues/26535).
"""

from __future__ import annotations

from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.dialect import Dialect


class LlamaCpp(Dialect):
    """OpenAI chat as llama.cpp's server speaks it."""

    name = "llamacpp_chat"
    cannot_ask = (
        OpenAIChat.cannot_ask - {"reasoning", "reasoning.unsigned", "tool_result.image", "top_k"}
    ) | {"tool_choice.name"}
    extensions = frozenset()
    refuses_in_messages = frozenset(("reasoning_details",))
