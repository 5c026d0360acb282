"""The targets by name, and one run of one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

from fuzz import eventstream, failures, ndjson, request, sse, translation

CORPUS = Path(__file__).parent / "corpus"

TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": sse.one_input,
    "ndjson": ndjson.one_input,
    "eventstream": eventstream.one_input,
    "request": request.one_input,
    "translation": translation.one_input,
    "failures": failures.one_input,
}

LONGEST = 1.0
"""Seconds of computing that an input may take."""


def run(name: str, data: bytes) -> None:
    """Give a target one input. Raises whatever shows that a law is broken."""
    began = process_time()
    TARGETS[name](data)
    spent = process_time() - began
    assert spent < LONGEST, f"{spent:.1f} s of computing for {len(data)} bytes"
