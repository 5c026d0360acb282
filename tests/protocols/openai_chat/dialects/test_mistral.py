"""Mistral: what is asked in its words, and its answers, in both directions."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import (
    InvalidRequest,
    MalformedStream,
    PenstockError,
    StreamFailed,
    StreamStalled,
)
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.mistral import Mistral
from penstock.types import (
    AudioPart,
    ChatRequest,
    FilePart,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    Usage,
)
from protocols.reading import by, merge, outcome_of, read, sliced

MISTRAL = Mistral()
USER = Message("user", (TextPart("Hi"),))
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "So"}]}
REFERENCE = {"type": "reference", "reference_ids": [1, 2]}


def asked(*messages: Message, **fields: Any) -> dict[str, Any]:
    return MISTRAL.encode_request(ChatRequest(model="m", messages=messages or (USER,), **fields))


def conversed(*parts: Any, **fields: Any) -> dict[str, Any]:
    """The assistant's message of a conversation, as it is said back."""
    said: dict[str, Any] = asked(USER, Message("assistant", parts), USER, **fields)["messages"][1]
    return said


# What is asked


def test_a_seed_a_demand_for_a_tool_and_the_longest_answer_have_names_of_mistrals_own() -> None:
    body = asked(seed=7, tools=(Tool("t"),), tool_choice="required", max_tokens=9)
    assert body["random_seed"] == 7
    assert body["tool_choice"] == "any"
    assert body["max_tokens"] == 9
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert not {"seed", "stream_options"} & set(body)


def test_what_mistral_refuses_of_openais_words_is_left_out_and_told() -> None:
    body = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 9,
        "user": "me",
        "safe_prompt": True,
        "messages": [{"role": "developer", "content": "Be"}, {"role": "user", "content": "Hi"}],
    }
    request = OpenAIChat().decode_request(body)
    written = MISTRAL.encode_request(request)
    assert set(written) == {"model", "stream", "messages", "max_tokens", "safe_prompt"}
    assert written["messages"][0]["role"] == "system"
    assert MISTRAL.loss(request) == ("extra.user",)


def test_earlier_reasoning_is_said_back_as_a_part_of_the_content() -> None:
    said = conversed(ReasoningPart("So", "sig"), TextPart("Ho"), protocol="anthropic_messages")
    assert said["content"] == [THINKING, {"type": "text", "text": "Ho"}]
    signed = conversed(ReasoningPart("So", "sig"))
    assert signed["content"] == [{**THINKING, "signature": "sig"}]
    reasoned = {"raw": {"reasoning_content": "So"}}
    openais = conversed(ReasoningPart("So", metadata={"openai_chat": reasoned}), TextPart("Ho"))
    assert openais == {"role": "assistant", "content": said["content"]}


def test_thinking_that_holds_more_than_text_is_said_back_unchanged() -> None:
    prefix = {**THINKING, "closed": False}
    body = {"model": "m", "messages": [{"role": "assistant", "content": [prefix], "prefix": True}]}
    request = MISTRAL.decode_request(body)
    (part,) = request.messages[0].content
    assert isinstance(part, ReasoningPart)
    assert part.text == "So"
    assert MISTRAL.encode_request(request) == body


def test_a_refusal_is_said_back_as_text_and_told_to_be_lost() -> None:
    request = ChatRequest(messages=(Message("assistant", (RefusalPart("No"),)), USER))
    assert MISTRAL.encode_request(request)["messages"][0]["content"] == "No"
    assert MISTRAL.loss(request) == ("refusal",)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True))
def test_ids_of_other_services_become_nine_letters_or_digits_call_and_result_alike(
    ids: list[str],
) -> None:
    calls = tuple(ToolCallPart(id, "t", "{}") for id in ids)
    results = [Message("tool", (ToolResultPart(id, (TextPart("1"),)),)) for id in ids]
    said = asked(USER, Message("assistant", calls), *results)["messages"][1:]
    told = [call["id"] for call in said[0]["tool_calls"]]
    assert told == [result["tool_call_id"] for result in said[1:]]
    assert len(set(told)) == len(ids)
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", id) for id in told)


def test_an_id_of_mistrals_own_stays() -> None:
    said = conversed(ToolCallPart("D681PevKs", "t", "{}"))
    assert said["tool_calls"][0]["id"] == "D681PevKs"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (AudioPart("UklG", "wav"), {"type": "input_audio", "input_audio": "UklG"}),
        (
            FilePart("QQ==", "application/pdf", "a.pdf"),
            {
                "type": "document_url",
                "document_url": "data:application/pdf;base64,QQ==",
                "document_name": "a.pdf",
            },
        ),
        (FilePart(id="f1"), {"type": "file", "file_id": "f1"}),
        (
            OpaquePart("openai_chat", {"type": "audio_url", "audio_url": {"url": "https://a.b/c"}}),
            {"type": "input_audio", "input_audio": "https://a.b/c"},
        ),
    ],
)
def test_a_part_has_one_shape_in_both_directions(part: Any, said: dict[str, Any]) -> None:
    body = asked(Message("user", (part,)))
    assert body["messages"][0]["content"] == [said]
    assert MISTRAL.decode_request(body).messages[0].content == (part,)


def test_a_document_elsewhere_is_an_address_in_mistrals_words() -> None:
    part = {"type": "document_url", "document_url": "https://a.b/c.pdf", "document_name": "c"}
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    request = MISTRAL.decode_request(body)
    assert request.messages[0].content == (FilePart(url="https://a.b/c.pdf", name="c"),)
    assert MISTRAL.encode_request(request) == body


def test_a_document_in_a_scheme_of_its_own_is_only_mistrals() -> None:
    part = {"type": "document_url", "document_url": "mistral://c"}
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    request = MISTRAL.decode_request(body)
    assert request.messages[0].content == (OpaquePart("openai_chat", part),)
    assert MISTRAL.encode_request(request) == body


def test_thinking_is_said_back_as_closed_as_it_was() -> None:
    parts = [{**THINKING, "closed": True}, {"type": "text", "text": "Ho"}]
    choice = {"index": 0, "message": {"role": "assistant", "content": parts}}
    body = {"id": "a", "model": "m", "choices": [{**choice, "finish_reason": "stop"}]}
    reply = outcome_of(MISTRAL.decode_response(json.dumps(body).encode())).reply
    assert asked(USER, reply.message, USER)["messages"][1]["content"] == parts
    assert MISTRAL.encode_response(reply)["choices"][0]["message"]["content"] == parts
    request = ChatRequest(messages=(USER, reply.message, USER))
    assert "reasoning_content" not in OpenAIChat().encode_request(request)["messages"][1]


def test_a_signature_of_anothers_is_not_said_to_mistral() -> None:
    for protocol in ("", "openai_chat", "anthropic_messages"):
        parts = (ReasoningPart("So", "sig", {"signed": "anthropic_messages"}),)
        request = ChatRequest(messages=(USER, Message("assistant", parts)), protocol=protocol)
        assert MISTRAL.encode_request(request)["messages"][1]["content"] == [THINKING]
        assert "reasoning.signature" in MISTRAL.loss(request)
        parts = (ReasoningPart("So", "sig", {"signed": "mistral_chat"}),)
        request = ChatRequest(messages=(USER, Message("assistant", parts)), protocol=protocol)
        said = MISTRAL.encode_request(request)["messages"][1]["content"]
        assert said == [{**THINKING, "signature": "sig"}]
        assert MISTRAL.loss(request) == ()


def test_a_speakers_name_is_told_to_be_lost() -> None:
    body = {"messages": [{"role": "user", "content": "Hi", "name": "Bob"}]}
    request = MISTRAL.decode_request(body)
    assert MISTRAL.encode_request(request)["messages"] == [{"role": "user", "content": "Hi"}]
    assert MISTRAL.loss(request) == ("messages.name",)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "Hi"}], "random_seed": "x"}, "seed"),
    ],
)
def test_a_wrong_question_is_refused_with_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        MISTRAL.decode_request(body)
    assert caught.value.param == field


# What is answered


def frame(**choice: Any) -> bytes:
    chunk = {"id": "a", "model": "m", "choices": [{"index": 0, "finish_reason": None, **choice}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def test_parts_that_only_mistral_understands_are_kept_where_they_stand() -> None:
    parts = [{"type": "text", "text": "A"}, REFERENCE, {"type": "text", "text": "B"}]
    stream = frame(delta={"content": parts}) + frame(delta={"content": "C"}, finish_reason="stop")
    outcome = read(MISTRAL, by(stream, 1))
    kept = {"openai_chat": {"block": REFERENCE}}
    assert outcome.events[1:-1] == (
        TextDelta("A", 0),
        TextDelta("", 1, metadata=kept),
        TextDelta("B", 2),
        TextDelta("C", 2),
    )
    message = outcome.reply.message
    assert MISTRAL.encode_response(outcome.reply)["choices"][0]["message"]["content"] == [
        *parts[:2],
        {"type": "text", "text": "BC"},
    ]
    assert asked(message)["messages"][0]["content"][1] == REFERENCE


def test_text_after_a_reference_does_not_go_on_with_it() -> None:
    stream = frame(delta={"content": [REFERENCE]}) + frame(delta={"content": "C"})
    assert read(MISTRAL, stream).events[2] == TextDelta("C", 1)


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_the_service_ends_with_an_error_has_failed(stream: bool) -> None:
    if stream:
        outcome = read(
            MISTRAL, frame(delta={"content": "A"}) + frame(delta={}, finish_reason="error")
        )
    else:
        choice = {"index": 0, "message": {"content": "A"}, "finish_reason": "error"}
        outcome = read(MISTRAL, json.dumps({"id": "a", "choices": [choice]}).encode())
    assert outcome.events[1:] == (TextDelta("A"),)
    assert outcome.error is StreamFailed


def test_a_whole_answer_that_is_checked_alone_fails_too() -> None:
    choice = {"index": 0, "message": {"content": "A"}, "finish_reason": "error"}
    with pytest.raises(StreamFailed):
        MISTRAL.check_response(json.dumps({"id": "a", "choices": [choice]}).encode())


def test_an_answer_too_long_for_the_model_says_so_in_both_directions() -> None:
    stream = frame(delta={"content": "A"}, finish_reason="model_length") + b"data: [DONE]\n\n"
    outcome = read(MISTRAL, stream)
    assert outcome.finish == Finish("length", "model_length")
    assert b'"finish_reason":"model_length"' in told(outcome.events)


@pytest.mark.parametrize("content", [[7], [None], [["a"]]])
def test_a_part_that_is_none_is_malformed(content: Any) -> None:
    assert read(MISTRAL, frame(delta={"content": content})).error is MalformedStream


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking"},
        {"type": "thinking", "thinking": "So"},
        {"type": "thinking", "thinking": [None, {"text": 7}], "signature": 7},
        {"type": "text", "text": None},
        {"type": None},
        {},
    ],
)
def test_a_part_of_a_wrong_shape_says_nothing(part: dict[str, Any]) -> None:
    outcome = read(MISTRAL, frame(delta={"content": [part]}) + frame(delta={"content": "A"}))
    assert outcome.reply.text == "A"
    assert outcome.reply.reasoning == ""


@pytest.mark.parametrize(
    "body",
    [
        {"detail": [{"loc": ["body", "top_p"], "msg": "Input should be a number"}]},
        {
            "object": "error",
            "message": {"detail": [{"loc": ["body", "top_p"], "msg": "Input should be a number"}]},
            "type": "invalid_request_error",
        },
    ],
)
def test_a_list_of_faults_names_each_and_the_first_field(body: dict[str, Any]) -> None:
    error = MISTRAL.decode_error(422, json.dumps(body).encode())
    assert isinstance(error, InvalidRequest)
    assert (error.message, error.param) == ("top_p: Input should be a number", "top_p")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"detail":[7]}', b'{"message":{"detail":7}}', b"<p>"]
)
def test_any_other_failure_is_an_error_all_the_same(body: bytes) -> None:
    assert isinstance(MISTRAL.decode_error(422, body), InvalidRequest)


# What a caller is told


def told(events: Any) -> bytes:
    encoder = MISTRAL.encoder(ChatRequest(model="m"))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def test_calls_are_told_whole_with_the_end_though_they_came_in_turns() -> None:
    events: list[Event] = [
        Start("a", "m"),
        ReasoningDelta("So"),
        ToolCallStart(1, "x", "f"),
        ToolCallStart(2, "y", "g"),
        ToolCallDelta(1, '{"a":'),
        ToolCallDelta(2, "{}"),
        ToolCallDelta(1, "1}"),
        Finish("tool_calls", "tool_calls", Usage(input=1, output=2, total=3)),
    ]
    lines = told(events).split(b"\n\n")
    last = json.loads(lines[-3].removeprefix(b"data: "))
    assert last["choices"][0]["delta"]["tool_calls"] == [
        {
            "id": "x",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
            "index": 0,
        },
        {"id": "y", "type": "function", "function": {"name": "g", "arguments": "{}"}, "index": 1},
    ]
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert b'"content":[{"type":"thinking"' in lines[1]


def test_usage_is_told_unasked_and_is_an_object_even_where_nothing_is_known() -> None:
    reply = collect([Start("a", "m"), TextDelta("A"), Finish("stop", "stop")])
    answer = MISTRAL.encode_response(reply)
    assert answer["usage"] == {}
    assert outcome_of(MISTRAL.decode_response(json.dumps(answer).encode())).reply.usage is None


def test_an_error_amid_the_stream_is_told() -> None:
    encoder = MISTRAL.encoder(ChatRequest(model="m"))
    body = encoder.encode(Start("a", "m")) + encoder.encode(TextDelta("A"))
    outcome = read(MISTRAL, body + encoder.error(StreamStalled("Too slow")))
    assert outcome.failure is not None
    assert outcome.failure[:2] == (StreamFailed, "Too slow")


_texts = st.text(min_size=1, max_size=6)
_blocks = st.just({"openai_chat": {"block": REFERENCE}})


@st.composite
def answers(draw: st.DrawFn) -> tuple[Event, ...]:
    """A stream as Mistral can say it: thinking, texts and references in turn, then calls."""
    said: list[Event] = []
    kinds = draw(st.lists(st.sampled_from("trb"), max_size=6))
    index, last = -1, ""
    for kind in kinds:
        index += kind != last or kind == "b"
        last = kind
        if kind == "b":
            said.append(TextDelta("", index, metadata=draw(_blocks)))
        elif kind == "r":
            said.append(ReasoningDelta(draw(_texts), index, draw(st.just("") | _texts)))
        else:
            said.append(TextDelta(draw(_texts), index))
    for number in range(draw(st.integers(0, 3))):
        index += 1
        said.append(ToolCallStart(index, f"id{number}", draw(_texts)))
        said.append(ToolCallDelta(index, draw(st.just("{}") | _texts)))
    usage = draw(st.none() | st.just(Usage(input=1, output=2, total=3, cached_input=1)))
    stop, length = Finish("stop", "stop", usage), Finish("length", "model_length", usage)
    return Start("a", "m"), *said, draw(st.sampled_from([stop, length]))


@given(answers(), st.data())
def test_what_is_told_is_read_again_however_it_arrives(
    events: tuple[Event, ...], data: st.DataObject
) -> None:
    body = told(events)
    assert read(MISTRAL, body).events == events
    assert read(MISTRAL, by(body, 1)).events == events
    cut = data.draw(st.integers(0, len(body)))
    assert read(MISTRAL, sliced(body, [cut])).events == events


@given(answers())
def test_a_whole_answer_is_read_again(events: tuple[Event, ...]) -> None:
    reply = collect(events)
    body = json.dumps(MISTRAL.encode_response(reply)).encode()
    again = outcome_of(MISTRAL.decode_response(body))
    assert again.reply == reply
    assert list(merge(again.events))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "text", "thinking", "content", "signature"]) | st.text(),
                inner,
            )
        ),
        max_leaves=8,
    )
)
def test_any_content_is_read_or_refused(content: Any) -> None:
    outcome = read(MISTRAL, frame(delta={"content": content}, finish_reason="stop"))
    assert outcome.finish or issubclass(outcome.error or Exception, PenstockError)


def test_calls_where_nobody_calls_are_not_understood() -> None:
    said = [
        {"role": "system", "content": "So", "tool_calls": [{"a": 1}]},
        {"role": "user", "content": "Hi", "tool_call_id": 5},
    ]
    request = MISTRAL.decode_request({"model": "m", "messages": said})
    assert MISTRAL.encode_request(request)["messages"] == said
