"""``builtin/eliza``: a visit to DOCTOR, told anew from the conversation's own messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from penstock.providers.builtin.eliza import converse
from penstock.providers.builtin.words import words
from penstock.types import ChatRequest

_PACE = 0.015
"""Seconds between words: a streamed answer is seen to stream."""


async def visit(request: ChatRequest) -> AsyncGenerator[str]:
    """DOCTOR's answer to the last user message, word by word."""
    turns = [message.text for message in request.messages if message.role == "user"]
    # In a thread: a long conversation is replayed, and the loop has other streams to carry.
    for word in words(await asyncio.to_thread(converse, turns)):
        yield word
        await asyncio.sleep(_PACE)
