"""xAI's Grok.

What differs: ``completion_tokens`` leave out those of reasoning (recorded: ``total_tokens`` are the
sum of all three; "outputted in the reasoning_tokens field, separated from the completion_tokens",
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning),
and an answer from the web has the addresses of its sources beside ``choices``, as ``citations``
(https://docs.x.ai/developers/tools/citations).
"""

from __future__ import annotations

from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.protocols.openai_chat.dialects.sources import SourcedAnswer


class XAI(Dialect):
    """OpenAI chat as xAI speaks it."""

    name = "xai_chat"
    reasoning_apart = True

    def answer(self) -> ChatAnswer:
        return SourcedAnswer(self.reasoning_apart)
