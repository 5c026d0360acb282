"""Anthropic's requests: what was read is written again; what is wrong is named; what comes from
another protocol is said in Anthropic's words."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.events import collect
from penstock.protocols import json
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.anthropic_messages.wishes import DEFAULT_MAX_TOKENS
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

MESSAGES = AnthropicMessages()
CHAT = OpenAIChat()
NAME = "anthropic_messages"
USER = {"role": "user", "content": "Hi"}
HELLO = Message("user", (TextPart("Hi"),))
CACHED = {"cache_control": {"type": "ephemeral"}}


def asks(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(messages or [USER]), **more}


def again(body: dict[str, Any]) -> Any:
    """The same request, read and written again, over the wire and back."""
    written = MESSAGES.encode_request(MESSAGES.decode_request(json.loads(json.encode(body))))
    return json.loads(json.encode(written))


def wire(*messages: Message, **more: Any) -> dict[str, Any]:
    return MESSAGES.encode_request(ChatRequest(model="m", messages=messages, **more))


def blocks(*messages: Message) -> Any:
    """The content of the only turn."""
    (turn,) = wire(*messages)["messages"]
    return turn["content"]


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


TEXT = {"type": "text", "text": "a"}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}
USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Москва", "n": [1.5]}}
IMAGE = {"type": "base64", "media_type": "image/png", "data": "AA=="}

BODIES = [
    asks(),
    asks(stream=True, temperature=0.5, top_p=0.9, top_k=5, stop_sequences=["a", "b"]),
    asks(system="Be brief."),
    asks(system=[{**TEXT, **CACHED}, TEXT]),
    asks(thinking={"type": "enabled", "budget_tokens": 1024, "display": "omitted"}),
    asks(thinking={"type": "disabled"}, output_config={"effort": "low", "x": 1}),
    asks(output_format={"type": "json_schema", "schema": {"type": "object"}}),
    asks(user({"type": "document", "source": {"type": "url", "url": "https://a.example"}})),
    asks(
        user(
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "я"},
            }
        )
    ),
    asks(user({**RESULT, "is_error": False})),
    asks(metadata={"user_id": "u"}, thinking={"type": "adaptive"}, service_tier="auto"),
    asks(user(TEXT, {**TEXT, **CACHED})),
    asks(user({"type": "image", "source": IMAGE, **CACHED}, TEXT)),
    asks(user({"type": "image", "source": {"type": "url", "url": "https://a.example/я"}}, TEXT)),
    asks(user({"type": "image", "source": {"type": "file", "file_id": "f"}}, TEXT)),
    asks(
        user({"type": "document", "source": IMAGE, "title": "t", "citations": {"enabled": True}}),
    ),
    asks(user({"type": "document", "source": {"type": "file", "file_id": "f"}, "title": ""})),
    asks(user({"type": "document", "source": {"type": "text", "data": "x"}, "context": "c"})),
    asks(user({"type": "invented", "x": 1})),
    asks(USER, assistant(TEXT, USE), user(RESULT)),
    asks(USER, assistant(USE, {**USE, "id": "t2", "caller": {"type": "direct"}})),
    asks(USER, assistant({**USE, "input": {}})),
    asks(user(RESULT, {**RESULT, "tool_use_id": "t2", "is_error": True, **CACHED}, TEXT)),
    asks(user(TEXT, RESULT, TEXT, RESULT)),
    asks(user({"type": "tool_result", "tool_use_id": "t1"})),
    asks(user({**RESULT, "content": [TEXT, {"type": "image", "source": IMAGE}]})),
    asks(USER, USER, user(RESULT), user(TEXT, TEXT)),
    asks(USER, assistant({"type": "thinking", "thinking": "", "signature": "s"}, TEXT)),
    asks(USER, assistant({"type": "redacted_thinking", "data": "d"}, TEXT)),
    asks(USER, {"role": "system", "content": "Now in French."}, USER),
    asks(USER, {"role": "assistant", "content": []}, {**USER, "x": 1}),
    asks(tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}, **CACHED}]),
    asks(tools=[{"type": "custom", "name": "f", "input_schema": {}, "description": ""}]),
    asks(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": None}]),
    asks(tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    asks(tool_choice={"type": "any", "disable_parallel_tool_use": False}),
    asks(tool_choice={"type": "tool", "name": "f"}),
    asks(tool_choice={"type": "none"}),
    asks(tool_choice={"type": "invented", "x": 1}),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_what_was_read_is_written_again(body: dict[str, Any]) -> None:
    assert again(body) == body


def test_a_question_is_read_into_our_own_words() -> None:
    request = MESSAGES.decode_request(
        asks(
            USER,
            assistant({"type": "thinking", "thinking": "Hm", "signature": "s"}, USE),
            user({**RESULT, "is_error": True}, TEXT, {"type": "image", "source": IMAGE}),
            system="Be brief.",
            tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            stop_sequences=["x"],
            top_k=5,
        )
    )
    arguments = '{"city":"Москва","n":[1.5]}'
    result = ToolResultPart("t1", (TextPart("sunny"),), is_error=True)
    assert request == ChatRequest(
        model="m",
        max_tokens=9,
        stream=False,
        messages=(
            Message("system", (TextPart("Be brief."),)),
            HELLO,
            Message(
                "assistant", (ReasoningPart("Hm", "s"), ToolCallPart("t1", "weather", arguments))
            ),
            Message("tool", (result,)),
            Message("user", (TextPart("a"), ImagePart("", "AA==", "image/png"))),
        ),
        tools=(Tool("f", "d", {"type": "object"}),),
        tool_choice="required",
        parallel_tool_calls=False,
        stop=("x",),
        top_k=5,
        protocol=NAME,
    )


WRONG = [
    ({}, "messages"),
    (asks() | {"messages": []}, "messages"),
    (asks() | {"messages": "Hi"}, "messages"),
    (asks(max_tokens="many"), "max_tokens"),
    (asks(temperature="hot"), "temperature"),
    (asks(system=5), "system"),
    (asks(system=[{"type": "text"}]), "system[0].text"),
    (asks({"role": "tool", "content": "x"}), "messages[0].role"),
    (asks({"role": "user"}), "messages[0].content"),
    (asks({"role": "user", "content": {}}), "messages[0].content"),
    (asks(user({"text": "a"})), "messages[0].content[0]"),
    (asks(USER, assistant({"type": "text", "text": 5})), "messages[1].content[0].text"),
    (asks(assistant({"type": "thinking"})), "messages[0].content[0].thinking"),
    (asks(assistant({"type": "redacted_thinking"})), "messages[0].content[0].data"),
    (asks(assistant({**USE, "input": "x"})), "messages[0].content[0].input"),
    (asks(assistant({**USE, "id": None})), "messages[0].content[0].id"),
    (asks(user({"type": "tool_result"})), "messages[0].content[0].tool_use_id"),
    (asks(user({**RESULT, "content": 5})), "messages[0].content[0].content"),
    (asks(user({**RESULT, "content": [5]})), "messages[0].content[0].content[0]"),
    (asks(user({"type": "image"})), "messages[0].content[0].source"),
    (asks(tools=[{}]), "tools[0].name"),
    (asks(tools=[{"name": "f"}]), "tools[0].input_schema"),
    (asks(tools=[{"type": 5}]), "tools[0].type"),
    (asks(tools=[{"name": "f", "description": 5}]), "tools[0].description"),
    (asks(tool_choice={}), "tool_choice.type"),
    (asks(tool_choice="auto"), "tool_choice"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[field for _, field in WRONG])
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        MESSAGES.decode_request(body)
    assert raised.value.param == field
    assert field in raised.value.message


def test_a_limit_that_nobody_said_is_ours_because_anthropic_wants_one() -> None:
    assert wire(HELLO)["max_tokens"] == DEFAULT_MAX_TOKENS
    assert wire(HELLO, max_tokens=5)["max_tokens"] == 5


def test_an_openai_chat_question_is_said_in_anthropics_words() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    request = CHAT.decode_request(
        {
            "model": "m",
            "stream": True,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": "Be kind."},
                USER,
                {"role": "assistant", "content": "", "tool_calls": [call, {**call, "id": "c2"}]},
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
                {"role": "tool", "tool_call_id": "c2", "content": "two"},
                {"role": "user", "content": "And?"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "parallel_tool_calls": False,
            "stop": "x",
            "n": 1,
            "stream_options": {"include_usage": True},
        }
    )
    use = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "one"}
    assert MESSAGES.encode_request(request) == {
        "model": "m",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        "messages": [
            USER,
            assistant(use, {**use, "id": "c2"}),
            user(
                result,
                {**result, "tool_use_id": "c2", "content": "two"},
                {"type": "text", "text": "And?"},
            ),
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "stop_sequences": ["x"],
    }


def test_adjacent_messages_of_one_role_become_one_turn() -> None:
    assert blocks(HELLO, Message("user", (TextPart("again"),))) == [
        {"type": "text", "text": "Hi"},
        {"type": "text", "text": "again"},
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ("null", {}),
        ('{"a": "я"}', {"a": "я"}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_become_an_object_whatever_the_model_wrote(arguments: str, said: Any) -> None:
    (block,) = blocks(Message("assistant", (ToolCallPart("t", "f", arguments),)))
    assert block["input"] == said


def test_what_anthropic_would_refuse_is_left_out() -> None:
    said = (ReasoningPart("unsigned"), TextPart(""), RefusalPart("No."), RefusalPart(""))
    assert blocks(Message("assistant", said)) == [{"type": "text", "text": "No."}]


def test_a_server_tool_of_another_protocol_is_left_out() -> None:
    foreign = Tool("web", metadata={"openai_chat": {"tool": {"type": "web"}}})
    assert "tools" not in wire(HELLO, tools=(foreign,))


def test_a_file_is_a_document() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "AA=="}
    said = blocks(Message("user", (FilePart("AA==", name="a.pdf"), FilePart(id="f1"))))
    assert said == [
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": {"type": "file", "file_id": "f1"}},
    ]


def test_what_has_no_place_at_anthropic_is_left_out_and_named() -> None:
    hologram = OpaquePart("openai_chat", {"type": "hologram"})
    parts = (TextPart("Hi"), AudioPart("AA==", "wav"), hologram)
    request = ChatRequest(messages=(Message("user", parts),), seed=0, protocol="openai_chat")
    (turn,) = MESSAGES.encode_request(request)["messages"]
    assert turn["content"] == [{"type": "text", "text": "Hi"}]
    assert MESSAGES.loss(request) == ("audio", "openai_chat.hologram", "seed")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({"reasoning_effort": "low"}, (5120, {"type": "enabled", "budget_tokens": 1024})),
        ({"reasoning_effort": "none"}, (4096, {"type": "disabled"})),
        ({"reasoning_effort": "odd"}, (4096, None)),
        ({"reasoning_budget": -1}, (4096, {"type": "adaptive"})),
        ({"reasoning_budget": 9}, (5120, {"type": "enabled", "budget_tokens": 1024})),
        (
            {"reasoning_budget": 9000, "max_tokens": 5000},
            (5000, {"type": "enabled", "budget_tokens": 3976}),
        ),
        (
            {"reasoning_budget": 9000, "max_tokens": 2000},
            (2000, {"type": "enabled", "budget_tokens": 1024}),
        ),
        ({"reasoning_budget": 9000, "max_tokens": 1024}, (1024, None)),
        (
            {"reasoning_effort": "high", "max_tokens": 5000},
            (5000, {"type": "enabled", "budget_tokens": 2500}),
        ),
        ({"reasoning_effort": "high", "max_tokens": 2000}, (2000, None)),
    ],
)
def test_thinking_fits_below_the_limit(said: dict[str, Any], written: Any) -> None:
    body = wire(HELLO, **said)
    assert (body["max_tokens"], body.get("thinking")) == written


def test_a_schema_is_a_form_of_the_output() -> None:
    schema = {"type": "object"}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    body = wire(HELLO, response_format=form)
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    again = MESSAGES.decode_request(body)
    assert again.response_format == {"type": "json_schema", "json_schema": {"schema": schema}}


def test_a_tool_choice_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="tool_choice is 'maybe'"):
        wire(HELLO, tool_choice="maybe")


def test_parallel_calls_are_only_spoken_of_where_there_are_tools() -> None:
    tool = Tool("f", "", {})
    assert "tool_choice" not in wire(HELLO, parallel_tool_calls=False)
    assert "tool_choice" not in wire(HELLO, parallel_tool_calls=True, tools=(tool,))
    alone = {"type": "auto", "disable_parallel_tool_use": True}
    assert wire(HELLO, parallel_tool_calls=False, tools=(tool,))["tool_choice"] == alone
    none = wire(HELLO, parallel_tool_calls=False, tools=(tool,), tool_choice="none")
    assert none["tool_choice"] == {"type": "none"}


def test_a_reply_can_be_sent_back_as_it_came() -> None:
    content = [
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "server_tool_use", "id": "x", "name": "web_search", "input": {"q": 1}},
        {"type": "text", "text": "a", "citations": [{"type": "page_location"}]},
        {**USE, "caller": {"type": "direct"}},
    ]
    body = {"type": "message", "content": content, "stop_reason": "tool_use"}
    reply = collect(MESSAGES.decode_response(json.encode(body)))
    assert blocks(reply.message) == content
