"""Recorded requests keep their meaning when they are read and written again."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.gemini_generate.config import spelled
from penstock.protocols.gemini_generate.schema import to_json_schema
from penstock.protocols.gemini_generate.words import in_camel, many
from protocols import recorded

GEMINI = GeminiGenerate()
NAME = "gemini_generate"
SUMMARIZE = recorded.module("request_summary").summarize
REQUESTS = recorded.requests(NAME)
ANSWERED = [
    case
    for case in recorded.answers(NAME)
    if case["request"] and case["request"]["json"] and case["response"]["status"] == 200
]


def asked(body: dict[str, Any], path: str) -> dict[str, Any]:
    return GEMINI.with_path(body, path)


def again(body: dict[str, Any], path: str, anew: bool = False) -> Any:
    """The body read and written again; ``anew``: as if something of it had been changed."""
    request = GEMINI.decode_request(asked(body, path))
    if anew:
        request = replace(request, metadata=None)
    return json.loads(json.dumps(GEMINI.encode_request(request)))


@recorded.each(REQUESTS)
def test_a_recorded_request_goes_out_as_it_came(case: recorded.Case) -> None:
    assert again(case["json"], case["url_path"]) == case["json"]


@recorded.each(REQUESTS)
def test_a_recorded_request_written_anew_keeps_its_meaning(case: recorded.Case) -> None:
    body, path = case["json"], case["url_path"]
    assert meaning(again(body, path, anew=True)) == meaning(body)
    summary = SUMMARIZE(NAME, again(body, path, anew=True))
    assert without_spelling(summary) == without_spelling(case["summary"])


@recorded.each(ANSWERED)
def test_the_request_of_a_recorded_answer_keeps_its_meaning(case: recorded.Case) -> None:
    body, path = case["request"]["json"], case["url_path"]
    assert again(body, path) == body
    assert meaning(again(body, path, anew=True)) == meaning(body)
    asks = asked(body, path)
    assert GEMINI.peek(asks)[1] == case["stream"]
    assert asks["model"] in path
    relayed = None if case["stream"] and "alt=sse" not in case["url_path"] else body
    assert GEMINI.relayed(asks, "other") == relayed


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its choices of spelling."""
    said = in_camel(body)
    said["contents"] = [content(value) for value in many(said["contents"])]
    if "systemInstruction" in said:
        said["systemInstruction"] = content(said["systemInstruction"])["parts"]
    if "generationConfig" in said:
        said["generationConfig"] = config(said["generationConfig"])
    if "toolConfig" in said:
        said["toolConfig"] = {
            key: calling(item) if isinstance(item, dict) else item
            for key, item in in_camel(said["toolConfig"]).items()
        }
    said["tools"] = sorted(
        tools(said.get("tools")), key=lambda tool: json.dumps(tool, sort_keys=True)
    )
    return {key: value for key, value in said.items() if value not in ({}, [])}


def calling(value: dict[str, Any]) -> dict[str, Any]:
    said = in_camel(value)
    return said | ({"mode": said["mode"].upper()} if "mode" in said else {})


def content(value: dict[str, Any]) -> dict[str, Any]:
    parts = [part(inner) for inner in many(value.get("parts"))]
    said = [inner for inner in parts if inner != {"text": ""}]
    return {"role": value.get("role", "user"), "parts": said}


def part(value: dict[str, Any]) -> dict[str, Any]:
    said = in_camel(value)
    if said.get("thought") is False:
        del said["thought"]
    if said.keys() == {"thought", "thoughtSignature"}:
        said["text"] = ""
    for key in ("functionCall", "functionResponse", "inlineData", "fileData"):
        if key in said:
            said[key] = in_camel(said[key])
    if (blob := said.get("inlineData")) and blob["mimeType"] == "audio/mpeg":
        blob["mimeType"] = "audio/mp3"
    return said


def config(value: dict[str, Any]) -> dict[str, Any]:
    said = spelled(value)
    for key, usual in (("responseModalities", ["TEXT"]), ("candidateCount", 1)):
        if said.get(key) == usual:
            del said[key]
    if "responseSchema" in said:
        said["responseJsonSchema"] = to_json_schema(said.pop("responseSchema"))
    if (thinking := said.get("thinkingConfig")) and "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    return said


def tools(values: Any) -> list[Any]:
    said: list[Any] = []
    for tool in many(values):
        for key, value in in_camel(tool).items():
            inner = many(value) if key == "functionDeclarations" else [value]
            said.extend((key, without_blank(in_camel(one))) for one in inner)
    return said


def without_blank(tool: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in tool.items() if (key, item) != ("description", "")}


def without_spelling(summary: dict[str, Any]) -> dict[str, Any]:
    thinking = in_camel(summary["reasoning"] or {})
    thinking.pop("thinkingLevel", None)
    turns = json.loads(json.dumps(summary["turns"]).replace("audio/mpeg", "audio/mp3"))
    others = sorted(in_camel(dict.fromkeys(summary["other_tools"], True)))
    return {**summary, "reasoning": thinking, "turns": turns, "other_tools": others}


def test_the_corpus_holds_what_these_tests_are_about() -> None:
    assert len(REQUESTS) == 70
    assert len(ANSWERED) > 150
