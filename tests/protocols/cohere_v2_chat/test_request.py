"""Cohere's requests: what was read is written again; what is wrong is named; what comes from
another protocol is said in Cohere's words."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.events import collect
from penstock.protocols import json
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

CHAT = CohereChat()
NAME = "cohere_v2_chat"
USER = {"role": "user", "content": "Hi"}
TEXT = {"type": "text", "text": "a"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/я"}}
INLINE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
DOCUMENT = {"type": "document", "document": {"data": {"город": "Москва"}, "id": "1"}}
CITATION = {"start": 0, "end": 1, "text": "a", "sources": [{"type": "tool", "id": "c:0"}]}


def asks(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages or [USER]), "stream": False, **more}


def assistant(**said: Any) -> dict[str, Any]:
    return {"role": "assistant", **said}


def answered(content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c", "content": content}


BODIES = [
    asks(),
    asks(stream=True, temperature=0.5, p=0.9, k=5, seed=0, max_tokens=9, stop_sequences=["a"]),
    asks(presence_penalty=0.1, frequency_penalty=0.2, logprobs=True, priority=1),
    asks(safety_mode="STRICT", strict_tools=True, citation_options={"mode": "FAST"}),
    asks(documents=["x", {"data": {"text": "y"}, "id": "1"}]),
    asks({"role": "system", "content": "Be brief."}, USER, {"role": "system", "content": "Now!"}),
    asks({"role": "user", "content": [TEXT, IMAGE, INLINE]}),
    asks({"role": "user", "content": [{"type": "invented", "x": 1}, {**TEXT, "x": 1}]}),
    asks({**USER, "name": "Ann"}),
    asks(USER, assistant(content="Hi", x=1), USER),
    asks(USER, assistant(content=[{"type": "thinking", "thinking": "Hm"}, TEXT]), USER),
    asks(USER, assistant(content="a", citations=[CITATION])),
    asks(USER, assistant(tool_calls=[CALL], citations=[CITATION])),
    asks(USER, assistant(tool_plan="I will.", tool_calls=[CALL]), answered("1")),
    asks(USER, assistant(tool_calls=[CALL, {**CALL, "id": "d", "x": 1}]), answered([DOCUMENT])),
    asks(USER, assistant(tool_calls=[CALL]), answered([TEXT, DOCUMENT, TEXT])),
    asks(tools=[{"type": "function", "function": FUNCTION}]),
    asks(tools=[{"type": "function", "function": {**FUNCTION, "strict": True}, "x": 1}]),
    asks(tools=[{"type": "function", "function": {**FUNCTION, "description": ""}}]),
    asks(tools=[{"type": "web_search", "name": "w"}]),
    asks(tool_choice="REQUIRED"),
    asks(tool_choice="NONE"),
    asks(response_format={"type": "text"}),
    asks(response_format={"type": "json_object"}),
    asks(response_format={"type": "json_object", "json_schema": {"type": "object"}}),
    asks(thinking={"type": "enabled"}),
    asks(thinking={"type": "enabled", "token_budget": 500}),
    asks(thinking={"type": "disabled"}),
    asks(thinking={"type": "disabled", "token_budget": 500}),
    asks(thinking={"type": "invented"}),
]


def again(body: dict[str, Any]) -> Any:
    """The same request, read and written again, over the wire and back."""
    written = CHAT.encode_request(CHAT.decode_request(json.loads(json.encode(body))))
    return json.loads(json.encode(written))


def wire(*messages: Message, **more: Any) -> dict[str, Any]:
    return CHAT.encode_request(ChatRequest(model="m", messages=messages, **more))


HELLO = Message("user", (TextPart("Hi"),))


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_what_was_read_is_written_again(body: dict[str, Any]) -> None:
    assert again(body) == body
    assert CHAT.loss(CHAT.decode_request(body)) == ()


def test_a_question_is_read_into_our_own_words() -> None:
    request = CHAT.decode_request(
        asks(
            {"role": "user", "content": [TEXT, INLINE]},
            assistant(
                content=[{"type": "thinking", "thinking": "Hm"}, TEXT],
                tool_plan="I will.",
                tool_calls=[CALL],
            ),
            answered([DOCUMENT]),
            p=0.5,
            k=5,
            thinking={"type": "enabled", "token_budget": 9},
            response_format={"type": "json_object", "json_schema": {"type": "object"}},
            tool_choice="REQUIRED",
            documents=["x"],
        )
    )
    image = ImagePart("", "AA==", "image/png", {NAME: {"image_url": {"detail": "low"}}})
    plan = ReasoningPart("I will.", metadata={NAME: {"raw": {"tool_plan": True}}})
    about = {"raw": {"document": DOCUMENT}, "document": {"id": "1"}}
    document = TextPart('{"город":"Москва"}', {NAME: about})
    call = ToolCallPart("c", "f", '{"a": 1}')
    assert request.messages == (
        Message("user", (TextPart("a"), image)),
        Message("assistant", (ReasoningPart("Hm"), TextPart("a"), plan, call)),
        Message("tool", (ToolResultPart("c", (document,)),)),
    )
    assert (request.top_p, request.top_k, request.reasoning_budget) == (0.5, 5, 9)
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    assert request.response_format == schema
    assert request.tool_choice == "required"
    assert (request.protocol, request.extra) == (NAME, {"documents": ["x"]})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": "m"}, "messages"),
    (asks(model=5), "model"),
    (asks(stream="yes"), "stream"),
    (asks(messages="Hi"), "messages"),
    (asks(messages=[]), "messages"),
    (asks(messages=["Hi"]), "messages[0]"),
    (asks({"content": "Hi"}), "messages[0].role"),
    (asks({"role": ["user"], "content": "Hi"}), "messages[0].role"),
    (asks({"role": "user", "content": 5}), "messages[0].content"),
    (asks({"role": "user", "content": ["Hi"]}), "messages[0].content[0]"),
    (asks({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
    (
        asks({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}),
        "messages[0].content[0].image_url",
    ),
    (asks(answered([{"type": "document"}])), "messages[0].content[0].document"),
    (asks({"role": "tool", "tool_call_id": 5}), "messages[0].tool_call_id"),
    (asks(assistant(tool_plan=5)), "messages[0].tool_plan"),
    (asks(assistant(citations=5)), "messages[0].citations"),
    (asks(assistant(tool_calls=5)), "messages[0].tool_calls"),
    (asks(assistant(tool_calls=[5])), "messages[0].tool_calls[0].function.name"),
    (
        asks(assistant(tool_calls=[{"function": {"name": "f", "arguments": {}}}])),
        "messages[0].tool_calls[0].function.arguments",
    ),
    (asks(temperature="hot"), "temperature"),
    (asks(stop_sequences="x"), "stop_sequences"),
    (asks(tool_choice="AUTO"), "tool_choice"),
    (asks(tool_choice={}), "tool_choice"),
    (asks(thinking=True), "thinking"),
    (asks(thinking={}), "thinking.type"),
    (asks(response_format="json"), "response_format"),
    (asks(tools={}), "tools"),
    (asks(tools=[{"type": 5}]), "tools[0].type"),
    (asks(tools=[{"function": {}}]), "tools[0].function.name"),
    (asks(tools=[{"function": {"name": "f", "description": 5}}]), "tools[0].function.description"),
    (asks(tools=[{"function": {"name": "f", "parameters": 5}}]), "tools[0].function.parameters"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        CHAT.decode_request(body)
    assert raised.value.param == field
    assert field in raised.value.message


def test_an_openai_chat_question_is_said_in_coheres_words() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    request = OpenAIChat().decode_request(
        {
            "model": "m",
            "stream": True,
            "messages": [
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": [TEXT, IMAGE]},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": "auto",
            "max_tokens": 5,
            "stop": "x",
            "top_p": 0.5,
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        }
    )
    parameters = {"type": "object", "properties": {}}
    assert CHAT.encode_request(request) == {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [TEXT, IMAGE]},
            assistant(tool_calls=[{**call, "function": {"name": "f", "arguments": "{}"}}]),
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}],
        "max_tokens": 5,
        "stop_sequences": ["x"],
        "p": 0.5,
        "response_format": {"type": "json_object", "json_schema": {}},
    }


@pytest.mark.parametrize(
    ("said", "thinking", "lost"),
    [
        ({}, None, False),
        ({"reasoning_effort": "none"}, {"type": "disabled"}, False),
        ({"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}, True),
        ({"reasoning_effort": "odd"}, {"type": "enabled"}, True),
        ({"reasoning_budget": 5}, {"type": "enabled", "token_budget": 5}, False),
        ({"reasoning_budget": 0}, {"type": "disabled"}, False),
        ({"reasoning_budget": -1}, {"type": "enabled"}, False),
        (
            {"reasoning_effort": "high", "reasoning_budget": 5},
            {"type": "enabled", "token_budget": 5},
            True,
        ),
    ],
)
def test_how_hard_to_think_is_said_as_well_as_it_can_be(
    said: dict[str, Any], thinking: Any, lost: bool
) -> None:
    assert wire(HELLO, **said).get("thinking") == thinking
    assert CHAT.loss(ChatRequest(**said)) == (("reasoning_effort",) if lost else ())


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, None),
        ("auto", None),
        ("none", "NONE"),
        ("required", "REQUIRED"),
        ({"name": "f"}, "REQUIRED"),
        ({"type": "odd"}, None),
    ],
)
def test_a_choice_of_tools_is_said_as_well_as_it_can_be(choice: Any, said: str | None) -> None:
    assert wire(HELLO, tool_choice=choice, tools=(Tool("f"),)).get("tool_choice") == said


@pytest.mark.parametrize("choice", ["none", "required", {"name": "f"}])
def test_a_choice_of_tools_that_are_not_there_is_not_said(choice: Any) -> None:
    web = Tool("web", metadata={"openai_responses": {"tool": {"type": "web"}}})
    for tools in ((), (web,)):
        assert "tool_choice" not in wire(HELLO, tool_choice=choice, tools=tools)
        request = ChatRequest(tools=tools, tool_choice=choice, protocol="openai_responses")
        lost = [name for name in CHAT.loss(request) if name.startswith("tool_choice")]
        assert lost == [f"tool_choice.{choice if isinstance(choice, str) else 'name'}"]
    there = ChatRequest(tools=(Tool("f"),), tool_choice="required")
    assert CHAT.loss(there) == ()


def test_what_a_documents_name_and_title_say_is_lost_elsewhere() -> None:
    titled = {"type": "document", "document": {"data": "a", "id": "1", "title": "T"}}
    request = CHAT.decode_request(asks(USER, assistant(tool_calls=[CALL]), answered([titled])))
    assert OpenAIChat().loss(request) == ("text.document",)
    bare = {"type": "document", "document": {"data": "a"}}
    request = CHAT.decode_request(asks(USER, assistant(tool_calls=[CALL]), answered([bare])))
    assert OpenAIChat().loss(request) == ()


def test_an_image_that_is_nowhere_is_not_said() -> None:
    for url in ("data:image/svg+xml,<svg/>", "DATA:image/png;base64,AA==", ""):
        asked = Message("user", (TextPart("Hi"), ImagePart(url)))
        assert wire(asked)["messages"] == [USER]
        assert CHAT.loss(ChatRequest(messages=(asked,))) == ("image.url",)
    own = {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}}
    body = asks({"role": "user", "content": [own]})
    assert again(body) == body
    assert CHAT.loss(CHAT.decode_request(body)) == ()


def test_types_of_images_are_called_by_their_names() -> None:
    for said, meant in (
        ("image/jpg", "image/jpeg"),
        ("image/webp;charset=x", "image/webp"),
        ("", "image/png"),
    ):
        (message,) = wire(Message("user", (ImagePart("", "AA==", said),)))["messages"]
        assert message["content"][0]["image_url"]["url"] == f"data:{meant};base64,AA=="


EVERY_WISH = ChatRequest(
    model="m",
    messages=(
        Message("system", (TextPart("Be brief.", {"cache": {"type": "ephemeral"}}),)),
        Message("user", (AudioPart("AA==", "wav"), FilePart("AA=="), FilePart(id="f"))),
        Message("user", (FilePart(url="https://a.example"), TextPart("Hi"))),
        Message("user", (OpaquePart("openai_chat", {"type": "video"}), TextPart("Hi"))),
        Message("assistant", (ReasoningPart("Hm", "signed"), RefusalPart("No."))),
        Message("assistant", (ReasoningPart("", "signed"), ToolCallPart("c", "f", "{}"))),
        Message(
            "tool",
            (
                ToolResultPart("c", (TextPart("1"), ImagePart("", "AA=="), FilePart("A"))),
                ToolResultPart("d", (TextPart("2"),), is_error=True),
            ),
        ),
        Message("assistant", ()),
    ),
    tools=(Tool("f"), Tool("w", metadata={"openai_chat": {"tool": {"type": "w"}}})),
    tool_choice={"name": "f"},
    parallel_tool_calls=False,
    reasoning_effort="low",
    protocol="openai_chat",
    extra={"user": "me"},
)


def test_what_is_left_out_is_declared() -> None:
    assert set(CHAT.loss(EVERY_WISH)) == {
        "audio",
        "cache",
        "extra.user",
        "file.data",
        "file.id",
        "file.url",
        "openai_chat.video",
        "parallel_tool_calls",
        "reasoning.signature",
        "reasoning_effort",
        "refusal",
        "tool_choice.name",
        "tool_result.error",
        "tool_result.file",
        "tool_result.image",
        "tools.w",
    }
    parameters = {"type": "object", "properties": {}}
    thinking = {"type": "thinking", "thinking": "Hm"}
    assert CHAT.encode_request(EVERY_WISH) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": ""},
            USER,
            USER,
            assistant(content=[thinking, {"type": "text", "text": "No."}]),
            assistant(tool_calls=[{**CALL, "function": {"name": "f", "arguments": "{}"}}]),
            answered("1"),
            {**answered("2"), "tool_call_id": "d"},
            assistant(content=""),
        ],
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}],
        "tool_choice": "REQUIRED",
        "thinking": {"type": "enabled", "token_budget": 1024},
    }


def test_a_reply_can_be_sent_back_as_it_came() -> None:
    message = assistant(
        content=[{"type": "thinking", "thinking": "Hm"}, TEXT, {"type": "new", "x": 1}],
        tool_plan="I will.",
        tool_calls=[CALL],
        citations=[CITATION],
    )
    body = json.encode({"id": "i", "message": message, "finish_reason": "TOOL_CALL"})
    reply = collect(CHAT.decode_response(body))
    assert wire(reply.message)["messages"] == [message]
