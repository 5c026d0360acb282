"""Requests to OpenAI Responses: read, written, and translated from other protocols."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.events import Finish, Reply
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import (
    CACHE,
    CITATIONS,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

RESPONSES = OpenAIResponses()
NAME = "openai_responses"


def asked(*input: dict[str, Any], **more: Any) -> ChatRequest:
    return RESPONSES.decode_request({"model": "m", "input": list(input), **more})


def written(*content: Part, role: Any = "assistant", protocol: str = "openai_chat") -> Any:
    request = ChatRequest(messages=(Message(role, content),), protocol=protocol)
    return RESPONSES.encode_request(request)["input"]


REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": t} for t in ("**A**\n\nb", "c")],
    "encrypted_content": "c2ln",
}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No."}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "f",
    "arguments": '{"a": 1}',
}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "2"}


def test_what_the_model_said_in_one_turn_is_one_message() -> None:
    user, assistant, tool, more = asked(
        {"role": "user", "content": "Hi"},
        REASONING,
        SAID,
        CALL,
        RESULT,
        {"role": "assistant", "content": "Two."},
    ).messages
    assert [user.role, assistant.role, tool.role] == ["user", "assistant", "tool"]
    thought, text, refusal, call = assistant.content
    assert isinstance(thought, ReasoningPart)
    assert (thought.text, thought.signature) == ("**A**\n\nb\n\nc", "c2ln")
    assert (type(text), type(refusal)) == (TextPart, RefusalPart)
    assert call == ToolCallPart("call_1", "f", '{"a": 1}', {NAME: {"raw": {"id": "fc_1"}}})
    assert tool.content == (ToolResultPart("call_1", (TextPart("2"),)),)
    assert more == Message("assistant", (TextPart("Two."),))


INPUTS: list[list[dict[str, Any]]] = [
    [REASONING, SAID, CALL, RESULT],
    [SAID, {**SAID, "id": "msg_2"}, {**SAID, "id": "msg_3", "phase": "final_answer"}],
    [{**SAID, "content": [{"type": "output_text", "text": "a"}]}] * 2,
    [{"type": "message", "role": "assistant", "content": text} for text in ("a", "b")],
    [{**REASONING, "content": [{"type": "reasoning_text", "text": "so"}]}, CALL],
    [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "so"}]}],
    [{"type": "reasoning", "id": "rs", "summary": []}, {"type": "item_reference", "id": "x"}],
    [{"type": "reasoning", "summary": [{"type": "new", "text": "a"}]}, CALL],
    [{**CALL, "namespace": "n", "status": "completed"}, {**RESULT, "id": "o"}],
    [
        {"type": "custom_tool_call", "call_id": "c", "name": "math", "input": "1+1"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "2"},
    ],
    [{"type": "computer_call_output", "call_id": "c", "output": {"type": "x"}}, RESULT],
    [{"type": "web_search_call", "id": "ws", "status": "completed", "action": {}}, SAID],
    [{"type": "message", "role": "assistant", "content": []}, SAID],
    [{"type": "message", "role": "developer", "content": "Be brief."}, SAID],
    [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {}},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
                {"type": "input_image", "image_url": "https://a.example/b.png"},
                {"type": "input_image", "file_id": "file_1", "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:a/b;base64,aGk="},
                {"type": "input_file", "file_url": "https://a.example/b.pdf"},
                {"type": "input_file", "file_id": "file_2"},
                {"type": "input_new", "x": 1},
                {"type": "text", "text": "b"},
            ],
        }
    ],
    [
        {
            **SAID,
            "content": [
                {"type": "new", "x": 1},
                {
                    "type": "output_text",
                    "text": "a",
                    "annotations": [
                        {"type": "url_citation", "url": "u", "title": "t"}
                        | {"start_index": 0, "end_index": 1},
                        {"type": "file_citation", "file_id": "f", "filename": "n", "index": 1},
                    ],
                    "logprobs": [{"token": "a"}],
                },
            ],
        }
    ],
    [{**RESULT, "output": [{"type": "input_image", "image_url": "https://a"}]}],
]


@pytest.mark.parametrize("input", INPUTS, ids=range(len(INPUTS)))
def test_items_come_back_as_they_were(input: list[dict[str, Any]]) -> None:
    request = asked(*input)
    assert RESPONSES.encode_request(request)["input"] == input
    assert RESPONSES.loss(request) == ()


BODY: dict[str, Any] = {
    "model": "m",
    "input": [{"type": "message", "role": "user", "content": "Hi"}],
    "instructions": "Be brief.",
    "stream": True,
    "temperature": 0.5,
    "top_p": 0.9,
    "max_output_tokens": 100,
    "parallel_tool_calls": False,
    "text": {
        "format": {
            "type": "json_schema",
            "name": "n",
            "schema": {"type": "object"},
            "strict": True,
        },
        "verbosity": "low",
    },
    "reasoning": {"effort": "low", "summary": "auto"},
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": {}, "strict": True},
        {"type": "function", "name": "g", "parameters": {"type": "object"}, "strict": False},
        {"type": "function", "name": "h", "parameters": {"type": "object"}},
        {"type": "web_search", "search_context_size": "low"},
        {"type": "custom", "name": "math", "format": {"type": "text"}},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "include": ["reasoning.encrypted_content"],
    "store": False,
    "previous_response_id": "resp_1",
    "metadata": {"a": "b"},
}


def test_every_field_has_its_place_and_comes_back() -> None:
    request = RESPONSES.decode_request(BODY)
    assert request.messages[0].text == "Be brief."
    assert (request.temperature, request.top_p, request.max_tokens) == (0.5, 0.9, 100)
    assert (request.reasoning_effort, request.tool_choice) == ("low", {"name": "f"})
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    assert request.response_format == {"type": "json_schema", "json_schema": schema}
    assert set(request.extra) == {
        *("include", "store", "previous_response_id", "metadata"),
        *("text", "reasoning"),
    }
    assert request.protocol == NAME
    assert RESPONSES.encode_request(request) == BODY
    assert RESPONSES.loss(request) == ()


@pytest.mark.parametrize(
    "more",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}},
        {"tool_choice": {"type": "web_search"}},
        {"text": {"format": {"type": "json_object"}}},
        {"text": {"format": {"type": "text"}, "verbosity": "high"}},
        {"text": {"format": {"type": "grammar", "x": 1}}},
        {"reasoning": {"effort": "none"}},
        {"reasoning": {"context": "all_turns"}},
    ],
    ids=str,
)
def test_a_choice_comes_back(more: dict[str, Any]) -> None:
    body = {"model": "m", "input": BODY["input"], **more}
    request = RESPONSES.decode_request(body)
    assert RESPONSES.encode_request(request) == body
    assert RESPONSES.loss(request) == ()


def test_a_prompt_of_the_services_own_needs_no_input() -> None:
    for body in ({"prompt": {"id": "p"}}, {"previous_response_id": "r", "model": "m"}):
        assert RESPONSES.encode_request(RESPONSES.decode_request(body)) == body


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": ""}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [5]}]}, "input[0].content[0]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "input[0].content[0].text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": 5}]}]},
            "input[0].content[0].file_id",
        ),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{**CALL, "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output"}]}, "input[0].call_id"),
        ({"input": [{**RESULT, "output": {}}]}, "input[0].output"),
        ({"input": "x", "temperature": "hot"}, "temperature"),
        ({"input": "x", "tools": [{"name": "f"}]}, "tools[0].type"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        (
            {"input": "x", "tools": [{"type": "function", "name": "f", "parameters": 5}]},
            "tools[0].parameters",
        ),
        ({"input": "x", "tool_choice": "any"}, "tool_choice"),
        ({"input": "x", "tool_choice": {}}, "tool_choice.type"),
        ({"input": "x", "text": {"format": 5}}, "text.format"),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"input": "x", "reasoning": {"effort": 5}}, "reasoning.effort"),
    ],
)
def test_a_wrong_request_names_its_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RESPONSES.decode_request(body)
    assert caught.value.param == param
    assert param in str(caught.value)


def test_a_chat_becomes_items() -> None:
    chat = OpenAIChat().decode_request(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {
                    "role": "assistant",
                    "content": "Let me see.",
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "2"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "response_format": {"type": "json_schema", "json_schema": {"schema": {}}},
            "store": True,
        }
    )
    body = RESPONSES.encode_request(chat)
    assert body == {
        "model": "m",
        "input": [
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "user", "content": "Hi"},
            {"type": "message", "role": "assistant", "content": "Let me see."},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
            {"type": "function_call_output", "call_id": "c", "output": "2"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            }
        ],
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {}}},
    }
    assert RESPONSES.loss(chat) == ("extra.store",)


def test_what_cannot_be_asked_is_left_out_and_declared() -> None:
    request = ChatRequest(
        messages=(
            Message("system", (TextPart("a", {CACHE: {"type": "ephemeral"}}),)),
            Message("user", (TextPart("b"), AudioPart("aGk=", "wav"), OpaquePart("other", {}))),
            Message("assistant", (ReasoningPart("unsigned"), ToolCallPart("c", "f", "{}"))),
            Message("tool", (ToolResultPart("c", (TextPart("no"),), is_error=True),)),
        ),
        top_k=5,
        stop=("x",),
        seed=0,
        presence_penalty=1,
        frequency_penalty=1,
        reasoning_budget=5000,
        tools=(Tool("search", metadata={"other": {"tool": {}}}),),
        protocol="openai_chat",
        extra={"n": 2},
    )
    body = RESPONSES.encode_request(request)
    assert body == {
        "input": [
            {"type": "message", "role": "system", "content": "a"},
            {"type": "message", "role": "user", "content": "b"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "no"},
        ],
        "reasoning": {"effort": "medium"},
        "stream": True,
    }
    assert set(RESPONSES.loss(request)) == {
        *RESPONSES.cannot_ask,
        *("extra.n", "other.part", "tools.search"),
    }


def test_signed_reasoning_of_another_protocol_goes_into_an_item() -> None:
    (item,) = written(ReasoningPart("Hm", "c2ln"))
    assert item == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "c2ln",
    }
    assert written(ReasoningPart("Hm")) == []


@pytest.mark.parametrize("protocol", ["", "openai_chat"])
def test_reasoning_that_openai_cannot_know_again_is_left_out_and_named(protocol: str) -> None:
    unknown = ReasoningPart("Hm")
    own = ReasoningPart("So", "", {NAME: {"raw": {"id": "rs_1"}}})
    messages = (Message("assistant", (own, unknown)),)
    request = ChatRequest(messages=messages, protocol=protocol)
    items = RESPONSES.encode_request(request)["input"]
    assert [item["id"] for item in items] == (["rs_1"] if protocol == "" else [])
    assert RESPONSES.loss(request) == ("reasoning.unsigned",)


def test_without_tools_nothing_is_chosen() -> None:
    foreign = (Tool("search", metadata={"other": {"tool": {"type": "search"}}}),)
    request = ChatRequest(
        messages=(Message("user", (TextPart("Hi"),)),),
        tools=foreign,
        tool_choice="required",
        parallel_tool_calls=False,
        protocol="other",
    )
    assert not {"tool_choice", "parallel_tool_calls"} & RESPONSES.encode_request(request).keys()
    lost = ("parallel_tool_calls", "tool_choice.required", "tools.search")
    assert RESPONSES.loss(request) == lost
    prompt = {"input": "Hi", "prompt": {"id": "p"}, "tool_choice": "required"}
    typed = RESPONSES.encode_request(RESPONSES.decode_request(prompt))
    assert typed["tool_choice"] == "required"


def test_a_long_id_is_short_for_call_and_result_alike() -> None:
    ids = ["c" * 65, "functions.t:0"]
    calls = Message("assistant", tuple(ToolCallPart(id, "f", "{}") for id in ids))
    results = Message("tool", tuple(ToolResultPart(id) for id in ids))
    request = ChatRequest(messages=(calls, results), protocol="other")
    told = [item["call_id"] for item in RESPONSES.encode_request(request)["input"]]
    assert told[:2] == told[2:]
    assert len(told[0]) <= 64
    assert told[1] == ids[1]


def test_what_a_tool_answered_that_has_no_place_is_named() -> None:
    media = (AudioPart("aGk=", "wav"), FilePart(id="files/1"), FilePart(url="https://a"))
    result = Message("tool", (ToolResultPart("c", media),))
    request = ChatRequest(messages=(result,), protocol="other")
    (item,) = RESPONSES.encode_request(request)["input"]
    assert item["output"] == [{"type": "input_file", "file_url": "https://a"}]
    assert RESPONSES.loss(request) == ("audio", "file.id")


def test_annotations_that_are_none_stay_as_they_are() -> None:
    part = {"type": "output_text", "text": "a", "annotations": "auto"}
    body = {"input": [{"type": "message", "role": "assistant", "content": [part]}]}
    assert RESPONSES.encode_request(RESPONSES.decode_request(body))["input"]


def test_an_item_takes_only_whole_links() -> None:
    link = {"url": "u", "title": "t", "start": 0, "end": 1}
    whole = TextPart("a", {CITATIONS: [link, {"title": "t", "text": "words"}]})
    (item,) = written(whole)
    (part,) = item["content"]
    assert [said["url"] for said in part["annotations"]] == ["u"]


def test_media_go_where_they_belong() -> None:
    (item,) = written(
        ImagePart(data="aGk=", media_type="image/png"),
        ImagePart("https://a"),
        FilePart("aGk=", "application/pdf"),
        FilePart(id="file_1"),
        FilePart(url="https://b"),
        role="user",
        protocol="",
    )
    assert item["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_image", "image_url": "https://a"},
        {
            "type": "input_file",
            "filename": "document.pdf",
            "file_data": "data:application/pdf;base64,aGk=",
        },
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_file", "file_url": "https://b"},
    ]


def test_ids_that_we_made_are_not_said_back() -> None:
    message = Message("assistant", (TextPart("a"), ToolCallPart("c", "f")))
    items = RESPONSES.encode_response(Reply("r", "m", message, Finish()))["output"]
    assert all("_ps_" in item["id"] for item in items)
    again = RESPONSES.encode_request(asked(*items))["input"]
    assert all("id" not in item for item in again)
