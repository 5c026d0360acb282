"""Ollama's lines, chat and generate, and bare text: fed bytes in any pieces."""

from __future__ import annotations

from fuzz.entry import parse
from fuzz.laws import check_split
from fuzz.spoken import PROTOCOLS, bearing

NAMES = bearing("application/x-ndjson", "text/plain")


def one_input(data: bytes) -> None:
    """``PROTOCOL``, then a stream."""
    entry = parse(data)
    protocol = PROTOCOLS[entry.word(0, NAMES)]
    check_split(protocol, entry.body, entry.pieces(), entry.is_on)
