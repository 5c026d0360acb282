"""OpenRouter: how hard to think, and the details of reasoning, whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import StreamFailed
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols.openai_chat.dialects.openrouter import OpenRouter
from penstock.types import CACHE, ChatRequest, Message, ReasoningPart, TextPart
from protocols import recorded
from protocols.reading import by, outcome_of, read, sliced

ROUTER = OpenRouter(ask_usage=False)
USER = Message("user", (TextPart("Hi"),))


def frame(**delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": delta.pop("finish_reason", None)}
    return b"data: " + json.dumps({"id": "a", "choices": [choice]}).encode() + b"\n\n"


def details(*items: dict[str, Any], **more: Any) -> bytes:
    return frame(reasoning_details=list(items), **more)


def text(said: str, index: int | None = 0, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": said, "index": index, **more}


def kept(*items: dict[str, Any]) -> dict[str, Any]:
    return {"openai_chat": {"reasoning_details": list(items)}}


DONE = frame(content="!", finish_reason="stop") + b"data: [DONE]\n\n"


def test_how_hard_to_think_is_said_where_how_long_is_left_to_the_model() -> None:
    request = ChatRequest(reasoning_budget=-1, reasoning_effort="max", protocol="other")
    assert ROUTER.encode_request(request)["reasoning"] == {"effort": "max"}
    assert ROUTER.loss(request) == ("reasoning_budget",)
    request = ChatRequest(reasoning_budget=-1)
    assert ROUTER.encode_request(request)["reasoning"] == {"effort": "medium"}
    request = ChatRequest(reasoning_budget=99, reasoning_effort="max", protocol="other")
    assert ROUTER.encode_request(request)["reasoning"] == {"max_tokens": 99}
    assert ROUTER.loss(request) == ("reasoning_effort",)


def test_fragments_are_joined_by_index_and_type_and_the_text_does_not_wait() -> None:
    stream = (
        details(text("So", format="f"), reasoning="So")
        + details(text(" ho", format="f"), reasoning=" ho")
        + details({"type": "reasoning.text", "index": 0, "signature": "si"})
        + details({"type": "reasoning.text", "index": 0, "signature": "g"})
        + DONE
    )
    outcome = read(ROUTER, by(stream, 1))
    assert outcome.events[1:5] == (
        ReasoningDelta("So", 0),
        ReasoningDelta(" ho", 0),
        ReasoningDelta("", 0, "sig", kept(text("So ho", format="f", signature="sig"))),
        TextDelta("!", 1),
    )


def test_a_summary_and_sealed_data_of_one_index_stay_two_items() -> None:
    summary = {"type": "reasoning.summary", "summary": "In short", "index": 0}
    sealed = {"type": "reasoning.encrypted", "data": "xyz", "id": "rs_1", "index": 0}
    stream = details(summary, reasoning="In short") + details(sealed) + DONE
    part = read(ROUTER, stream).reply.message.content[0]
    assert part == ReasoningPart("In short", "", kept(summary, sealed))


def test_sealed_data_that_comes_with_a_call_stands_before_it() -> None:
    sealed = {"type": "reasoning.encrypted", "data": "xyz", "index": 0}
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}
    events = read(ROUTER, details(sealed, tool_calls=[call]) + DONE).events
    assert events[1] == ReasoningDelta("", 0, "", kept(sealed))
    assert events[2] == ToolCallStart(1, "c", "f")


def test_items_without_an_index_are_told_apart_by_their_signatures_and_ids() -> None:
    stream = (
        details(text("A", None))
        + details(text("B", None, signature="s"))
        + details(text("C", None))
        + details({"type": "reasoning.encrypted", "data": "1", "id": "x"})
        + details({"type": "reasoning.encrypted", "data": "2", "id": "y"})
        + DONE
    )
    part = read(ROUTER, stream).reply.message.content[0]
    assert isinstance(part, ReasoningPart)
    assert part.metadata is not None
    items = part.metadata["openai_chat"]["reasoning_details"]
    assert [item.get("text") or item["data"] for item in items] == ["AB", "C", "1", "2"]


def test_a_whole_answers_items_are_whole() -> None:
    items = [text("A", None), text("B", None)]
    message = {"content": "!", "reasoning": "AB", "reasoning_details": items}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "a", "choices": [choice]}).encode()
    part = outcome_of(ROUTER.decode_response(body)).reply.message.content[0]
    assert part == ReasoningPart("AB", "", kept(*items))


@pytest.mark.parametrize("item", [None, 7, "x", {}, {"type": None, "text": 7}])
def test_details_of_a_wrong_shape_are_kept_or_skipped(item: Any) -> None:
    outcome = read(ROUTER, details(item, item) + DONE)
    assert outcome.finish
    assert outcome.reply.text == "!"


@recorded.each(
    [
        case
        for case in recorded.answers("openai_chat")
        if case["provider"] == "openrouter" and b"reasoning_details" in recorded.body(case)
    ]
)
def test_recorded_details_are_said_back_whole_and_unchanged(case: recorded.Case) -> None:
    reply = outcome_of(ROUTER.decode_response(recorded.body(case))).reply
    request = ChatRequest(messages=(USER, reply.message, USER))
    said = ROUTER.encode_request(request)["messages"][1]
    if not case["stream"]:
        message = json.loads(recorded.body(case))["choices"][0]["message"]
        assert said["reasoning_details"] == message["reasoning_details"]
        return
    items = said["reasoning_details"]
    assert len({(item["type"], item.get("index"), item.get("id")) for item in items}) == len(items)
    texts = [item.get("text") or item.get("summary") or "" for item in items]
    assert "".join(texts) == reply.reasoning


# What is asked


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reasoning_effort": "high"}, {"effort": "high"}),
        ({"reasoning_effort": "none"}, {"effort": "none"}),
        ({"reasoning_budget": 2000}, {"max_tokens": 2000}),
        ({"reasoning_budget": 0}, {"effort": "none"}),
        ({"reasoning_budget": 2000, "extra": {"reasoning": {"exclude": True}}}, None),
    ],
)
def test_thinking_is_asked_in_one_object_both_ways(
    fields: dict[str, Any], said: dict[str, Any] | None
) -> None:
    request = ChatRequest(model="m", messages=(USER,), stream=False, **fields)
    body = ROUTER.encode_request(request)
    assert body["reasoning"] == (said or {"max_tokens": 2000, "exclude": True})
    assert "reasoning_effort" not in body
    assert ROUTER.encode_request(ROUTER.decode_request(body)) == body
    assert ROUTER.loss(request) == ()


def test_of_a_budget_and_an_effort_the_budget_is_said() -> None:
    request = ChatRequest(messages=(USER,), reasoning_budget=9, reasoning_effort="low")
    assert ROUTER.encode_request(request)["reasoning"] == {"max_tokens": 9}
    assert ROUTER.loss(request) == ("reasoning_effort",)


def test_what_reasoning_says_beyond_that_stays() -> None:
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "reasoning": {"enabled": True, "effort": 7},
        "provider": {"order": ["x"]},
        "usage": {"include": True},
    }
    assert ROUTER.encode_request(ROUTER.decode_request(body)) == body


def test_cache_marks_and_signed_reasoning_of_any_caller_are_passed_on() -> None:
    cached = TextPart("Hi", {CACHE: {"type": "ephemeral"}})
    request = ChatRequest(
        messages=(Message("user", (cached,)), Message("assistant", (ReasoningPart("So", "sig"),))),
        top_k=5,
        protocol="anthropic_messages",
    )
    body = ROUTER.encode_request(request)
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["messages"][1]["reasoning"] == "So"
    assert body["messages"][1]["reasoning_details"][0]["signature"] == "sig"
    assert body["top_k"] == 5
    assert ROUTER.loss(request) == ()


def test_an_error_beside_the_choices_ends_the_answer() -> None:
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    failed = {"id": "a", "error": {"code": 502, "message": "Down"}, "choices": [choice]}
    stream = frame(content="Hi") + b"data: " + json.dumps(failed).encode() + b"\n\n"
    outcome = read(ROUTER, stream)
    assert outcome.failure is not None
    assert outcome.failure[:2] == (StreamFailed, "Down")
    alone = read(ROUTER, frame(content="Hi", finish_reason="error") + b"data: [DONE]\n\n")
    assert alone.error is StreamFailed


_texts = st.text(min_size=1, max_size=6)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Event, ...]:
    """Runs of reasoning, each with its items at its end, and texts, in turn."""
    said: list[Event] = []
    for index, reasons in enumerate(_turns(draw(st.lists(st.booleans(), max_size=5)))):
        if not reasons:
            said.append(TextDelta(draw(_texts), index))
            continue
        said.append(ReasoningDelta(draw(_texts), index))
        items = [text(draw(_texts), number) for number in range(draw(st.integers(0, 2)))]
        signature = ""
        if len(items) == 1 and draw(st.booleans()):
            signature = items[0]["signature"] = draw(_texts)
        if items:
            said.append(ReasoningDelta("", index, signature, kept(*items)))
    return Start("a", "m"), *said, Finish("stop", "stop")


def _turns(kinds: list[bool]) -> list[bool]:
    return [kind for number, kind in enumerate(kinds) if number == 0 or kinds[number - 1] != kind]


@given(answers(), st.data())
def test_what_is_told_is_read_again_however_it_arrives(
    events: tuple[Event, ...], data: st.DataObject
) -> None:
    encoder = ROUTER.encoder(ChatRequest(model="m"))
    body = b"".join(map(encoder.encode, events)) + encoder.close()
    assert read(ROUTER, body).events == events
    assert read(ROUTER, by(body, 1)).events == events
    assert read(ROUTER, sliced(body, [data.draw(st.integers(0, len(body)))])).events == events
    assert collect(events) == read(ROUTER, body).reply
