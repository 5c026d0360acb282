"""What this protocol is called."""

from __future__ import annotations

NAME = "cohere_v2_chat"
