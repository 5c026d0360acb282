"""Of every recorded stream it is known, wherever it is cut, what the service said that it spent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.protocols import Decoder
from penstock.types import Usage
from protocols import conformance, recorded
from protocols.reading import outcome_of, sliced

STREAMS = [case for name in conformance.PROTOCOLS for case in recorded.answers(name, stream=True)]
AT_ONCE = {"anthropic_messages", "gemini_generate"}
"""Protocols whose services say in the first event what they read."""


def pieces(body: bytes) -> Iterator[bytes]:
    """Cut after each line, where most events end; Bedrock's frames have lines by chance alone."""
    ends = [at + 1 for at, byte in enumerate(body) if byte == 10]
    return sliced(body, ends if len(ends) > 4 else range(0, len(body), 64))


def is_partial(usage: Usage | None) -> bool:
    return usage is None or usage.provenance == "partial"


@recorded.each(STREAMS)
def test_usage_is_partial_until_the_end_and_then_that_of_finish(case: recorded.Case) -> None:
    decoder = conformance.protocol_of(case).decoder()
    outcome = outcome_of(())
    for piece in pieces(recorded.body(case)):
        outcome = outcome_of(decoder.feed(piece))
        if outcome.finish or outcome.error:
            break
        assert is_partial(decoder.usage)
    if not (outcome.finish or outcome.error):
        outcome = outcome_of(decoder.close())
    assert outcome.error or (outcome.finish and decoder.usage == outcome.finish.usage)


def first_said(decoder: Decoder, body: bytes) -> Usage | None:
    """What is known once the answer began."""
    for piece in pieces(body):
        if outcome_of(decoder.feed(piece)).events:
            break
    return decoder.usage


@pytest.mark.parametrize("protocol", sorted(AT_ONCE))
def test_what_was_read_is_known_from_the_first_event_on(protocol: str) -> None:
    cases = recorded.answers(protocol, stream=True)
    said = [first_said(conformance.protocol_of(c).decoder(), recorded.body(c)) for c in cases]
    known = [usage for usage in said if usage is not None and usage.input]
    assert len(known) > 0.8 * len(cases)
