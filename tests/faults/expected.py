"""What each fault has to end with: ``complete``, or the classes of error that tell the truth of it.

``None`` in the place of the words means that they are not counted (the fault decides how many
arrive); a number is how many of the sixty a stream's caller must have heard, all and no more.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from penstock.transport import Timeouts

BARE = "chatbot_ui"
"""Bare text: it has no end of its own, no events, no tools, and no place for an error."""


class Expected(Struct, frozen=True):
    """``stream`` and ``whole``: the ends that are right. ``words``: those that are heard before the
    end of a stream. ``limits``: where the usual ones are too tight, or too wide, for it."""

    stream: str
    whole: str
    words: int | None = 60
    limits: Timeouts | None = None


_WELL = Expected("complete", "complete")
_ALMOST = Timeouts(headers=20, first=20, idle=20, progress=20, total=40)
"""For faults that take a machine under load seconds to play, and ask for no deadline."""


_SHORT = Timeouts(headers=1, first=1, idle=1, progress=1, total=1.5)
"""For faults that only ``total`` ends."""


def _early(ends: str) -> Expected:
    """It fails in the same way before anything was said."""
    return Expected(ends, ends, 0)


def _late(words: int | None, stream: str, whole: str = "") -> Expected:
    return Expected(stream, whole or stream, words)


_GARBLED = "UnexpectedAnswer StreamTruncated MalformedStream"
"""A whole body that is none: which of them depends on where a protocol notices it."""

EXPECTED: Mapping[str, Expected] = {
    "ok": _WELL,
    "silent": _early("Timeout"),
    "hangup": _early("ConnectionFailed"),
    "reset": _early("ConnectionFailed"),
    "flap-60": _early("Unavailable"),
    "400": _early("InvalidRequest"),
    "401": _early("Unauthorized"),
    "403": _early("Unauthorized"),
    "404": _early("UnknownModel"),
    "429": _early("RateLimited"),
    "500": _early("Unavailable"),
    "502": _early("Unavailable"),
    "503": _early("Unavailable"),
    "529": _early("Unavailable"),
    "status-418": _early("InvalidRequest"),
    "status-504": _early("Timeout"),
    "429-seconds-7": _early("RateLimited"),
    "429-date-7": _early("RateLimited"),
    "429-ms-1500": _early("RateLimited"),
    "429-reset-7": _early("RateLimited"),
    "429-negative": _early("RateLimited"),
    "429-nan": _early("RateLimited"),
    "429-list": _early("RateLimited"),
    "429-years": _early("RateLimited"),
    "400-context": _early("InvalidRequest"),
    "400-content": _early("ContentFiltered InvalidRequest"),
    "no-prefill": _WELL,
    "error-html": _early("Unavailable"),
    "error-huge": _early("Unavailable"),
    "redirect": _early("Redirected"),
    "headers": _early("StreamStalled"),
    "slow-20": _early("StreamStalled"),
    "empty": _early("EmptyStream"),
    "cut-0": _late(0, "StreamTruncated EmptyStream", "StreamTruncated"),
    "cut-1": _late(1, "StreamTruncated"),
    "cut-40": _late(40, "StreamTruncated"),
    "cut-59": _late(59, "StreamTruncated"),
    "rst-40": _late(40, "StreamTruncated"),
    "stall-20": _late(20, "StreamStalled"),
    "close-40": _late(40, "StreamTruncated", _GARBLED),
    "end-40": _late(40, "StreamTruncated", _GARBLED),
    "short-40": _late(40, "StreamTruncated"),
    "error-20": _late(20, "StreamFailed", "StreamFailed Unavailable"),
    "no-end": _late(60, "complete StreamTruncated", "complete"),
    "after-end": _late(60, "complete", _GARBLED),
    "pings-20-50": _late(20, "StreamStalled"),
    "drip-50": Expected("StreamStalled", "StreamStalled", None, _SHORT),
    "endless": Expected(
        "StreamStalled MalformedStream", "StreamStalled UnexpectedAnswer", None, _SHORT
    ),
    "tool": _late(None, "complete"),
    "tool-cut-40": _late(None, "StreamTruncated"),
    "reasoning": _late(None, "complete"),
    "reasoning-cut-40": _late(None, "StreamTruncated"),
    "malformed-10": _late(10, "MalformedStream", _GARBLED),
    "utf8-10": _late(10, "MalformedStream", _GARBLED),
    "deep": _late(None, "MalformedStream", _GARBLED),
    "line-64": Expected("MalformedStream", "UnexpectedAnswer", None, _ALMOST),
    "bytes": Expected("complete", "complete", 60, _ALMOST),
    "html": _early("UnexpectedAnswer"),
    "error-ok": _early("StreamFailed Unavailable"),
    "swapped": _WELL,
    "sse-cr": _WELL,
    "sse-crlf": _WELL,
    "sse-tight": _WELL,
    "sse-multiline": _WELL,
    "sse-comments": _WELL,
    "sse-fields": _WELL,
    "sse-bom": _WELL,
    "bad-chunk": _late(None, "UnexpectedAnswer MalformedStream"),
    "both-lengths": _early("UnexpectedAnswer"),
    "two-lengths": _early("UnexpectedAnswer"),
    "not-http": _early("UnexpectedAnswer"),
    "huge-header": _early("UnexpectedAnswer"),
    "many-headers": _early("UnexpectedAnswer"),
    "hints": Expected("UnexpectedAnswer", "UnexpectedAnswer", 0, _ALMOST),
    "gzip": _WELL,
    "gzip-cut": _late(None, "StreamTruncated", "StreamTruncated"),
    "gzip-bomb": Expected("MalformedStream", "MalformedStream", None, _ALMOST),
    "rot13": _early("UnexpectedAnswer"),
}
"""By the fault's name, its numbers included."""

_OF_PROTOCOL: Mapping[tuple[str, str], Expected] = {
    # A status is all that chatbot-ui has, and 404 says nothing of a model there.
    ("404", BARE): _early("InvalidRequest"),
    # Bare text ends where its body ends: without a length, a cut cannot be told from an end.
    ("close-40", BARE): _late(40, "complete"),
    ("end-40", BARE): _late(40, "complete"),
    ("after-end", BARE): _late(None, "complete"),
    # An error amid the text is a cut; an error's object in the text's place is text.
    ("error-20", BARE): _late(20, "StreamTruncated"),
    ("error-ok", BARE): _late(None, "complete"),
    ("tool-cut-40", BARE): _late(40, "StreamTruncated"),
    ("deep", BARE): _late(None, "complete"),
    ("line-64", BARE): Expected("MalformedStream", "UnexpectedAnswer", None, _ALMOST),
    # Gemini has no last event: what comes after a reason to end still belongs to the answer.
    ("after-end", "gemini_generate"): Expected("complete", _GARBLED, None),
    # A line of Ollama's is an answer of its own, so a whole body is read as lines.
    ("empty", "ollama_chat"): _early("EmptyStream"),
}


def expected(fault: str, protocol: str) -> Expected:
    """What that fault has to end with, in that protocol."""
    return _OF_PROTOCOL.get((fault, protocol)) or EXPECTED[fault]
