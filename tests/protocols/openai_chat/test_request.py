"""OpenAI chat requests: what was read is written again; what is wrong is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.events import collect
from penstock.protocols import json
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
from protocols.strategies import chats, texts, values, words

CHAT = OpenAIChat(ask_usage=False)
NAME = "openai_chat"


def again(body: dict[str, Any]) -> Any:
    """The same request, read and written again, over the wire and back."""
    written = CHAT.encode_request(CHAT.decode_request(json.loads(json.encode(body))))
    return json.loads(json.encode(written))


def asks(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


USER = {"role": "user", "content": "Hi"}


def typed(kind: str, *inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A part of that kind, with keys that nobody knows."""
    said = {"type": st.just(kind), kind: st.one_of(*inner)}
    return st.fixed_dictionaries(said, optional={"cache_control": values, "x": values})


def inner(**said: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict(said), optional={"detail": words, "y": values})


urls = st.sampled_from(["https://a.example/я.png", "data:image/png;base64,AA==", ""])
files = st.sampled_from(["data:application/pdf;base64,AA==", "AA=="])
part = st.one_of(
    typed("text", texts),
    typed("image_url", inner(url=urls)),
    typed("input_audio", inner(data=words, format=words)),
    typed("file", inner(file_data=files, filename=words), inner(file_id=words)),
    typed("video_url", values),
)
content = texts | st.lists(part, min_size=2, max_size=4)
call = st.one_of(
    st.fixed_dictionaries(
        {
            "id": words,
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": words, "arguments": texts}, optional={"parsed_arguments": values}
            ),
        },
        optional={"index": st.integers(), "extra_content": values},
    ),
    st.fixed_dictionaries(
        {
            "id": words,
            "type": st.just("custom"),
            "custom": st.fixed_dictionaries({"name": words, "input": texts}),
        }
    ),
)
message = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user"]), "content": content},
        optional={"name": words, "x": values},
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": content | st.none()},
        optional={
            "tool_calls": st.lists(call, min_size=1, max_size=3),
            "refusal": texts,
            "reasoning_content": texts,
            "reasoning": texts,
            "reasoning_details": st.lists(st.dictionaries(words, values), min_size=1, max_size=2),
            "function_call": st.fixed_dictionaries({"name": words, "arguments": texts}),
            "audio": values,
            "name": words,
        },
    ),
    st.fixed_dictionaries(
        {"role": st.just("tool"), "tool_call_id": words, "content": content},
        optional={"name": words},
    ),
    st.fixed_dictionaries({"role": st.just("function"), "name": words, "content": texts}),
)
tool = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": words},
                optional={
                    "description": st.just("") | words,
                    "parameters": st.dictionaries(words, values, max_size=2),
                    "strict": st.booleans(),
                },
            ),
        },
        optional={"cache_control": values},
    ),
    st.fixed_dictionaries({"type": st.just("custom"), "custom": st.dictionaries(words, values)}),
    st.fixed_dictionaries({"type": st.just("web_search"), "x": values}),
)
request = st.fixed_dictionaries(
    {"messages": st.lists(message, min_size=1, max_size=4)},
    optional={
        "model": words,
        "stream": st.just(True),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 9),
        "stop": st.lists(texts, max_size=3),
        "seed": st.integers(),
        "tools": st.lists(tool, min_size=1, max_size=3),
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]
        )
        | st.just({"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.dictionaries(words, values, max_size=2),
        "reasoning_effort": words,
        "stream_options": st.just({"include_usage": True}),
        "n": st.integers(1, 3),
        "vendor_option": values,
    },
)


@given(request)
def test_what_was_read_is_written_again(body: dict[str, Any]) -> None:
    assert again(body) == body


@given(chats())
def test_a_reply_can_be_asked_back(events: Any) -> None:
    """A reply becomes the next request's history, and a service of the same protocol reads it."""
    reply = collect(events)
    asked = CHAT.encode_request(ChatRequest(messages=(reply.message,)))
    if not asked["messages"]:
        assert (reply.text, reply.refusal, reply.tool_calls) == ("", "", ())
        return
    written = json.loads(json.encode(asked))["messages"][0]
    spoken = written["content"] or ""
    if isinstance(spoken, list):
        spoken = "".join(part["text"] for part in spoken)
    assert spoken == reply.text
    assert written.get("refusal", "") == reply.refusal
    function = [c.get("function") or c["custom"] for c in written.get("tool_calls", ())]
    legacy = [written["function_call"]] if "function_call" in written else []
    arguments = sorted(f.get("arguments", f.get("input")) for f in function + legacy)
    assert arguments == sorted(call.arguments for call in reply.tool_calls)


def test_every_kind_of_part_has_a_place_in_the_waist() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://a.example", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": "https://a.example"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:a/b;base64,AA==", "filename": "f"}},
        {"type": "file", "file": {"file_id": "id"}},
        {"type": "refusal", "refusal": "No"},
        {"type": "video_url", "video_url": {"url": "https://a.example"}},
    ]
    (said,) = CHAT.decode_request(asks({"role": "user", "content": parts})).messages
    assert said.content == (
        TextPart("Hi", {"cache": {"type": "ephemeral"}}),
        ImagePart("https://a.example", metadata={NAME: {"image_url": {"detail": "low"}}}),
        ImagePart(data="AA==", media_type="image/png"),
        ImagePart("https://a.example"),
        AudioPart("AA==", "wav"),
        FilePart("AA==", "a/b", "f"),
        FilePart(id="id"),
        RefusalPart("No"),
        OpaquePart(NAME, parts[-1]),
    )


def test_an_assistant_s_turn_is_reasoning_text_refusal_and_calls() -> None:
    turn = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "Hm",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "s"}],
        "refusal": "No",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
    }
    kept = {key: turn[key] for key in ("reasoning_content", "reasoning_details")}
    (said,) = CHAT.decode_request(asks(turn)).messages
    assert said == Message(
        "assistant",
        (
            ReasoningPart("Hm", "s", {NAME: {"raw": kept}}),
            TextPart("Hi"),
            RefusalPart("No"),
            ToolCallPart("a", "f", "{}"),
            ToolCallPart("b", "g", "x", {NAME: {"type": "custom"}}),
        ),
    )


def test_a_tool_s_result_is_a_part_of_its_own() -> None:
    turns = [{"role": "tool", "tool_call_id": "a", "content": "1"}]
    turns.append({"role": "function", "name": "f", "content": "2"})
    kept = {"name": "f", "role": "function"}
    said = CHAT.decode_request(asks(*turns)).messages
    assert said == (
        Message("tool", (ToolResultPart("a", (TextPart("1"),)),)),
        Message("tool", (ToolResultPart("", (TextPart("2"),), name="f"),), {NAME: {"raw": kept}}),
    )


def test_settings_have_common_names_and_the_rest_is_kept() -> None:
    body = asks(
        USER,
        stream=True,
        stop="x",
        max_completion_tokens=5,
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        logit_bias={"1": 2},
    )
    assert CHAT.decode_request(body) == ChatRequest(
        model="m",
        messages=(Message("user", (TextPart("Hi"),)),),
        stop=("x",),
        max_tokens=5,
        tools=(Tool("f", "", {}),),
        tool_choice={"name": "f"},
        protocol=NAME,
        extra={"logit_bias": {"1": 2}},
        metadata={NAME: {"raw": {"max_completion_tokens": 5}}},
    )
    assert again(body) == {**body, "stop": ["x"]}


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({}, {}),
        ({"stream": False, "temperature": None, "stop": None, "tools": None}, {}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"max_tokens": 5, "max_completion_tokens": None}, None),
        ({"temperature": 0, "seed": 0, "parallel_tool_calls": False, "stop": []}, None),
        ({"stream_options": None}, None),
    ],
)  # fmt: skip
def test_what_was_not_said_is_not_written(said: Any, written: Any) -> None:
    assert again(asks(USER, **said)) == asks(USER, **(said if written is None else written))


def test_several_refusals_are_all_written() -> None:
    parts = [{"type": "refusal", "refusal": "I "}, {"type": "refusal", "refusal": "can't"}]
    (turn,) = again(asks({"role": "assistant", "content": parts}))["messages"]
    assert turn == {"role": "assistant", "content": None, "refusal": "I can't"}


def test_streams_are_asked_for_their_usage_unless_the_caller_or_the_dialect_says_otherwise() -> (
    None
):
    request = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))
    assert OpenAIChat().encode_request(request)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in CHAT.encode_request(request)
    whole = ChatRequest(stream=False)
    assert "stream_options" not in OpenAIChat().encode_request(whole)
    said = ChatRequest(extra={"stream_options": {"include_usage": False}})
    assert OpenAIChat().encode_request(said)["stream_options"] == {"include_usage": False}


def test_a_request_is_never_changed_by_writing_it() -> None:
    body = asks(
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "x": 1}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "i", "x": 1}, "y": 2}]},
        tools=[{"type": "function", "function": {"name": "f", "strict": True}, "z": 1}],
    )
    before = copy.deepcopy(body)
    request = CHAT.decode_request(body)
    assert CHAT.encode_request(request) == CHAT.encode_request(request)
    assert body == before


def test_a_part_of_another_protocol_is_left_out_and_named() -> None:
    parts = (TextPart("Hi"), OpaquePart("other", {"type": "hologram"}))
    request = ChatRequest(messages=(Message("user", parts),), protocol="other")
    assert CHAT.encode_request(request)["messages"][0]["content"] == [
        {"type": "text", "text": "Hi"}
    ]
    assert CHAT.loss(request) == ("other.hologram",)


def sent(*messages: Message, protocol: str = "other", **fields: Any) -> Any:
    """The messages as a service gets them, and what is lost."""
    request = ChatRequest(messages=messages, protocol=protocol, **fields)
    return CHAT.encode_request(request)["messages"], CHAT.loss(request)


HI = Message("user", (TextPart("Hi"),))
SAID_HI = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize("protocol", ["", "other"])
def test_a_document_elsewhere_is_left_out_and_named(protocol: str) -> None:
    part = FilePart(url="https://a.example/b.pdf")
    assert sent(Message("user", (part,)), protocol=protocol) == ([], ("file.url",))
    result = Message("tool", (ToolResultPart("c", (part,)),))
    (said,), lost = sent(result, protocol=protocol)
    assert said == {"role": "tool", "content": "", "tool_call_id": "c"}
    assert set(lost) & {"file.url", "tool_result.file"}


def test_an_address_that_was_typed_for_a_document_s_data_stays() -> None:
    part = {"type": "file", "file": {"file_data": "https://a.example/b", "filename": "b"}}
    body = asks({"role": "user", "content": [part]})
    request = CHAT.decode_request(body)
    assert request.messages[0].content == (FilePart(url="https://a.example/b", name="b"),)
    assert again(body) == body
    assert CHAT.loss(request) == ()


def test_a_file_that_another_service_has_is_left_out_and_named() -> None:
    message = Message("user", (TextPart("Hi"), FilePart(id="files/1")))
    (said,), lost = sent(message)
    assert said["content"] == [{"type": "text", "text": "Hi"}]
    assert lost == ("file.id",)
    (said,), lost = sent(message, protocol="")
    assert said["content"][1] == {"type": "file", "file": {"file_id": "files/1"}}
    assert lost == ()


def test_without_tools_nothing_is_chosen() -> None:
    foreign = (Tool("search", metadata={"other": {"tool": {"type": "search"}}}),)
    request = ChatRequest(
        messages=(HI,),
        tools=foreign,
        tool_choice="required",
        parallel_tool_calls=False,
        protocol="other",
    )
    assert not {"tool_choice", "parallel_tool_calls"} & CHAT.encode_request(request).keys()
    assert CHAT.loss(request) == ("parallel_tool_calls", "tool_choice.required", "tools.search")
    alone = ChatRequest(messages=(HI,), tool_choice="required")
    assert "tool_choice" not in CHAT.encode_request(alone)
    assert CHAT.loss(alone) == ("tool_choice.required",)


def test_a_turn_that_nothing_is_left_of_is_none() -> None:
    opaque = OpaquePart("other", {"type": "hologram"})
    silent = (
        Message("assistant", (opaque,)),
        Message("assistant"),
        Message("assistant", (ReasoningPart("Hm"),)),
        Message("user", (opaque,)),
    )
    assert sent(HI, *silent)[0] == [SAID_HI]
    result = Message("tool", (ToolResultPart("c", (opaque,)),))
    assert sent(result)[0] == [{"role": "tool", "content": "", "tool_call_id": "c"}]
    assert sent(Message("assistant", (TextPart(""),)))[0] == [{"role": "assistant", "content": ""}]


def test_a_long_id_is_short_for_call_and_result_alike() -> None:
    ids = ["c" * 41, "d" * 80, "e" * 40]
    calls = Message("assistant", tuple(ToolCallPart(id, "f", "{}") for id in ids))
    results = [Message("tool", (ToolResultPart(id),)) for id in ids]
    said, *answers = sent(calls, *results)[0]
    told = [call["id"] for call in said["tool_calls"]]
    assert told == [answer["tool_call_id"] for answer in answers]
    assert all(len(id) <= 40 for id in told)
    assert told[2] == ids[2]
    assert len(set(told)) == 3


def test_reasoning_of_an_answer_is_not_said_back_to_openai() -> None:
    details = {NAME: {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}}
    parts = (ReasoningPart("Hm"), ReasoningPart("So", "", details), TextPart("Hi"))
    (said,), lost = sent(Message("assistant", parts), protocol="")
    assert said == {"role": "assistant", "content": "Hi"}
    assert lost == ("reasoning.reasoning_details", "reasoning.unsigned")


def test_reasoning_that_the_caller_typed_is_said_back() -> None:
    typed = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}
    request = replace(CHAT.decode_request(asks(typed)), protocol="")
    assert CHAT.encode_request(request)["messages"] == [typed]
    assert CHAT.loss(request) == ()


def test_one_answer_is_asked_where_more_were() -> None:
    request = CHAT.decode_request(asks(USER, n=3, logit_bias={"1": 2}))
    one, lost = CHAT.one_answer(request)
    assert one == replace(request, extra={"logit_bias": {"1": 2}})
    assert lost == ("extra.n",)
    for count in (1, True, "3", None):
        request = ChatRequest(messages=(HI,), extra={"n": count})
        assert CHAT.one_answer(request) == (request, ())


F = {"name": "f", "arguments": ""}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": None}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": ["Hi"]}, "messages[0]"),
    ({"messages": [USER, None]}, "messages[1]"),
    ({"messages": [{}]}, "messages[0].role"),
    ({"messages": [USER, {"role": "robot"}]}, "messages[1].role"),
    ({"messages": [{"role": ["user"]}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": {}}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": ["Hi"]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": 5}]}]}, "messages[0].content[0]"),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
        "messages[0].content[0].text",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages[0].content[0].image_url",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "messages[0].content[0].image_url",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        "messages[0].content[0].input_audio",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "file", "file": "x"}]}]},
        "messages[0].content[0].file",
    ),
    ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
    (
        {"messages": [{"role": "assistant", "tool_calls": ["x"]}]},
        "messages[0].tool_calls[0].function.name",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": F}, {"function": {}}]}]},
        "messages[0].tool_calls[1].function.name",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"custom": {"input": "x"}}]}]},
        "messages[0].tool_calls[0].function.name",
    ),
    (
        {"messages": [{"role": "assistant", "reasoning_details": 5}]},
        "messages[0].reasoning_details",
    ),
    ({"model": 5}, "model"),
    ({"model": None}, "model"),
    ({"stream": "yes"}, "stream"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": []}, "top_p"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": "5"}, "max_tokens"),
    ({"max_completion_tokens": {}}, "max_completion_tokens"),
    ({"stop": 5}, "stop"),
    ({"stop": [5]}, "stop[0]"),
    ({"seed": "x"}, "seed"),
    ({"tools": {}}, "tools"),
    ({"tools": ["f"]}, "tools[0]"),
    ({"tools": [{}]}, "tools[0].function.name"),
    ({"tools": [{"type": 5}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [{"function": {"name": 5}}]}, "tools[0].function.name"),
    ({"tools": [{"function": {"name": "f", "description": 5}}]}, "tools[0].function.description"),
    ({"tools": [{"function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
    ({"tool_choice": 5}, "tool_choice"),
    ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
    ({"response_format": "json"}, "response_format"),
    ({"reasoning_effort": 5}, "reasoning_effort"),
]


@pytest.mark.parametrize(("changed", "field"), WRONG, ids=[repr(changed) for changed, _ in WRONG])
def test_a_wrong_field_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CHAT.decode_request({**asks(USER), **changed})
    assert caught.value.param == field
    assert caught.value.message.startswith(field)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidRequest, match="messages is missing") as caught:
        CHAT.decode_request({"model": "m"})
    assert caught.value.param == "messages"


@given(
    st.dictionaries(st.sampled_from(["model", "messages", "tools", "stop", "tool_choice"]), values)
)
def test_any_json_is_a_request_or_a_named_error(body: dict[str, Any]) -> None:
    try:
        again(body)
    except InvalidRequest as error:
        assert error.param  # noqa: PT017


@given(st.dictionaries(
    st.sampled_from(["role", "content", "tool_calls", "refusal", "reasoning", "reasoning_details",
                     "tool_call_id", "name", "function_call"]), values),
    st.sampled_from(["user", "assistant", "tool", "function", "system"]))  # fmt: skip
def test_any_message_is_read_or_refused(said: dict[str, Any], role: str) -> None:
    try:
        again(asks({"role": role, **said}))
    except InvalidRequest as error:
        assert error.param  # noqa: PT017
        assert error.param.startswith("messages[0]")  # noqa: PT017
