"""What we write of every recorded answer, the vendors' own SDKs read: the same answer.

For each protocol that callers speak, the answers recorded of every protocol, as a stream and whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import pytest

from penstock.events import Event, Finish
from protocols import recorded
from protocols.judges.judging import JUDGES, differences, protocol
from protocols.reading import outcome_of, read, shortened

PARTS: Mapping[str, int] = {
    "anthropic_messages": 2,
    "bedrock_converse": 1,
    "cohere_v2_chat": 1,
    "gemini_generate": 1,
    "mistral_chat": 1,
    "ollama_chat": 1,
    "openai_chat": 4,
    "openai_responses": 3,
}
"""Into how many tests the recorded answers of each protocol are dealt."""

OTHERWISE: Mapping[tuple[str, str], str] = {
    ("gemini_generate", "gemini-dfe16821638bfa"): (
        "the question was refused: no candidate that could have a finish reason"
    ),
}
"""What an SDK cannot read as it was said, by its protocol and the case, each with the reason."""


@cache
def answers(name: str) -> Mapping[str, tuple[Event, ...]]:
    """The answers of a protocol that came to their end, by their cases, as events; long texts in
    few pieces, since an SDK takes its time for each."""
    cases = recorded.answers(name)
    decoded = {
        case["id"]: _events(name, case)
        for case in cases
        if case["expected"]["outcome"] == "message"
    }
    whole = {id: events for id, events in decoded.items() if isinstance(events[-1], Finish)}
    return {id: shortened(events) for id, events in whole.items()}


def _events(name: str, case: recorded.Case) -> tuple[Event, ...]:
    source, body = protocol(name), recorded.body(case)
    outcome = read(source, body) if case["stream"] else outcome_of(source.decode_response(body))
    return outcome.events


def _dealt() -> Iterator[tuple[str, str, int]]:
    for name in JUDGES:
        for said in PARTS:
            for part in range(PARTS[said]):
                yield name, said, part


@pytest.mark.slow
@pytest.mark.parametrize(("name", "said", "part"), list(_dealt()))
def test_the_sdk_reads_every_recorded_answer(name: str, said: str, part: int) -> None:
    cases = list(answers(said).items())[part :: PARTS[said]]
    assert cases
    wrong = []
    for number, (id, events) in enumerate(cases):
        is_known = (name, id) in OTHERWISE
        found = list(differences(name, events, 0 if is_known else number))
        if is_known:
            found = [] if found else ["is read as it was said: take it out of OTHERWISE"]
        wrong += [f"{id}: {difference}" for difference in found]
    assert not wrong, f"{len(wrong)} of {len(cases)} answers:\n" + "\n".join(wrong[:20])
