"""Gemini's requests: what is understood, what is kept, and what others' requests become."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.protocols import call_ids
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.gemini_generate.schema import to_json_schema
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import (
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

GEMINI = GeminiGenerate()
NAME = "gemini_generate"
USER = {"role": "user", "parts": [{"text": "Hi"}]}
HELLO = Message("user", (TextPart("Hi"),))


def decode(**body: Any) -> ChatRequest:
    return GEMINI.decode_request({"contents": [USER], **body})


def parts_of(*parts: Any, role: str = "user") -> tuple[Part, ...]:
    request = decode(contents=[{"role": role, "parts": list(parts)}])
    return tuple(part for message in request.messages for part in message.content)


def anew(request: ChatRequest) -> dict[str, Any]:
    """The body written from the fields alone."""
    return GEMINI.encode_request(replace(request, metadata=None))


def wire(*messages: Message, **asked: Any) -> dict[str, Any]:
    return GEMINI.encode_request(ChatRequest(messages=messages, **asked))


def said(*parts: Part, role: Any = "user") -> list[Any]:
    contents = wire(Message(role, parts))["contents"]
    return [part for content in contents for part in content["parts"]]


SPELLED = {
    "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": "AA=="}}},
    "system_instruction": {"parts": {"text": "Be brief."}},
    "generation_config": {
        "top_p": 0.5,
        "max_output_tokens": 9,
        "thinking_config": {"thinking_budget": 3, "include_thoughts": True},
        "response_modalities": ["IMAGE"],
    },
    "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
    "tools": {"function_declarations": {"name": "f", "parameters_json_schema": {"type": "object"}}},
    "safety_settings": [],
}


def test_either_spelling_is_understood_and_goes_out_as_it_came() -> None:
    request = GEMINI.decode_request(SPELLED)
    assert [m.content for m in request.messages] == [
        (TextPart("Be brief."),),
        (ImagePart("", "AA==", "image/png"),),
    ]
    assert (request.top_p, request.max_tokens, request.reasoning_budget) == (0.5, 9, 3)
    assert (request.tool_choice, request.tools) == (
        {"name": "f"},
        (Tool("f", "", {"type": "object"}),),
    )
    others = {"thinkingConfig": {"includeThoughts": True}, "responseModalities": ["IMAGE"]}
    assert request.extra == {"safetySettings": [], "generationConfig": others}
    assert request.protocol == NAME
    assert GEMINI.encode_request(request) == SPELLED
    elsewhere = replace(request, model="other", stream=True)
    assert GEMINI.encode_request(elsewhere) == SPELLED


def test_what_was_changed_is_written_anew() -> None:
    request = replace(GEMINI.decode_request(SPELLED), max_tokens=5)
    assert GEMINI.encode_request(request) == {
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "topP": 0.5,
            "maxOutputTokens": 5,
            "thinkingConfig": {"thinkingBudget": 3, "includeThoughts": True},
            "responseModalities": ["IMAGE"],
        },
        "safetySettings": [],
    }


def test_the_path_is_heard_and_no_part_of_the_body() -> None:
    body = GEMINI.with_path({"contents": [USER]}, "/v1beta/models/m:streamGenerateContent")
    request = GEMINI.decode_request(body)
    assert (request.model, request.stream) == ("m", True)
    assert GEMINI.encode_request(request) == anew(request) == {"contents": [USER]}
    assert request.metadata
    assert request.metadata[NAME]["raw"]["alt"] == "json"
    assert GEMINI.loss(request) == OpenAIChat().loss(request) == ()


CONFIGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0, "topK": 40}, {"temperature": 0.0, "top_k": 40}),
    ({"stopSequences": ["x"], "seed": 0}, {"stop": ("x",), "seed": 0}),
    (
        {"presencePenalty": 0.5, "frequencyPenalty": -1.0},
        {"presence_penalty": 0.5, "frequency_penalty": -1.0},
    ),
    ({"responseMimeType": "application/json"}, {"response_format": {"type": "json_object"}}),
    (
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
    ),
    ({"thinkingConfig": {"thinkingLevel": "LOW"}}, {"reasoning_effort": "low"}),
    ({"thinkingConfig": {"thinkingBudget": -1}}, {"reasoning_budget": -1}),
    ({"thinkingConfig": {"includeThoughts": True}}, {}),
    ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}, {}),
    ({"topK": 2.5, "candidateCount": 2}, {}),
]


@pytest.mark.parametrize(("config", "fields"), CONFIGS)
def test_the_generation_config_is_said_in_our_fields_and_back(
    config: dict[str, Any], fields: dict[str, Any]
) -> None:
    request = decode(generationConfig=config)
    for name, value in fields.items():
        assert getattr(request, name) == value
    assert anew(request)["generationConfig"] == config
    assert ("generationConfig" in request.extra) is not bool(fields)


def test_what_is_so_anyway_is_no_loss_elsewhere() -> None:
    config = {"responseModalities": ["TEXT"], "candidateCount": 1}
    request = decode(generationConfig=config)
    assert GEMINI.encode_request(request)["generationConfig"] == config
    assert anew(request) == {"contents": [USER]}
    assert OpenAIChat().loss(request) == ()


def test_googles_kind_of_schema_becomes_json_schema() -> None:
    google = {
        "type": "OBJECT",
        "nullable": True,
        "property_ordering": ["type"],
        "properties": {
            "type": {"type": "STRING", "enum": ["A"], "nullable": True},
            "nullable": {
                "type": "ARRAY",
                "min_items": "2",
                "items": {"anyOf": [{"type": "NUMBER"}]},
            },
        },
    }
    schema = {
        "type": ["object", "null"],
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["A", None]},
            "nullable": {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "number"}]}},
        },
    }
    assert to_json_schema(google) == schema
    assert to_json_schema(schema) == schema
    config = {"responseMimeType": "application/json", "responseSchema": google}
    form = decode(generationConfig=config).response_format
    assert form == {"type": "json_schema", "json_schema": {"schema": schema}}
    (tool,) = decode(tools=[{"functionDeclarations": [{"name": "f", "parameters": google}]}]).tools
    assert tool.parameters == schema
    assert wire(HELLO, tools=(tool,))["tools"] == [
        {"functionDeclarations": [{"name": "f", "parameters": google}]}
    ]
    changed = replace(tool, parameters={"type": "object"})
    assert wire(HELLO, tools=(changed,))["tools"] == [
        {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}
    ]


def test_googles_own_tools_are_tools_of_their_own() -> None:
    tools = [
        {"codeExecution": {}, "functionDeclarations": [{"name": "f"}, {"name": "g"}]},
        {"googleSearch": {}},
    ]
    request = decode(tools=tools)
    assert [tool.name for tool in request.tools] == ["codeExecution", "f", "g", "googleSearch"]
    assert GEMINI.encode_request(request)["tools"] == tools
    assert anew(request)["tools"] == [
        {"codeExecution": {}},
        {"functionDeclarations": [{"name": "f"}, {"name": "g"}]},
        {"googleSearch": {}},
    ]
    assert OpenAIChat().loss(request) == ("tools.codeExecution", "tools.googleSearch")
    foreign = Tool("web", metadata={"openai_chat": {"tool": {"type": "web"}}})
    assert "tools" not in wire(HELLO, tools=(foreign,))


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "ANY"}, "required"),
        ({"mode": "NONE"}, "none"),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, {"name": "f"}),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, "required"),
        ({"mode": "VALIDATED"}, None),
        ({"mode": "AUTO", "streamFunctionCallArguments": True}, "auto"),
    ],
)
def test_the_choice_among_tools_is_ours_and_the_rest_of_it_stays(calling: Any, choice: Any) -> None:
    config = {"functionCallingConfig": calling, "includeServerSideToolInvocations": True}
    request = decode(toolConfig=config)
    assert request.tool_choice == choice
    assert anew(request)["toolConfig"] == config


def test_calls_and_results_without_ids_are_paired_by_name_and_order() -> None:
    def call(name: str, **more: Any) -> dict[str, Any]:
        return {"functionCall": {"name": name, "args": {}, **more}}

    def result(name: str, value: Any, **more: Any) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": {"result": value}, **more}}

    contents = [
        USER,
        {"role": "model", "parts": [call("f"), call("g"), call("f"), call("h", id="own")]},
        {
            "role": "function",
            "parts": [result("g", 1), result("f", 2), result("f", 3), result("h", 4, id="own")],
        },
        {"role": "model", "parts": [call("f")]},
        {"role": "user", "parts": [result("f", 5), {"text": "And?"}, result("nobody", 6)]},
    ]
    request = decode(contents=contents)
    assert [message.role for message in request.messages] == [
        "user", "assistant", "tool", "assistant", "tool", "user", "tool",
    ]  # fmt: skip
    parts = [part for message in request.messages for part in message.content]
    calls = [part.id for part in parts if isinstance(part, ToolCallPart)]
    results = [part.id for part in parts if isinstance(part, ToolResultPart)]
    assert results[:5] == [calls[1], calls[0], calls[2], "own", calls[4]]
    assert len(set(calls)) == 5
    assert call_ids.is_made(results[5])
    assert results[5] not in calls
    contents[2]["role"] = "user"
    assert anew(request)["contents"][:4] == contents[:4]
    # the last turn holds results and text: that it is one turn is a mark on the messages
    assert anew(request)["contents"][4:] == contents[4:]
    told = OpenAIChat().encode_request(request)["messages"]
    assert told[1]["tool_calls"][0]["id"] == told[3]["tool_call_id"]


@pytest.mark.parametrize(
    ("response", "text", "failed"),
    [
        ({"result": "sunny"}, '{"result":"sunny"}', False),
        ({"a": [1, None]}, '{"a":[1,null]}', False),
        ({}, "{}", False),
        ({"error": "no"}, "no", True),
        ({"error": {"code": 5}}, '{"code":5}', True),
        ({"error": "no", "more": 1}, '{"error":"no","more":1}', False),
    ],
)
def test_a_result_is_an_object_there_and_text_here(response: Any, text: str, failed: bool) -> None:
    part = {"functionResponse": {"id": "i", "name": "f", "response": response}}
    (result,) = parts_of(part)
    assert result == ToolResultPart("i", (TextPart(text),), None, "f", failed)
    assert said(result, role="tool") == [part]


def test_other_results_are_wrapped_and_find_their_functions_name() -> None:
    call = Message("assistant", (ToolCallPart("i", "f", ""), ToolCallPart("j", "g", '{"a":1}')))
    results = Message("tool", (ToolResultPart("i", (TextPart("sunny"), TextPart("!"))),))
    failed = Message("tool", (ToolResultPart("j", (TextPart("no"),), is_error=True),))
    unknown = Message("tool", (ToolResultPart("x"),))
    _, model, user = wire(HELLO, call, results, failed, unknown)["contents"]
    assert model["parts"] == [
        {"functionCall": {"id": "i", "name": "f"}},
        {"functionCall": {"id": "j", "name": "g", "args": {"a": 1}}},
    ]
    assert user["parts"] == [
        {"functionResponse": {"id": "i", "name": "f", "response": {"result": "sunny!"}}},
        {"functionResponse": {"id": "j", "name": "g", "response": {"error": "no"}}},
        {"functionResponse": {"id": "x", "name": "x", "response": {"result": ""}}},
    ]


def test_a_result_may_show_pictures() -> None:
    shown = [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]
    part = {"functionResponse": {"id": "i", "name": "f", "response": {"a": 1}, "parts": shown}}
    (result,) = parts_of(part)
    assert isinstance(result, ToolResultPart)
    assert result.content[1:] == (ImagePart("", "AA==", "image/png"),)
    assert said(result, role="tool") == [part]


def test_made_ids_are_not_said_to_a_service_that_has_none() -> None:
    made = call_ids.make("a", 0)
    call, result = ToolCallPart(made, "f"), ToolResultPart(made, (TextPart("{}"),))
    contents = wire(Message("assistant", (call,)), Message("tool", (result,)))["contents"]
    assert contents[0]["parts"] == [{"functionCall": {"name": "f"}}]
    assert contents[1]["parts"] == [{"functionResponse": {"name": "f", "response": {}}}]


MEDIA: list[tuple[dict[str, Any], Part]] = [
    ({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, ImagePart("", "AA==", "image/png")),
    ({"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}, AudioPart("AA==", "wav")),
    ({"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}}, AudioPart("AA==", "mp3")),
    (
        {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
        FilePart("AA==", "application/pdf"),
    ),
    (
        {"fileData": {"mimeType": "image/png", "fileUri": "https://a/b"}},
        ImagePart("https://a/b", "", "image/png"),
    ),
    (
        {"fileData": {"mimeType": "application/pdf", "fileUri": "files/x"}},
        FilePart("", "application/pdf", "", "files/x"),
    ),
    (
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b.png"}},
        FilePart("", "image/png", "", "gs://a/b.png"),
    ),
    (
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        FilePart(id="https://generativelanguage.googleapis.com/v1beta/files/x"),
    ),
    ({"fileData": {"fileUri": "https://youtu.be/x"}}, FilePart(url="https://youtu.be/x")),
    (
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a/b"}},
        FilePart("", "application/pdf", url="https://a/b"),
    ),
]


@pytest.mark.parametrize(("part", "ours"), MEDIA)
def test_pictures_sounds_and_files_are_ours(part: dict[str, Any], ours: Part) -> None:
    assert parts_of(part) == (ours,)
    assert said(ours) == [part]
    (more,) = parts_of({**part, "videoMetadata": {"fps": 1}})
    assert said(more) == [{**part, "videoMetadata": {"fps": 1}}]


def test_a_files_name_is_said_where_its_caller_said_it() -> None:
    blob = {"mimeType": "application/pdf", "data": "AA==", "displayName": "a.pdf", "new": 1}
    (part,) = parts_of({"inlineData": blob})
    assert isinstance(part, FilePart)
    assert part.name == "a.pdf"
    assert said(part) == [{"inlineData": blob}]
    # Google AI refuses displayName, which is Vertex AI's
    assert said(FilePart("AA==", "application/pdf", "b.pdf"))[0]["inlineData"].keys() == {
        "mimeType",
        "data",
    }


def test_the_type_of_what_lies_elsewhere_is_told_by_its_address() -> None:
    assert said(FilePart(url="https://a/b.pdf")) == [
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a/b.pdf"}}
    ]
    assert said(ImagePart("https://a/b.JPG?c=.d"), ImagePart("https://a/b")) == [
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a/b.JPG?c=.d"}},
        {"fileData": {"fileUri": "https://a/b"}},
    ]


def test_thoughts_and_signatures_are_kept_per_part() -> None:
    parts = [
        {"text": "Hm", "thought": True},
        {"text": "Hm", "thought": True, "thoughtSignature": "s1"},
        {"text": "a"},
        {"text": "", "thoughtSignature": "s2"},
        {"text": "b", "thoughtSignature": "s3"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s4"},
    ]
    ours = parts_of(*parts, role="model")
    assert ours[:2] == (ReasoningPart("Hm"), ReasoningPart("Hm", "s1"))
    assert said(*ours, role="assistant") == parts
    assert parts_of({"thought": True, "thoughtSignature": "s"}) == (ReasoningPart("", "s"),)
    assert parts_of({"text": "a", "thought": False}) == (TextPart("a"),)


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "s"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"toolCall": {"toolType": "X"}},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thought": True},
        {},
    ],
)
def test_what_only_gemini_understands_stays_as_it_came(part: dict[str, Any]) -> None:
    assert parts_of(part, role="model") == (OpaquePart(NAME, part),)
    assert said(OpaquePart(NAME, part), role="assistant") == [part]
    assert said(OpaquePart("other", part), TextPart("a")) == [{"text": "a"}]
    block = TextPart("", {NAME: {"block": part}})
    assert said(block, role="assistant") == [part]


def test_an_openai_chat_question_is_said_in_geminis_words() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    request = OpenAIChat().decode_request(
        {
            "model": "m",
            "stream": True,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "", "tool_calls": [call, {**call, "id": "c2"}]},
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
                {"role": "tool", "tool_call_id": "c2", "content": '{"b":2}'},
                {"role": "user", "content": "And?"},
                {"role": "system", "content": "Be kind."},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "response_format": {"type": "json_object"},
            "reasoning_effort": "low",
            "max_tokens": 5,
            "logit_bias": {"1": 1},
        }
    )
    called = {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}
    result = {"id": "c1", "name": "f", "response": {"result": "one"}}
    other = {"id": "c2", "name": "f", "response": {"b": 2}}
    assert GEMINI.encode_request(request) == {
        "contents": [
            USER,
            {
                "role": "model",
                "parts": [called, {"functionCall": {**called["functionCall"], "id": "c2"}}],
            },
            {"role": "user", "parts": [{"functionResponse": result}, {"functionResponse": other}]},
            {"role": "user", "parts": [{"text": "And?"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "maxOutputTokens": 5,
            "responseMimeType": "application/json",
            "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
        },
    }
    assert GEMINI.loss(request) == ("extra.logit_bias", "parallel_tool_calls", "system.amid")


@pytest.mark.parametrize(
    ("model", "asked", "config"),
    [
        ("gemini-3-pro", {"reasoning_effort": "high"}, {"thinkingLevel": "HIGH"}),
        ("gemini-3-pro", {"reasoning_effort": "xhigh"}, {"thinkingLevel": "HIGH"}),
        ("gemini-2.5-pro", {"reasoning_effort": "high"}, {"thinkingBudget": 24_576}),
        ("gemini-2.5-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-3-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-3-pro", {"reasoning_budget": 9}, {"thinkingBudget": 9}),
        ("gemini-3-pro", {"reasoning_budget": -1}, {"thinkingBudget": -1}),
        ("m", {"reasoning_effort": "low", "reasoning_budget": 9}, {"thinkingBudget": 9}),
        ("m", {"reasoning_effort": "low", "reasoning_budget": -1}, {"thinkingLevel": "LOW"}),
        ("m", {"reasoning_effort": "max", "reasoning_budget": -1}, {"thinkingLevel": "HIGH"}),
        (
            "gemini-2.5-pro",
            {"reasoning_effort": "medium", "reasoning_budget": -1},
            {"thinkingBudget": 8_192},
        ),
        ("m", {"reasoning_effort": "odd"}, {}),
        ("gemini-2.5-pro", {"reasoning_effort": "odd"}, {}),
    ],
)
def test_how_hard_to_think_is_said_as_the_model_takes_it(
    model: str, asked: dict[str, Any], config: dict[str, Any]
) -> None:
    if config and config.get("thinkingBudget") != 0:
        config = {**config, "includeThoughts": True}
    body = wire(HELLO, model=model, **asked)
    assert body.get("generationConfig", {}) == ({"thinkingConfig": config} if config else {})
    lost = GEMINI.loss(ChatRequest(model=model, messages=(HELLO,), **asked))
    effort = asked.get("reasoning_effort")
    exact = ("thinkingLevel", effort) in [(key, str(v).lower()) for key, v in config.items()]
    exact |= effort == "none" and "2" not in model
    assert lost == (() if exact or effort is None else ("reasoning_effort",))


def test_geminis_own_word_for_how_hard_to_think_goes_out_as_it_came() -> None:
    config = {"thinkingConfig": {"thinkingLevel": "ULTRA"}}
    assert anew(decode(generationConfig=config))["generationConfig"] == config
    assert GEMINI.loss(decode(generationConfig=config)) == ()


def test_types_of_data_are_called_by_their_names() -> None:
    parts = (
        ImagePart("", "AA==", "image/jpg"),
        ImagePart("", "AA==", "image/png;charset=x"),
        ImagePart("", "AA=="),
        FilePart("AA==", "text/plain; charset=utf-8"),
        FilePart("AA=="),
    )
    assert [part["inlineData"]["mimeType"] for part in said(*parts)] == [
        "image/jpeg", "image/png", "image/png", "text/plain", "application/pdf",
    ]  # fmt: skip


def loses(protocol: str, *parts: Part, role: Any = "user") -> tuple[list[Any], tuple[str, ...]]:
    """What is said of the parts after a greeting, and what is lost."""
    request = ChatRequest(messages=(HELLO, Message(role, parts)), protocol=protocol)
    contents = GEMINI.encode_request(request)["contents"][1:]
    return [part for turn in contents for part in turn["parts"]], GEMINI.loss(request)


@pytest.mark.parametrize(
    ("part", "feature"),
    [
        (ImagePart("data:image/svg+xml,<svg/>"), "image.url"),
        (ImagePart("DATA:image/png;base64,AA=="), "image.url"),
        (ImagePart(), "image.url"),
        (FilePart(url="data:text/plain,a"), "file.url"),
        (FilePart(), "file.id"),
    ],
)
def test_an_address_that_is_none_is_not_said(part: Part, feature: str) -> None:
    for protocol in ("", "openai_chat"):
        assert loses(protocol, part) == ([], (feature,))
        assert loses(protocol, part, TextPart("a")) == ([{"text": "a"}], (feature,))


def test_what_was_uploaded_to_another_service_is_not_said() -> None:
    uploaded = FilePart(id="file-abc")
    assert loses("openai_chat", uploaded) == ([], ("file.id",))
    assert loses("", uploaded) == ([{"fileData": {"fileUri": "file-abc"}}], ())
    assert loses(NAME, uploaded) == ([{"fileData": {"fileUri": "file-abc"}}], ())


def test_a_tools_answer_shows_data_alone_and_nothing_that_lies_elsewhere() -> None:
    inline = ImagePart("", "AA==", "image/png")
    elsewhere = (ImagePart("https://a/b.png"), FilePart(url="https://a/b.pdf"), FilePart(id="f"))
    (part,), lost = loses("", ToolResultPart("i", (inline, *elsewhere)), role="tool")
    assert part["functionResponse"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    ]
    assert lost == ("tool_result.file", "tool_result.image")
    assert loses("", ToolResultPart("i", (inline,)), role="tool")[1] == ()
    own = {"name": "f", "response": {}, "parts": [{"fileData": {"fileUri": "gs://a"}}]}
    request = decode(contents=[USER, {"role": "user", "parts": [{"functionResponse": own}]}])
    assert anew(request)["contents"][1]["parts"] == [{"functionResponse": own}]
    assert GEMINI.loss(request) == ()


@pytest.mark.parametrize(
    ("choice", "feature"),
    [
        ("none", ["tool_choice.none"]),
        ("required", ["tool_choice.required"]),
        ({"name": "f"}, ["tool_choice.name"]),
        ("auto", []),
    ],
)
def test_a_choice_among_functions_that_are_not_there_is_not_said(
    choice: Any, feature: list[str]
) -> None:
    web = Tool("web", metadata={"openai_responses": {"tool": {"type": "web"}}})
    google = Tool("googleSearch", metadata={NAME: {"tool": {"googleSearch": {}}}})
    for tools in ((), (web,), (google,)):
        request = ChatRequest(messages=(HELLO,), tools=tools, tool_choice=choice)
        assert "toolConfig" not in GEMINI.encode_request(request)
        assert [f for f in GEMINI.loss(request) if f.startswith("tool_choice")] == feature
    there = ChatRequest(messages=(HELLO,), tools=(Tool("f"),), tool_choice=choice)
    assert "toolConfig" in GEMINI.encode_request(there)
    assert GEMINI.loss(there) == ()
    other = replace(there, tool_choice={"name": "web"})
    assert "toolConfig" not in GEMINI.encode_request(other)
    assert GEMINI.loss(other) == ("tool_choice.name",)


def test_of_several_answers_one_is_asked() -> None:
    config = {"candidateCount": 3, "topK": 5}
    one, lost = GEMINI.one_answer(decode(generationConfig=config, safetySettings=[]))
    assert lost == ("extra.candidateCount",)
    assert GEMINI.encode_request(one) == {
        "contents": [USER],
        "generationConfig": {"topK": 5},
        "safetySettings": [],
    }
    for request in (
        decode(generationConfig={"candidateCount": 1}),
        ChatRequest(protocol="other", extra={"generationConfig": config}),
        ChatRequest(extra={"generationConfig": 5}),
        ChatRequest(),
    ):
        assert GEMINI.one_answer(request) == (request, ())
    library = ChatRequest(messages=(HELLO,), extra={"generationConfig": {"candidateCount": 2}})
    assert GEMINI.encode_request(GEMINI.one_answer(library)[0]) == {"contents": [USER]}


def test_an_anthropic_question_is_said_in_geminis_words() -> None:
    request = AnthropicMessages().decode_request(
        {
            "model": "m",
            "max_tokens": 5,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": "x",
                            "is_error": True,
                        },
                        {"type": "text", "text": "And?"},
                    ],
                },
            ],
        }
    )
    assert GEMINI.encode_request(request)["contents"] == [
        USER,
        {"role": "model", "parts": [{"functionCall": {"id": "t", "name": "f", "args": {}}}]},
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "t", "name": "f", "response": {"error": "x"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "And?"}]},
    ]


def test_what_is_empty_is_left_out() -> None:
    silent = Message("assistant", (ReasoningPart(""), RefusalPart("")))
    blank, spoken = Message("user", (TextPart(""),)), Message("user", (TextPart(""), TextPart("a")))
    assert wire(HELLO, silent, blank, spoken, Message("system", (TextPart(""),))) == {
        "contents": [
            USER,
            {"role": "user", "parts": [{"text": "a"}]},
        ]
    }
    own = [USER, {"role": "model", "parts": [{"text": ""}]}, USER]
    assert anew(decode(contents=own))["contents"] == own


@pytest.mark.parametrize(
    "message",
    [
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart(""),)),
        Message("user", (ImagePart("data:,"),)),
    ],
)
def test_a_question_of_nothing_is_refused(message: Message) -> None:
    with pytest.raises(InvalidRequest) as raised:
        wire(message)
    assert raised.value.param == "messages"


def test_the_models_turns_in_a_row_become_one() -> None:
    call = Message("assistant", (ToolCallPart("i", "f"),))
    _, model = wire(HELLO, Message("assistant", (TextPart("a"),)), call)["contents"]
    assert model["parts"] == [{"text": "a"}, {"functionCall": {"id": "i", "name": "f"}}]
    own = [
        USER,
        {"role": "model", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"text": "b"}]},
    ]
    assert anew(decode(contents=own))["contents"] == own


def test_anothers_words_are_not_geminis() -> None:
    request = ChatRequest(messages=(HELLO,), protocol="openai_chat", extra={"toolConfig": {"a": 1}})
    assert GEMINI.encode_request(request) == {"contents": [USER]}
    assert GEMINI.loss(request) == ("extra.toolConfig",)
    own = replace(request, protocol="")
    assert GEMINI.encode_request(own) == {"contents": [USER], "toolConfig": {"a": 1}}


def content(*parts: Any) -> dict[str, Any]:
    return {"contents": [{"parts": list(parts)}]}


AT = "contents[0].parts[0]"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "contents"),
    ({"contents": []}, "contents"),
    ({"contents": ["Hi"]}, "contents[0]"),
    ({"contents": [{"role": "assistant", "parts": []}]}, "contents[0].role"),
    ({"contents": [{"role": 5, "parts": []}]}, "contents[0].role"),
    (content("Hi"), AT),
    (content({"text": 5}), AT + ".text"),
    (content({"functionCall": 5}), AT + ".functionCall"),
    (content({"functionCall": {}}), AT + ".functionCall.name"),
    (content({"functionCall": {"name": "f", "args": []}}), AT + ".functionCall.args"),
    (content({"functionCall": {"name": "f", "id": 5}}), AT + ".functionCall.id"),
    (content({"functionResponse": {"response": {}}}), AT + ".functionResponse.name"),
    (
        content({"functionResponse": {"name": "f", "response": "x"}}),
        AT + ".functionResponse.response",
    ),
    (content({"functionResponse": {"name": "f", "parts": {}}}), AT + ".functionResponse.parts"),
    (
        content({"functionResponse": {"name": "f", "parts": [{"text": 5}]}}),
        AT + ".functionResponse.parts[0].text",
    ),
    (content({"inlineData": {"mimeType": "image/png"}}), AT + ".inlineData.data"),
    (content({"fileData": {}}), AT + ".fileData.fileUri"),
    ({"contents": [USER], "systemInstruction": 5}, "systemInstruction"),
    (
        {"contents": [USER], "systemInstruction": {"parts": [{"text": 5}]}},
        "systemInstruction.parts[0].text",
    ),
    ({"contents": [USER], "generationConfig": 5}, "generationConfig"),
    ({"contents": [USER], "generationConfig": {"topP": "x"}}, "generationConfig.topP"),
    ({"contents": [USER], "generation_config": {"top_p": "x"}}, "generationConfig.topP"),
    (
        {"contents": [USER], "generationConfig": {"thinkingConfig": {"thinkingBudget": "x"}}},
        "generationConfig.thinkingConfig.thinkingBudget",
    ),
    ({"contents": [USER], "toolConfig": []}, "toolConfig"),
    ({"contents": [USER], "tools": ["x"]}, "tools[0]"),
    (
        {"contents": [USER], "tools": [{"functionDeclarations": [{}]}]},
        "tools[0].functionDeclarations[0].name",
    ),
    (
        {"contents": [USER], "tools": [{"functionDeclarations": [{"name": "f", "parameters": 5}]}]},
        "tools[0].functionDeclarations[0].parameters",
    ),
    ({"contents": [USER], "model": 5}, "model"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[field for _, field in WRONG])
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        GEMINI.decode_request(body)
    assert raised.value.param == field
    assert field in raised.value.message


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5_000):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest, match="nested"):
        decode(tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])
