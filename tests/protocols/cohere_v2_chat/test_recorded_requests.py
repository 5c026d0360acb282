"""Recorded requests keep their meaning when they are read and written again."""

from __future__ import annotations

import json
from typing import Any

from penstock.protocols.cohere_v2_chat import CohereChat
from protocols import recorded

CHAT = CohereChat()
NAME = "cohere_v2_chat"
REQUESTS = recorded.requests(NAME)
ANSWERED = [
    case
    for case in recorded.answers(NAME)
    if case["request"] and case["request"]["json"] and case["response"]["status"] == 200
]
SILENT: tuple[Any, ...] = (None, "", [], {})


def again(body: dict[str, Any], path: str) -> Any:
    written = CHAT.encode_request(CHAT.decode_request(CHAT.with_path(body, path)))
    return json.loads(json.dumps(written))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling: null or what is empty for "not said", ``stream``
    that is false, text for a list of one text."""
    said = {key: item for key, item in body.items() if item not in SILENT}
    said["messages"] = [message_meaning(message) for message in body["messages"]]
    return {"stream": False, **said}


def message_meaning(message: dict[str, Any]) -> dict[str, Any]:
    said = {key: item for key, item in message.items() if item not in SILENT}
    match said.get("content"):
        case [{"type": "text", "text": ""}]:
            del said["content"]
        case [{"type": "text", "text": text}]:
            said["content"] = text
    return said


@recorded.each(REQUESTS)
def test_a_recorded_request_keeps_its_meaning(case: recorded.Case) -> None:
    assert meaning(again(case["json"], case["url_path"])) == meaning(case["json"])


@recorded.each(ANSWERED)
def test_the_request_of_a_recorded_answer_keeps_its_meaning(case: recorded.Case) -> None:
    body = case["request"]["json"]
    assert meaning(again(body, case["url_path"])) == meaning(body)


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert (len(REQUESTS), len(ANSWERED)) == (10, 81)
