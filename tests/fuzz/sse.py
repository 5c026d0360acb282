"""Every decoder of server-sent events, dialects included, fed bytes in any pieces."""

from __future__ import annotations

from fuzz.entry import parse
from fuzz.laws import check_split
from fuzz.spoken import PROTOCOLS, bearing

NAMES = bearing("text/event-stream")


def one_input(data: bytes) -> None:
    """``PROTOCOL``, then a stream."""
    entry = parse(data)
    protocol = PROTOCOLS[entry.word(0, NAMES)]
    check_split(protocol, entry.body, entry.pieces(), entry.is_on)
