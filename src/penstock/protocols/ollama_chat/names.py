"""What these two protocols are called: they share one family of words."""

from __future__ import annotations

NAME = "ollama_chat"
GENERATE = "ollama_generate"
