"""Recorded requests keep their meaning when they are read and written again."""

from __future__ import annotations

import json
from typing import Any

from penstock.protocols.bedrock_converse import BedrockConverse
from protocols import recorded

CONVERSE = BedrockConverse()
NAME = "bedrock_converse"
REQUESTS = recorded.requests(NAME)
ANSWERED = [
    case
    for case in recorded.answers(NAME)
    if case["request"] and case["request"]["json"] and case["response"]["status"] == 200
]


def again(body: dict[str, Any], path: str) -> Any:
    request = CONVERSE.decode_request(CONVERSE.with_path(body, path))
    assert CONVERSE.loss(request) == ()
    assert path.replace("%3A", ":") == CONVERSE.locate(request.model, request.stream)
    return json.loads(json.dumps(CONVERSE.encode_request(request)))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling: an empty object or list for "not said", and how the
    text of a JSON schema is spaced."""
    said = {key: item for key, item in body.items() if item not in ({}, [], None)}
    match said:
        case {"outputConfig": {"textFormat": {"structure": {"jsonSchema": definition}}}}:
            spaced = {**definition, "schema": json.loads(definition["schema"])}
            form = {**said["outputConfig"]["textFormat"], "structure": {"jsonSchema": spaced}}
            said["outputConfig"] = {**said["outputConfig"], "textFormat": form}
    return said


@recorded.each(REQUESTS)
def test_a_recorded_request_keeps_its_meaning(case: recorded.Case) -> None:
    assert meaning(again(case["json"], case["url_path"])) == meaning(case["json"])


@recorded.each(ANSWERED)
def test_the_request_of_a_recorded_answer_keeps_its_meaning(case: recorded.Case) -> None:
    body = case["request"]["json"]
    assert meaning(again(body, case["url_path"])) == meaning(body)


@recorded.each(REQUESTS)
def test_a_relayed_request_goes_on_as_it_came(case: recorded.Case) -> None:
    value = CONVERSE.with_path(case["json"], case["url_path"])
    assert CONVERSE.relayed(value, "another") == case["json"]


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(REQUESTS) == 12
    assert len(ANSWERED) > 90
