"""The TypeScript SDKs read what our encoders wrote: the same text, calls, reason and usage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import asdict

from penstock.events import TextDelta, collect
from protocols import recorded
from served import gateway
from typescript import facts
from typescript.facts import SDKS
from typescript.node import Job, Judgement, judge
from typescript.sample import Recorded, chosen, decoded
from typescript.service import CUT, FAILURE, TOLD, WHOLE, half, serving

pytestmark = pytest.mark.slow

recorded.root()
SAMPLE = {case["id"]: decoded(case) for case in chosen()}

DIFFERENT = {
    ("ai openai chat", "openai-1db7d5053e2b70"): "it reads no function_call",
    ("ai openai responses", "openai-1488d84a9ed94b"): "it takes a queued answer for an ended one",
    ("ai openai responses", "openai-608d5a7995307e"): "it takes a search of tools for a call",
}
"""Answers that an SDK reads otherwise by a rule of its own."""


@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_reads_every_answer_as_we_do(sdk: str) -> None:
    asked = [
        (answer, mode)
        for answer in SAMPLE.values()
        for mode in SDKS[sdk].modes
        if not mends(sdk, mode, answer)
    ]
    with serving(SAMPLE) as url:
        jobs = [job(f"{url}/{answer.id}/{WHOLE}", mode, answer) for answer, mode in asked]
        judged = judge(sdk, jobs)
    found = [
        (answer.id, f"{mode}: {difference}")
        for (answer, mode), judgement in zip(asked, judged, strict=True)
        for difference in differences(sdk, mode, answer, judgement)
    ]
    known = {case for by, case in DIFFERENT if by == sdk}
    assert [difference for difference in found if difference[0] not in known] == []
    assert {case for case, _ in found} >= known, "take what is read by now out of the list"


def job(url: str, mode: str, answer: Recorded) -> Job:
    calls = collect(answer.events).tool_calls
    return Job(url, mode, tools=tuple(sorted({call.name for call in calls})))


def mends(sdk: str, mode: str, answer: Recorded) -> bool:
    """Whether the SDK puts something of its own in the place of arguments that were cut."""
    return (sdk, mode) == ("anthropic", "helper") and facts.is_cut(collect(answer.events))


def differences(sdk: str, mode: str, answer: Recorded, judgement: Judgement) -> Iterator[str]:
    """What the SDK read otherwise than we did."""
    if judgement.error:
        yield judgement.error
        return
    ours = asdict(facts.of_reply(collect(answer.events), SDKS[sdk]))
    theirs = asdict(facts.of_said(judgement.said, SDKS[sdk]))
    for name, value in ours.items():
        if (mode, name) not in SDKS[sdk].unread and theirs[name] != value:
            yield f"{name}: {value!r}, but the SDK read {theirs[name]!r}"


FEWER = 5
"""Of the answers, every so many are made to fail."""


@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_never_takes_a_stream_that_failed_for_an_answer(sdk: str) -> None:
    answers = list(SAMPLE.values())[::FEWER]
    modes = [mode for mode in SDKS[sdk].modes if mode != "whole"]
    asked = [(answer, mode, way) for answer in answers for mode in modes for way in (CUT, TOLD)]
    with serving(SAMPLE) as url:
        jobs = [job(f"{url}/{answer.id}/{way}", mode, answer) for answer, mode, way in asked]
        judged = judge(sdk, jobs)
    for (answer, mode, way), judgement in zip(asked, judged, strict=True):
        assert judgement.error, (answer.id, mode, way, judgement)
        assert FAILURE.message in judgement.error, (answer.id, mode, way)
        if mode == "stream":
            said = [event.text for event in half(answer.events) if isinstance(event, TextDelta)]
            assert "".join(said).startswith(judgement.said.text)


QUESTION = "один two three"


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """A real gateway."""
    with gateway() as url:
        yield url


@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_asks_the_gateway(sdk: str, service: str) -> None:
    modes = SDKS[sdk].modes
    cut = {"fault": "cut", "after": 2}
    jobs = [Job(service, mode) for mode in modes]
    faults = [Job(service, mode, extra=cut) for mode in modes]
    judged = judge(sdk, [*jobs, *faults])
    for mode, judgement in zip(modes, judged[: len(jobs)], strict=True):
        assert judgement.error is None, mode
        assert judgement.said.text == QUESTION
        assert SDKS[sdk].reasons[judgement.said.finish or ""] == "stop"
    for mode, judgement in zip(modes, judged[len(jobs) :], strict=True):
        assert "echo was asked to cut the stream" in (judgement.error or ""), mode
        assert judgement.said.text == ("один two " if mode == "stream" else "")
