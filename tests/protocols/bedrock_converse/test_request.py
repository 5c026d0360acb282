"""Converse's requests: what they mean to us, what we say to Bedrock, and what we cannot."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.events import collect
from penstock.protocols import loss
from penstock.protocols.bedrock_converse import BedrockConverse
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

CONVERSE = BedrockConverse()
NAME = "bedrock_converse"
HELLO = Message("user", (TextPart("Hi"),))
USER = {"role": "user", "content": [{"text": "Hi"}]}
POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
SPEC = {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}}
MARK = {CACHE: {"type": "ephemeral"}}
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x-v1:0"


def wire(*messages: Message, **said: Any) -> dict[str, Any]:
    written = CONVERSE.encode_request(ChatRequest(messages=messages, **said))
    value: dict[str, Any] = json.loads(json.dumps(written))
    return value


def content(*parts: Part, role: Any = "user") -> Any:
    (turn,) = wire(Message(role, parts))["messages"]
    return turn["content"]


def read(*blocks: Any, role: str = "user") -> tuple[Message, ...]:
    body = {"messages": [{"role": role, "content": list(blocks)}]}
    return CONVERSE.decode_request(body).messages


RICH: dict[str, Any] = {
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "Look"},
                {"image": {"format": "png", "source": {"bytes": "AA=="}}},
                HOUR,
                {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}},
                POINT,
                {"audio": {"format": "mp3", "source": {"bytes": "AA=="}}},
                {"video": {"format": "mp4", "source": {"bytes": "AA=="}}},
                {
                    "document": {
                        "format": "docx",
                        "name": "a_b",
                        "source": {"bytes": "AA=="},
                        "context": "c",
                        "citations": {"enabled": True},
                    }
                },
                {"document": {"format": "md", "name": "t", "source": {"text": "# я"}}},
                {"document": {"name": "u", "source": {"text": "no format"}}},
                {
                    "document": {
                        "format": "txt",
                        "name": "c",
                        "source": {"content": [{"text": "x"}]},
                    }
                },
                {"guardContent": {"text": {"text": "q", "qualifiers": ["query"]}}},
                {"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}},
                POINT,
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "r", "signature": "s"}}},
                {"reasoningContent": {"reasoningText": {"text": "unsigned"}}},
                {"reasoningContent": {"redactedContent": "AA=="}},
                {
                    "citationsContent": {
                        "content": [{"text": "It is "}, {"text": "so."}],
                        "citations": [{"title": "t", "location": {"web": {"url": "https://a"}}}],
                    }
                },
                {"citationsContent": {"citations": [{"location": {"web": {"url": "https://b"}}}]}},
                {
                    "toolUse": {
                        "toolUseId": "s1",
                        "name": "nova_grounding",
                        "input": {},
                        "type": "server_tool_use",
                    }
                },
                {
                    "toolResult": {
                        "toolUseId": "s1",
                        "content": [{"text": "[HIDDEN]"}],
                        "status": "success",
                        "type": "nova_grounding_result",
                    }
                },
                {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1.0, "я": [None]}}},
                {"toolUse": {"toolUseId": "t2", "name": "f", "input": {}, "type": "tool_use"}},
                POINT,
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "t1",
                        "content": [
                            {"json": {"b": 1}},
                            {"text": "x"},
                            {"image": {"format": "jpeg", "source": {"bytes": "AA=="}}},
                            {"document": {"format": "pdf", "name": "d", "source": {"bytes": "AA"}}},
                            {"video": {"format": "mp4", "source": {"bytes": "AA=="}}},
                        ],
                        "status": "error",
                    }
                },
                {"toolResult": {"toolUseId": "t2", "content": [], "status": "success"}},
                POINT,
                {"text": "And?"},
            ],
        },
        {"role": "user", "content": [{"text": "Well?"}]},
        {"role": "system", "content": [{"text": "Hurry."}]},
        {"role": "assistant", "content": [{"text": "Yes"}]},
    ],
    "system": [{"text": "a"}, POINT, {"text": "b"}, {"guardContent": {"text": {"text": "g"}}}],
    "inferenceConfig": {
        "maxTokens": 5,
        "temperature": 0.5,
        "topP": 0.25,
        "stopSequences": ["a"],
        "invented": 1,
    },
    "toolConfig": {
        "tools": [
            {"toolSpec": {**SPEC, "strict": True}},
            POINT,
            {"toolSpec": {"name": "g", "inputSchema": {"json": {}}}},
            {"systemTool": {"name": "nova_grounding"}},
            POINT,
            POINT,
        ],
        "toolChoice": {"any": {}},
        "invented": 2,
    },
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"name": "n", "schema": '{"type":"object"}'}},
        },
        "effort": "low",
    },
    "additionalModelRequestFields": {"top_k": 5},
    "guardrailConfig": {"guardrailIdentifier": "g"},
    "requestMetadata": {"a": "b"},
}


def test_a_rich_request_keeps_its_meaning_and_loses_nothing() -> None:
    request = CONVERSE.decode_request(RICH)
    assert CONVERSE.encode_request(request) == RICH
    assert CONVERSE.loss(request) == ()
    assert request.protocol == NAME


def test_a_rich_request_says_what_others_can_say_in_neutral_words() -> None:
    request = CONVERSE.decode_request(RICH)
    roles = [message.role for message in request.messages]
    assert roles == ["system", "user", "assistant", "tool", "user", "user", "system", "assistant"]
    assert (request.max_tokens, request.temperature, request.top_p) == (5, 0.5, 0.25)
    assert (request.stop, request.tool_choice) == (("a",), "required")
    form = {"name": "n", "schema": {"type": "object"}}
    assert request.response_format == {"type": "json_schema", "json_schema": form}
    assert request.extra["outputConfig"] == {"effort": "low"}
    user, assistant, results = request.messages[1:4]
    image = user.content[1]
    assert image == ImagePart("", "AA==", "image/png", {CACHE: {"type": "ephemeral", "ttl": "1h"}})
    text = FilePart(base64.b64encode("# я".encode()).decode(), "text/markdown", "t")
    assert any(
        isinstance(part, FilePart) and (part.data, part.name) == (text.data, "t")
        for part in user.content
    )
    cited = assistant.content[3]
    assert isinstance(cited, TextPart)
    assert cited.text == "It is so."
    assert (cited.metadata or {})[CITATIONS] == [{"url": "https://a", "title": "t"}]
    failed, fine = results.content
    assert isinstance(failed, ToolResultPart)
    assert isinstance(fine, ToolResultPart)
    assert (failed.is_error, fine.is_error) == (True, False)
    assert failed.content[0] == TextPart('{"b":1}', {NAME: {"raw": {"is_json": True}}})
    assert request.tools[0].metadata == {NAME: {"strict": True}, **MARK}


def test_model_and_stream_stand_in_the_path() -> None:
    assert CONVERSE.locate("a.b-v1:0", stream=False) == "/model/a.b-v1:0/converse"
    assert CONVERSE.locate(ARN, stream=True).endswith("profile%2Fus.x-v1:0/converse-stream")
    for model in ("a.b-v1:0", ARN, "я ?#%", "a/converse"):
        for stream in (True, False):
            path = CONVERSE.locate(model, stream)
            said = CONVERSE.with_path({"messages": [USER], "model": "?"}, path + "?x=1")
            assert CONVERSE.peek(said) == (model, stream)
            assert CONVERSE.relayed(said, "other") == {"messages": [USER]}
            request = CONVERSE.decode_request(said)
            assert (request.model, request.stream) == (model, stream)
            assert CONVERSE.encode_request(request) == {"messages": [USER]}
    assert CONVERSE.with_path({}, f"/prefix/model/{ARN}/converse")["model"] == ARN
    with pytest.raises(InvalidRequest, match="converse-stream"):
        CONVERSE.with_path({"a": 1}, "/model/x/invoke")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": 5}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"text": 5}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolUse": 5}]}]},
            "messages[0].content[0].toolUse",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolUse": {"toolUseId": "t"}}]}]},
            "messages[0].content[0].toolUse.name",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "t"}}]}]},
            "messages[0].content[0].toolResult.content",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": 1}]}}],
                    }
                ]
            },
            "messages[0].content[0].toolResult.content[0].text",
        ),
        ({"messages": [USER], "system": "Be brief."}, "system"),
        ({"messages": [USER], "system": [{"text": 5}]}, "system[0].text"),
        ({"messages": [USER], "inferenceConfig": {"maxTokens": "5"}}, "inferenceConfig.maxTokens"),
        ({"messages": [USER], "toolConfig": {"tools": 5}}, "toolConfig.tools"),
        ({"messages": [USER], "toolConfig": {"tools": [5]}}, "toolConfig.tools[0]"),
        (
            {"messages": [USER], "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]}},
            "toolConfig.tools[0].toolSpec.inputSchema.json",
        ),
        ({"messages": [USER], "toolConfig": {"toolChoice": "auto"}}, "toolConfig.toolChoice"),
    ],
)
def test_what_is_missing_or_wrong_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        CONVERSE.decode_request(body)
    assert raised.value.param == field
    assert field in raised.value.message


def test_what_is_nested_too_deeply_is_an_invalid_request() -> None:
    nest: Any = {}
    for _ in range(5_000):
        nest = {"a": nest}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        read({"toolUse": {"toolUseId": "t", "name": "f", "input": nest}}, role="assistant")


def test_a_question_of_another_protocol_is_said_in_converses_words() -> None:
    assert wire(
        Message("system", (TextPart("Be brief."),)),
        Message("developer", (TextPart("Be kind.", MARK),)),
        HELLO,
        Message(
            "assistant",
            (TextPart(""), ToolCallPart("c1", "f", '{"a":1}'), ToolCallPart("c2", "f", "")),
        ),
        Message("tool", (ToolResultPart("c1", (TextPart("one"),), name="f"),)),
        Message("tool", (ToolResultPart("c2", (), is_error=True),)),
        Message("user", (TextPart("And?"),)),
        tools=(Tool("f"), Tool("web", metadata={"openai_chat": {"tool": {"type": "web"}}})),
        tool_choice={"name": "f"},
        max_tokens=5,
        stop=("x",),
        protocol="openai_chat",
        extra={"logit_bias": {}},
    ) == {
        "system": [{"text": "Be brief."}, {"text": "Be kind."}, POINT],
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}},
                    {"toolUse": {"toolUseId": "c2", "name": "f", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "c1", "content": [{"text": "one"}]}},
                    {"toolResult": {"toolUseId": "c2", "content": [], "status": "error"}},
                    {"text": "And?"},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 5, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "f",
                        "inputSchema": {"json": {"type": "object", "properties": {}}},
                    }
                }
            ],
            "toolChoice": {"tool": {"name": "f"}},
        },
    }


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            ImagePart("", "AA==", "image/jpg"),
            {"image": {"format": "jpeg", "source": {"bytes": "AA=="}}},
        ),
        (AudioPart("AA==", "wav"), {"audio": {"format": "wav", "source": {"bytes": "AA=="}}}),
        (
            FilePart("AA==", "application/pdf", "my_report  v1.pdf"),
            {
                "document": {
                    "format": "pdf",
                    "name": "my-report -v1-pdf",
                    "source": {"bytes": "AA=="},
                }
            },
        ),
        (
            FilePart("AA==", "text/x-python", "a"),
            {"document": {"format": "txt", "name": "a", "source": {"bytes": "AA=="}}},
        ),
        (RefusalPart("No."), {"text": "No."}),
        (ReasoningPart("Hm"), {"reasoningContent": {"reasoningText": {"text": "Hm"}}}),
        (TextPart("a", {CITATIONS: [{"url": "u"}]}), {"text": "a"}),
    ],
)
def test_parts_are_said_as_blocks(part: Part, block: Any) -> None:
    assert content(part) == [block]


def test_documents_without_names_get_some_that_differ() -> None:
    one, other, again = content(FilePart("AA=="), FilePart("AQ=="), FilePart("AA=="))
    assert one["document"]["format"] == "pdf"
    assert one["document"]["name"].startswith("document-")
    assert one["document"]["name"] != other["document"]["name"]
    assert again["document"]["name"] == one["document"]["name"] + "-2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", {}),
        ("null", {}),
        ('{"a": "я"}', {"a": "я"}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_become_an_object_whatever_the_model_wrote(arguments: str, said: Any) -> None:
    (block,) = content(ToolCallPart("t", "f", arguments), role="assistant")
    assert block["toolUse"]["input"] == said


def test_a_turn_that_says_nothing_is_left_out() -> None:
    foreign = OpaquePart("openai_chat", {"type": "x"})
    empty = Message("assistant", (TextPart(""), foreign, ImagePart("https://a.invalid")))
    assert wire(HELLO, empty, HELLO)["messages"] == [
        {"role": "user", "content": [{"text": "Hi"}, {"text": "Hi"}]}
    ]


def test_a_cache_point_without_a_part_to_mark_stays_as_it_is() -> None:
    odd = {"cachePoint": {"type": "default", "invented": 1}}
    (message,) = read(POINT, {"text": "a"}, POINT, POINT, odd)
    assert [type(part).__name__ for part in message.content] == [
        "OpaquePart",
        "TextPart",
        "OpaquePart",
        "OpaquePart",
    ]
    assert content(*message.content) == [POINT, {"text": "a"}, POINT, POINT, odd]


def test_a_tool_choice_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="tool_choice is 'maybe'"):
        wire(HELLO, tools=(Tool("f", "", {}),), tool_choice="maybe")


def test_a_choice_without_tools_is_not_spoken_of() -> None:
    assert "toolConfig" not in wire(HELLO, tool_choice="required")


def test_a_system_message_amid_the_turns_keeps_its_place_only_in_bedrocks_own_words() -> None:
    amid = (HELLO, Message("system", (TextPart("Hurry."),)), Message("assistant", (TextPart("x"),)))
    for protocol in ("", "openai_chat"):
        request = ChatRequest(messages=amid, protocol=protocol)
        body = CONVERSE.encode_request(request)
        assert body["system"] == [{"text": "Hurry."}]
        assert len(body["messages"]) == 2
        assert CONVERSE.loss(request) == ("system.amid",)
    own = ChatRequest(messages=amid, protocol=NAME)
    assert CONVERSE.encode_request(own)["messages"][1]["role"] == "system"
    assert CONVERSE.loss(own) == ()


FEATURES: list[tuple[str, dict[str, Any]]] = [
    *[(name, {name: 1}) for name in ("top_k", "seed", "reasoning_budget")],
    *[(name, {name: 0.5}) for name in ("temperature", "top_p")],
    ("temperature", {"temperature": 1.7}),
    *[(name, {name: 0.5}) for name in ("presence_penalty", "frequency_penalty")],
    ("max_tokens", {"max_tokens": 5}),
    ("stop", {"stop": ("a",)}),
    ("parallel_tool_calls", {"parallel_tool_calls": False}),
    ("reasoning_effort", {"reasoning_effort": "low"}),
    ("tool_choice.none", {"tool_choice": "none"}),
    ("tool_choice.required", {"tool_choice": "required"}),
    ("tool_choice.name", {"tool_choice": {"name": "f"}}),
    ("response_format.json_object", {"response_format": {"type": "json_object"}}),
    (
        "response_format.json_schema",
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
    ),
    (
        "response_format.json_schema",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
    ),
]
SAID: list[tuple[str, Part]] = [
    ("image.url", ImagePart("https://a.invalid/b.png")),
    ("image.data", ImagePart("", "AA==", "image/png")),
    ("audio", AudioPart("AA==", "wav")),
    ("file.data", FilePart("AA==", "application/pdf", "a")),
    ("file.id", FilePart(id="f1")),
    ("file.url", FilePart(url="https://a.invalid/b.pdf")),
    ("file.data", FilePart("AA==", "video/mp4", "a")),
    ("image.data", ImagePart("", "AA==", "image/bmp")),
    ("image.data", ImagePart("", "AA==", "", MARK)),
    ("refusal", RefusalPart("No.")),
    ("reasoning", ReasoningPart("Hm", "s")),
    ("reasoning.signature", ReasoningPart("", "s")),
    ("reasoning.unsigned", ReasoningPart("Hm")),
    ("cache", TextPart("a", MARK)),
    ("tool_result.error", ToolResultPart("t", (TextPart("a"),), is_error=True)),
    ("tool_result.image", ToolResultPart("t", (ImagePart("", "AA==", "image/png"),))),
    ("tool_result.image", ToolResultPart("t", (ImagePart("https://a.invalid"),))),
    ("tool_result.file", ToolResultPart("t", (FilePart("AA==", "text/csv", "a"),))),
    ("tool_result.file", ToolResultPart("t", (FilePart(id="f1"),))),
    ("tool_result.file", ToolResultPart("t", (FilePart(url="https://a.invalid"),))),
    ("tool_result.file", ToolResultPart("t", (FilePart("AA==", "video/mp4"),))),
    ("tool_result.image", ToolResultPart("t", (ImagePart("", "AA==", "image/bmp"),))),
    ("tool_result.file", ToolResultPart("t", (AudioPart("AA==", "wav"),))),
    ("cache", ToolResultPart("t", (TextPart("a", MARK),))),
    ("cache", ToolResultPart("t", (TextPart("a"),), MARK)),
]


def check_what_is_lost(feature: str, **said: Any) -> None:
    """What the request says and what is read of it again differ by what was declared as lost."""
    request = ChatRequest(tools=(Tool("f", "", {}),), protocol="openai_chat", **said)
    again = CONVERSE.decode_request(CONVERSE.encode_request(request))
    asked, heard = set(loss.asked(request, NAME)), set(loss.asked(again, NAME))
    assert feature in asked
    assert asked - heard == set(CONVERSE.loss(request))


@pytest.mark.parametrize(("feature", "said"), FEATURES, ids=[name for name, _ in FEATURES])
def test_a_wish_is_said_or_declared_as_lost(feature: str, said: dict[str, Any]) -> None:
    check_what_is_lost(feature, messages=(HELLO,), **said)


@pytest.mark.parametrize(("feature", "part"), SAID)
def test_a_part_is_said_or_declared_as_lost(feature: str, part: Part) -> None:
    role: Any = "tool" if isinstance(part, ToolResultPart) else "user"
    check_what_is_lost(feature, messages=(HELLO, Message(role, (part,))))


def test_a_reply_can_be_sent_back_as_it_came() -> None:
    said = RICH["messages"][1]["content"][:-1]
    body = {"output": {"message": {"role": "assistant", "content": said}}, "stopReason": "tool_use"}
    reply = collect(CONVERSE.decode_response(json.dumps(body).encode()))
    assert wire(HELLO, reply.message)["messages"][1] == {"role": "assistant", "content": said}
