"""Ollama's requests: what was read is written again; what is wrong is named; what comes from
another protocol is said in Ollama's words."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.events import collect
from penstock.protocols import call_ids, json
from penstock.protocols.ollama_chat import OllamaChat, OllamaGenerate
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

CHAT = OllamaChat()
GENERATE = OllamaGenerate()
NAME = "ollama_chat"
USER = {"role": "user", "content": "Hi"}
PNG = "iVBORw0KGgoAAA=="
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}}
CALL = {"function": {"name": "f", "arguments": {"город": "Москва", "n": [1.5, None]}}}


def asks(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages or [USER]), "stream": True, **more}


def prompts(**more: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": "Hi", "stream": True, **more}


def called(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls), **more}


BODIES = [
    asks(),
    asks(stream=False, keep_alive="5m", logprobs=True),
    asks(keep_alive=0, truncate=False),
    asks({"role": "system", "content": "Be brief."}, USER, {"role": "system", "content": "Now!"}),
    asks(options={"temperature": 0, "top_p": 0.5, "top_k": 20, "seed": 0, "stop": ["a", "b"]}),
    asks(options={"presence_penalty": 1.5, "frequency_penalty": 1.0, "num_predict": 9}),
    asks(options={"num_ctx": 1024, "min_p": 0.1, "num_predict": -1, "max_tokens": 5}),
    asks(format="json"),
    asks(format={"type": "object", "properties": {}}),
    asks(think=True),
    asks(think=False),
    asks(think="high"),
    asks({**USER, "images": [PNG, "AAAA"]}),
    asks(USER, {"role": "assistant", "content": "Hi", "thinking": "Hm"}, USER),
    asks(USER, called(CALL), {"role": "tool", "content": "1", "tool_name": "f"}),
    asks(USER, called(CALL), {"role": "tool", "content": "1"}),
    asks(USER, called({"id": "c", **CALL}), {"role": "tool", "content": "", "tool_call_id": "c"}),
    asks(USER, called({"type": "function", "function": {**CALL["function"], "index": 0}})),
    asks(USER, called({**CALL, "new": 1}, {"function": {**CALL["function"], "new": 2}})),
    asks({**USER, "name": "Ann"}, {"role": "tool", "content": "1", "images": [PNG]}),
    asks(tools=[{"type": "function", "function": FUNCTION}]),
    asks(tools=[{"type": "function", "function": {**FUNCTION, "strict": True}, "new": 1}]),
    asks(tools=[{"type": "web_search", "name": "w"}]),
]
PROMPTS = [
    prompts(),
    prompts(stream=False, system="Be brief.", images=[PNG], keep_alive="5m"),
    prompts(suffix="return x", template="{{ .Prompt }}", raw=True, context=[1, 2, 3]),
    prompts(format="json", options={"num_predict": 9, "num_ctx": 5}, think="low"),
]


def again(protocol: OllamaChat, body: dict[str, Any]) -> Any:
    """The same request, read and written again, over the wire and back."""
    written = protocol.encode_request(protocol.decode_request(json.loads(json.encode(body))))
    return json.loads(json.encode(written))


def wire(*messages: Message, **more: Any) -> dict[str, Any]:
    return CHAT.encode_request(ChatRequest(model="m", messages=messages, **more))


HELLO = Message("user", (TextPart("Hi"),))


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_what_was_read_is_written_again(body: dict[str, Any]) -> None:
    assert again(CHAT, body) == body
    assert CHAT.loss(CHAT.decode_request(body)) == ()


@pytest.mark.parametrize("body", PROMPTS, ids=range(len(PROMPTS)))
def test_a_prompt_that_was_read_is_written_again(body: dict[str, Any]) -> None:
    assert again(GENERATE, body) == body
    assert GENERATE.loss(GENERATE.decode_request(body)) == ()


def test_a_stream_is_asked_where_nothing_is_said() -> None:
    for chat, body in ((CHAT, asks()), (GENERATE, prompts())):
        del body["stream"]
        for silent in (body, {**body, "stream": None}):
            assert chat.peek(silent) == ("m", True)
            assert chat.decode_request(silent).stream
            assert chat.with_path(silent, chat.path)["stream"] is True
        assert chat.peek({**body, "stream": False}) == ("m", False)
        assert not chat.decode_request({**body, "stream": False}).stream
        assert chat.with_path({**body, "stream": False}, chat.path)["stream"] is False


def test_a_question_is_read_into_our_own_words() -> None:
    request = CHAT.decode_request(
        asks(
            {**USER, "images": [PNG]},
            {"role": "assistant", "content": "Hi", "thinking": "Hm", "tool_calls": [CALL]},
            tools=[{"type": "function", "function": FUNCTION}],
            options={"num_predict": 9.0, "stop": "x", "num_ctx": 5},
            format={"type": "object"},
            think=False,
            keep_alive=1,
        )
    )
    made = call_ids.make("request", 1000)
    arguments = '{"город":"Москва","n":[1.5,null]}'
    said = (ReasoningPart("Hm"), TextPart("Hi"), ToolCallPart(made, "f", arguments))
    assert request.messages == (
        Message("user", (TextPart("Hi"), ImagePart("", PNG, "image/png"))),
        Message("assistant", said),
    )
    assert request.tools == (Tool("f", "d", {"type": "object"}),)
    assert (request.max_tokens, request.stop) == (9, ("x",))
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    assert request.response_format == schema
    assert request.reasoning_effort == "none"
    assert (request.protocol, request.extra) == (
        NAME,
        {"keep_alive": 1, "options": {"num_ctx": 5}},
    )


def test_calls_without_ids_are_matched_with_their_answers() -> None:
    other = {"function": {"name": "g", "arguments": {}}}
    body = asks(
        USER,
        called(CALL, other, CALL),
        {"role": "tool", "content": "2", "tool_name": "g"},
        {"role": "tool", "content": "1", "tool_name": "f"},
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "?"},
    )
    request = CHAT.decode_request(body)
    first, second, third = (p.id for p in request.messages[1].content if hasattr(p, "id"))
    assert len({first, second, third}) == 3
    results = [part for message in request.messages[2:] for part in message.content]
    ids = [part.id for part in results if isinstance(part, ToolResultPart)]
    assert ids == [second, first, third, ""]
    assert again(CHAT, body) == body


BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": "m"}, "messages"),
    (asks(model=5), "model"),
    (asks(stream="yes"), "stream"),
    (asks(messages="Hi"), "messages"),
    (asks(messages=[]), "messages"),
    (asks(messages=["Hi"]), "messages[0]"),
    (asks({"content": "Hi"}), "messages[0].role"),
    (asks({"role": "robot", "content": "Hi"}), "messages[0].role"),
    (asks({"role": "user", "content": ["Hi"]}), "messages[0].content"),
    (asks({"role": "user", "content": "", "images": "x"}), "messages[0].images"),
    (asks({"role": "user", "content": "", "images": [5]}), "messages[0].images[0]"),
    (asks({"role": "assistant", "thinking": 5}), "messages[0].thinking"),
    (asks({"role": "assistant", "tool_calls": {}}), "messages[0].tool_calls"),
    (asks(called({"function": {}})), "messages[0].tool_calls[0].function.name"),
    (
        asks(called({"function": {"name": "f", "arguments": 5}})),
        "messages[0].tool_calls[0].function.arguments",
    ),
    (asks(called({"id": 5, **CALL})), "messages[0].tool_calls[0].id"),
    (asks({"role": "tool", "content": "", "tool_name": 5}), "messages[0].tool_name"),
    (asks(options=5), "options"),
    (asks(options={"temperature": "hot"}), "options.temperature"),
    (asks(options={"seed": 1.5}), "options.seed"),
    (asks(options={"stop": 5}), "options.stop"),
    (asks(format="xml"), "format"),
    (asks(format=5), "format"),
    (asks(think=5), "think"),
    (asks(tools={}), "tools"),
    (asks(tools=[{"type": 5}]), "tools[0].type"),
    (asks(tools=[{"function": {}}]), "tools[0].function.name"),
    (asks(tools=[{"function": {"name": "f", "description": 5}}]), "tools[0].function.description"),
    (asks(tools=[{"function": {"name": "f", "parameters": 5}}]), "tools[0].function.parameters"),
]
BAD_PROMPTS: list[tuple[dict[str, Any], str]] = [
    ({"model": "m"}, "prompt"),
    (prompts(prompt=5), "prompt"),
    (prompts(system=5), "system"),
    (prompts(images=[5]), "images[0]"),
    (prompts(options={"top_k": "x"}), "options.top_k"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        CHAT.decode_request(body)
    assert raised.value.param == field
    assert field in raised.value.message


@pytest.mark.parametrize(("body", "field"), BAD_PROMPTS, ids=range(len(BAD_PROMPTS)))
def test_what_is_wrong_with_a_prompt_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        GENERATE.decode_request(body)
    assert raised.value.param == field


def test_an_openai_chat_question_is_said_in_ollamas_words() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    request = OpenAIChat().decode_request(
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": [{"type": "text", "text": "See"}, image]},
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "max_tokens": 5,
            "stop": "x",
            "seed": 1,
            "reasoning_effort": "low",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        }
    )
    assert CHAT.encode_request(request) == {
        "model": "m",
        "stream": False,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "See", "images": [PNG]},
            called({"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}),
            {"role": "tool", "content": "one", "tool_name": "f", "tool_call_id": "c1"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
            }
        ],
        "options": {"num_predict": 5, "stop": ["x"], "seed": 1},
        "think": "low",
        "format": {},
    }


@pytest.mark.parametrize(
    ("said", "think"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "medium"}, "medium"),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "xhigh"}, "high"),
        ({"reasoning_effort": "max"}, "high"),
        ({"reasoning_effort": "odd"}, None),
        ({"reasoning_effort": "odd", "reasoning_budget": 9}, True),
        ({"reasoning_effort": "high", "reasoning_budget": -1}, "high"),
        ({"reasoning_budget": 1024}, True),
        ({"reasoning_budget": 0}, False),
        ({"reasoning_effort": "low", "reasoning_budget": 9}, "low"),
    ],
)
def test_how_hard_to_think_is_said_as_well_as_it_can_be(said: dict[str, Any], think: Any) -> None:
    assert wire(HELLO, **said).get("think") == think
    effort = said.get("reasoning_effort")
    exact = effort in (None, "none", think)
    for chat in (CHAT, GENERATE):
        lost = chat.loss(ChatRequest(messages=(HELLO,), protocol="openai_chat", **said))
        assert ("reasoning_effort" not in lost) is exact


def test_ollamas_own_word_for_how_hard_to_think_goes_out_as_it_came() -> None:
    request = CHAT.decode_request(asks(think="max"))
    assert CHAT.encode_request(request)["think"] == "max"
    assert CHAT.loss(request) == ()


EVERY_WISH = ChatRequest(
    model="m",
    messages=(
        Message("system", (TextPart("Be brief.", {"cache": {"type": "ephemeral"}}),)),
        Message("user", (ImagePart("https://a.example"), ImagePart("", PNG), TextPart("Hi"))),
        Message("user", (AudioPart("AA==", "wav"), FilePart("AA=="), FilePart(id="f"))),
        Message("user", (FilePart(url="https://a.example"),)),
        Message("user", (OpaquePart("openai_chat", {"type": "video"}),)),
        Message("assistant", (ReasoningPart("Hm", "signed"), RefusalPart("No."))),
        Message("assistant", (ToolCallPart("c", "f", "{}"),)),
        Message(
            "tool",
            (
                ToolResultPart(
                    "c", (TextPart("1"), ImagePart("", PNG), FilePart("A")), is_error=True
                ),
            ),
        ),
        Message("system", (TextPart("Now!"),)),
    ),
    tools=(Tool("f"), Tool("w", metadata={"openai_chat": {"tool": {"type": "w"}}})),
    tool_choice={"name": "f"},
    parallel_tool_calls=False,
    reasoning_budget=5,
    temperature=0.5,
    protocol="openai_chat",
    extra={"user": "me"},
)


def test_what_is_left_out_is_declared() -> None:
    lost = set(CHAT.loss(EVERY_WISH))
    assert lost == {
        "audio",
        "cache",
        "extra.user",
        "file.data",
        "file.id",
        "file.url",
        "image.url",
        "openai_chat.video",
        "parallel_tool_calls",
        "reasoning.signature",
        "reasoning_budget",
        "refusal",
        "tool_choice.name",
        "tool_result.error",
        "tool_result.file",
        "tool_result.image",
        "tools.w",
    }
    assert set(GENERATE.loss(EVERY_WISH)) == lost | {"reasoning", "system.amid", "tools"}
    assert CHAT.encode_request(EVERY_WISH) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi", "images": [PNG]},
            {"role": "user", "content": ""},
            {"role": "user", "content": ""},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "No.", "thinking": "Hm"},
            called({"id": "c", "function": {"name": "f", "arguments": {}}}),
            {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c"},
            {"role": "system", "content": "Now!"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
            }
        ],
        "stream": True,
        "options": {"temperature": 0.5},
        "think": True,
    }


def test_a_conversation_becomes_one_prompt() -> None:
    body = GENERATE.encode_request(EVERY_WISH)
    assert body == {
        "model": "m",
        "prompt": "User: Hi\n\nAssistant: No.\n\nAssistant calls f: {}\n\nTool: 1\n\nAssistant:",
        "system": "Be brief.\n\nNow!",
        "images": [PNG],
        "stream": True,
        "options": {"temperature": 0.5},
        "think": True,
    }


def test_a_reply_can_be_sent_back_as_it_came() -> None:
    message = {"role": "assistant", "content": "Hi", "thinking": "Hm", "images": [PNG]}
    body = json.encode({"message": message, "done": True})
    reply = collect(CHAT.decode_response(body))
    assert wire(reply.message)["messages"] == [message]


def test_an_id_that_we_made_is_never_sent() -> None:
    made = call_ids.make("answer", 0)
    call = Message("assistant", (ToolCallPart(made, "f", "{}"),))
    result = Message("tool", (ToolResultPart(made, (TextPart("1"),)),))
    assert wire(call, result)["messages"] == [
        called({"function": {"name": "f", "arguments": {}}}),
        {"role": "tool", "content": "1", "tool_name": "f"},
    ]
