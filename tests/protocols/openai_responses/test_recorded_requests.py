"""Recorded requests keep their meaning when they are read and written again."""

from __future__ import annotations

import json
from typing import Any

from penstock.protocols.openai_responses import OpenAIResponses
from protocols import recorded

RESPONSES = OpenAIResponses()
NAME = "openai_responses"
SUMMARIZE = recorded.module("request_summary").summarize
REQUESTS = recorded.requests(NAME)
ANSWERED = [
    case
    for case in recorded.answers(NAME)
    if case["request"] and case["request"]["json"] and case["response"]["status"] == 200
]


def again(body: dict[str, Any], path: str) -> Any:
    asked = RESPONSES.decode_request(RESPONSES.with_path(body, path))
    return json.loads(json.dumps(RESPONSES.encode_request(asked)))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling: null or an empty list for "not said", ``stream``
    that is false, empty instructions and descriptions, text for a list of one text, a message
    that says so."""
    said: dict[str, Any] = without_nothing(body)
    if said.get("stream") is False:
        del said["stream"]
    if isinstance(said.get("input"), str):
        said["input"] = [{"role": "user", "content": said["input"]}]
    if not said.get("instructions"):
        said.pop("instructions", None)
    for tool in said.get("tools", ()):
        if tool.get("description") == "":
            del tool["description"]
    if "input" in said:
        said["input"] = [item_meaning(item) for item in said["input"]]
    return said


def without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != []}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def item_meaning(item: dict[str, Any]) -> dict[str, Any]:
    said = {"type": "message", **item}
    for key in ("content", "output"):
        if isinstance(said.get(key), str):
            kind = "output_text" if said.get("role") == "assistant" else "input_text"
            said[key] = [{"type": kind, "text": said[key]}]
    return said


@recorded.each(REQUESTS)
def test_a_recorded_request_keeps_its_meaning(case: recorded.Case) -> None:
    written = again(case["json"], case["url_path"])
    assert meaning(written) == meaning(case["json"])
    assert SUMMARIZE(NAME, written) == case["summary"]


@recorded.each(ANSWERED)
def test_the_request_of_a_recorded_answer_keeps_its_meaning(case: recorded.Case) -> None:
    body = case["request"]["json"]
    assert meaning(again(body, case["url_path"])) == meaning(body)


@recorded.each(REQUESTS)
def test_nothing_of_a_recorded_request_is_lost_on_a_service_of_the_same_kind(
    case: recorded.Case,
) -> None:
    asked = RESPONSES.decode_request(case["json"])
    assert RESPONSES.loss(asked) == ()


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(REQUESTS) == 40
    assert len(ANSWERED) > 500
