"""Recorded requests keep their meaning when they are read and written again."""

from __future__ import annotations

import json
from typing import Any

from penstock.protocols.openai_chat import OpenAIChat
from protocols import recorded

CHAT = OpenAIChat(ask_usage=False)
SUMMARIZE = recorded.module("request_summary").summarize
REQUESTS = recorded.requests("openai_chat")
ANSWERED = [case for case in recorded.answers("openai_chat") if case["request"]]


def again(body: dict[str, Any]) -> Any:
    written = CHAT.encode_request(CHAT.decode_request(body))
    return json.loads(json.dumps(written))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling: null or an empty list for "not said", ``stream``
    that is false, one stop word, text for a list of one text, a bare URL for an image."""
    said = without_blanks(body)
    if said.get("stream") is False:
        del said["stream"]
    if isinstance(said.get("stop"), str):
        said["stop"] = [said["stop"]]
    said["messages"] = [message_meaning(message) for message in body["messages"]]
    return said


def message_meaning(message: dict[str, Any]) -> dict[str, Any]:
    said = without_blanks(message)
    content = said.get("content")
    if isinstance(content, str):
        said["content"] = [{"type": "text", "text": content}]
    elif content:
        said["content"] = [part_meaning(part) for part in content]
    return said


def part_meaning(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("image_url"), str):
        return {**part, "image_url": {"url": part["image_url"]}}
    return part


def without_blanks(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None and item != []}


@recorded.each(REQUESTS)
def test_a_recorded_request_keeps_its_meaning(case: recorded.Case) -> None:
    assert meaning(again(case["json"])) == meaning(case["json"])
    assert SUMMARIZE("openai_chat", again(case["json"])) == case["summary"]


def test_the_requests_of_recorded_answers_keep_their_meaning() -> None:
    for case in ANSWERED:
        body = case["request"]["json"]
        assert meaning(again(body)) == meaning(body), case["id"]
        assert SUMMARIZE("openai_chat", again(body)) == SUMMARIZE("openai_chat", body), case["id"]


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(REQUESTS) >= 70
    assert len(ANSWERED) > 500
