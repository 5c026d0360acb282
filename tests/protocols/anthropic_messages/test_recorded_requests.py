"""Recorded requests keep their meaning when they are read and written again."""

from __future__ import annotations

import json
from typing import Any

from penstock.protocols.anthropic_messages import AnthropicMessages
from protocols import recorded

MESSAGES = AnthropicMessages()
NAME = "anthropic_messages"
SUMMARIZE = recorded.module("request_summary").summarize
REQUESTS = recorded.requests(NAME)
ANSWERED = [
    case
    for case in recorded.answers(NAME)
    if case["request"] and case["request"]["json"] and case["response"]["status"] == 200
]


def again(body: dict[str, Any]) -> Any:
    written = MESSAGES.encode_request(MESSAGES.decode_request(body))
    return json.loads(json.dumps(written))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling: null or an empty list for "not said", ``stream``
    that is false, an empty system prompt, text for a list of one text."""
    said = {key: item for key, item in body.items() if item is not None and item != []}
    if not said.get("system"):
        said.pop("system", None)
    if said.get("stream") is False:
        del said["stream"]
    if "system" in said:
        said["system"] = content_meaning(said["system"])
    said["messages"] = [
        {**message, "content": content_meaning(message["content"])} for message in body["messages"]
    ]
    return said


def content_meaning(content: Any) -> Any:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [
        {**block, "content": content_meaning(block["content"])}
        if block["type"] == "tool_result" and block.get("content")
        else block
        for block in content
    ]


@recorded.each(REQUESTS)
def test_a_recorded_request_keeps_its_meaning(case: recorded.Case) -> None:
    assert meaning(again(case["json"])) == meaning(case["json"])
    assert SUMMARIZE(NAME, again(case["json"])) == case["summary"]


@recorded.each(ANSWERED)
def test_the_request_of_a_recorded_answer_keeps_its_meaning(case: recorded.Case) -> None:
    body = case["request"]["json"]
    assert meaning(again(body)) == meaning(body)


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(REQUESTS) == 70
    assert len(ANSWERED) > 300
