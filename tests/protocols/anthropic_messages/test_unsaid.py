"""What Anthropic refuses of other protocols' questions: left out or mended, and named as lost;
nothing of its own callers' words is touched."""

from __future__ import annotations

import re
from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.protocols import Protocol, json
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import (
    CACHE,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Part,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

MESSAGES = AnthropicMessages()
CHAT = OpenAIChat()
RESPONSES = OpenAIResponses()
USER = {"role": "user", "content": "Hi"}
HELLO = Message("user", (TextPart("Hi"),))
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
WEATHER = Tool("f", "", {"type": "object"})
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def said(body: dict[str, Any], by: Protocol = CHAT) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What Anthropic gets of a caller's body, over the wire, and what is lost."""
    request = by.decode_request(json.loads(json.encode(body)))
    written = json.loads(json.encode(MESSAGES.encode_request(request)))
    return written, MESSAGES.loss(request)


def chat(*messages: dict[str, Any], **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    return said({"model": "m", "messages": list(messages or [USER]), **more})


def asks(*parts: Part, protocol: str = "openai_chat", **more: Any) -> ChatRequest:
    messages = (Message("user", (TextPart("Hi"), *parts)),)
    return ChatRequest(model="m", messages=messages, protocol=protocol, **more)


def blocks(request: ChatRequest) -> list[dict[str, Any]]:
    """The blocks after the first of the only turn."""
    (turn,) = MESSAGES.encode_request(request)["messages"]
    return [] if isinstance(turn["content"], str) else turn["content"][1:]


def test_thinking_gives_way_to_a_tool_that_must_be_called() -> None:
    must = {"tools": [FUNCTION], "reasoning_effort": "high", "temperature": 0, "max_tokens": 9000}
    for choice in ("required", {"type": "function", "function": {"name": "f"}}):
        body, lost = chat(tool_choice=choice, **must)
        assert "thinking" not in body
        assert (body["tool_choice"]["type"] in ("any", "tool"), body["temperature"]) == (True, 0)
        assert lost == ("reasoning_effort",)
    body, lost = chat(tool_choice="auto", **must)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 4500}
    assert lost == ("reasoning_effort", "temperature")


def test_no_thinking_forbids_nothing() -> None:
    body, lost = chat(
        tools=[FUNCTION], tool_choice="required", reasoning_effort="none", temperature=0
    )
    assert (body["thinking"], body["temperature"]) == ({"type": "disabled"}, 0)
    assert lost == ()


@pytest.mark.parametrize(
    ("sampling", "lost"),
    [
        ({"temperature": 0.5, "top_k": 5, "top_p": 0.9}, ("temperature", "top_k", "top_p")),
        ({"temperature": 1.0, "top_p": 0.95}, ()),
    ],
)
@pytest.mark.parametrize("wish", [{"reasoning_budget": 2000}, {"reasoning_budget": -1}])
def test_thinking_wants_the_usual_sampling(
    wish: dict[str, Any], sampling: dict[str, Any], lost: tuple[str, ...]
) -> None:
    request = asks(**wish, **sampling)
    body = MESSAGES.encode_request(request)
    assert "thinking" in body
    assert MESSAGES.loss(request) == lost
    kept = {name: value for name, value in sampling.items() if name not in lost}
    assert {name: body[name] for name in sampling if name in body} == kept


def test_anthropics_own_words_are_not_touched() -> None:
    own = {
        "model": "m",
        "max_tokens": 2000,
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/jpg", "data": "AA=="},
                    },
                    {"type": "document", "source": {"type": "file", "file_id": "f1"}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "a:b", "name": "f", "input": {}}],
            },
        ],
        "thinking": {"type": "enabled", "budget_tokens": 1999},
        "temperature": 1.5,
        "top_k": 5,
        "top_p": 0.5,
        "stop_sequences": ["\n"],
        "tool_choice": {"type": "any"},
    }
    assert said(own, by=MESSAGES) == (own, ())


@pytest.mark.parametrize("choice", ["required", "auto", "none", {"type": "function", "name": "f"}])
def test_nothing_is_chosen_where_there_are_no_tools(choice: Any) -> None:
    hosted = {"tools": [{"type": "web_search"}], "tool_choice": choice}
    body, lost = said(
        {"model": "m", "input": "Hi", "parallel_tool_calls": False, **hosted}, by=RESPONSES
    )
    assert "tools" not in body
    assert "tool_choice" not in body
    word = choice if isinstance(choice, str) else "name"
    chosen = () if choice == "auto" else (f"tool_choice.{word}",)
    assert lost == ("parallel_tool_calls", *chosen, "tools.web_search")


def test_how_many_tools_at_once_is_lost_where_none_may_be_called() -> None:
    body, lost = chat(tools=[FUNCTION], tool_choice="none", parallel_tool_calls=False)
    assert body["tool_choice"] == {"type": "none"}
    assert lost == ("parallel_tool_calls",)


def test_a_choice_in_anothers_words_does_not_hide_how_many_may_be_called() -> None:
    odd = asks(tools=(WEATHER,), tool_choice={"type": "odd"}, parallel_tool_calls=False)
    alone = {"type": "auto", "disable_parallel_tool_use": True}
    assert MESSAGES.encode_request(odd)["tool_choice"] == alone
    assert MESSAGES.loss(odd) == ("tool_choice.odd",)


def test_turns_that_say_nothing_are_left_out() -> None:
    contents: tuple[Any, ...] = ("", None, [])
    for empty in contents:
        said_nothing = {"role": "assistant", "content": empty}
        body, lost = chat(USER, said_nothing, {"role": "user", "content": "you"})
        (turn,) = body["messages"]
        assert [block["text"] for block in turn["content"]] == ["Hi", "you"]
        assert lost == ()


@pytest.mark.parametrize(
    "messages",
    [
        (Message("system", (TextPart("Be brief."),)),),
        (Message("user", (AudioPart("AA==", "wav"),)),),
        (Message("user", (TextPart(""),)),),
        (),
    ],
)
def test_a_question_that_says_nothing_is_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(InvalidRequest, match="send a user's words") as raised:
        MESSAGES.encode_request(ChatRequest(model="m", messages=messages))
    assert raised.value.param == "messages"


@pytest.mark.parametrize(
    "media_type", ["image/jpg", "IMAGE/JPEG", "image/jpeg;charset=binary", "image/jpeg ; q=1"]
)
def test_media_types_are_said_by_their_right_names(media_type: str) -> None:
    url = f"data:{media_type};base64,AA=="
    body, lost = chat(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    )
    source = {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}
    assert body["messages"][0]["content"] == [{"type": "image", "source": source}]
    assert lost == ()


REFUSED: list[tuple[str, Part]] = [
    ("image.data", ImagePart("", "AA==", "image/bmp")),
    ("image.data", ImagePart("", "AA==", "")),
    ("image.url", ImagePart("data:image/png,notbase64")),
    ("image.url", ImagePart("DATA:image/png;base64,AA==")),
    ("file.data", FilePart("AA==", DOCX, "a.docx")),
    ("file.data", FilePart("AA==", "video/mp4")),
    ("file.data", FilePart("/w==", "text/plain")),  # no UTF-8
    ("file.id", FilePart(id="file-abc")),
    ("file.url", FilePart(url="data:application/pdf,notbase64")),
    ("audio", AudioPart("AA==", "wav")),
]


@pytest.mark.parametrize(("feature", "part"), REFUSED)
def test_what_anthropic_cannot_see_is_left_out_and_named(feature: str, part: Any) -> None:
    assert blocks(asks(part)) == []
    assert MESSAGES.loss(asks(part)) == (feature,)


@pytest.mark.parametrize(("feature", "part"), REFUSED)
def test_what_a_tools_answer_cannot_hold_is_left_out_and_named(feature: str, part: Any) -> None:
    (block,) = blocks(asks(ToolResultPart("t", (part,))))
    assert block == {"type": "tool_result", "tool_use_id": "t"}
    kind = "image" if feature.startswith("image") else "file"
    assert MESSAGES.loss(asks(ToolResultPart("t", (part,)))) == (f"tool_result.{kind}",)


def test_a_cache_mark_is_lost_with_what_bears_it() -> None:
    marked = ImagePart("", "AA==", "image/bmp", {CACHE: {"type": "ephemeral"}})
    assert MESSAGES.loss(asks(marked)) == ("cache", "image.data")


TAKEN: list[tuple[Part, dict[str, Any]]] = [
    (FilePart("AA==", "Application/PDF; x=y"), {"media_type": "application/pdf", "data": "AA=="}),
    (FilePart("AA=="), {"media_type": "application/pdf", "data": "AA=="}),
    (FilePart("0Y8=", "text/plain;charset=utf-8"), {"media_type": "text/plain", "data": "я"}),
    (FilePart(url="https://a.invalid/b.pdf"), {"url": "https://a.invalid/b.pdf"}),
    (ImagePart("https://a.invalid/b.png"), {"url": "https://a.invalid/b.png"}),
]


@pytest.mark.parametrize(("part", "source"), TAKEN)
def test_what_anthropic_can_see_is_said(part: Part, source: dict[str, Any]) -> None:
    (block,) = blocks(asks(part))
    assert {key: value for key, value in block["source"].items() if key != "type"} == source
    assert MESSAGES.loss(asks(part)) == ()


def test_a_librarys_caller_may_name_the_services_own_files() -> None:
    request = asks(FilePart(id="f1"), protocol="")
    assert blocks(request) == [{"type": "document", "source": {"type": "file", "file_id": "f1"}}]
    assert MESSAGES.loss(request) == ()


@pytest.mark.parametrize("id", ["functions.f:0", "x" * 65, "", "я", "\ud83d"])
def test_a_calls_id_is_made_to_fit_in_the_call_and_its_result(id: str) -> None:
    call = Message("assistant", (ToolCallPart(id, "f", "{}"),))
    result = Message("tool", (ToolResultPart(id, (TextPart("a"),)),))
    request = ChatRequest(model="m", messages=(HELLO, call, result), protocol="openai_chat")
    first = MESSAGES.encode_request(request)
    assert first == MESSAGES.encode_request(request)
    _, asked, answered = first["messages"]
    (use,), (found,) = asked["content"], answered["content"]
    assert use["id"] == found["tool_use_id"]
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", use["id"])
    assert MESSAGES.loss(request) == ()


def test_ids_that_fit_stay_and_others_stay_apart() -> None:
    ids = ("toolu_01-A", "x" * 64, "a.b", "a:b")
    calls = Message("assistant", tuple(ToolCallPart(id, "f", "{}") for id in ids))
    request = ChatRequest(model="m", messages=(HELLO, calls), protocol="openai_chat")
    uses = MESSAGES.encode_request(request)["messages"][1]["content"]
    assert [use["id"] for use in uses[:2]] == list(ids[:2])
    assert len({use["id"] for use in uses}) == 4


@pytest.mark.parametrize(("stop", "kept"), [(["\n"], None), (["\n", "a", ""], ["a"])])
def test_stops_of_blanks_alone_are_lost(stop: list[str], kept: list[str] | None) -> None:
    body, lost = chat(stop=stop)
    assert body.get("stop_sequences") == kept
    assert lost == ("stop",)


def test_a_temperature_above_anthropics_scale_is_lost() -> None:
    body, lost = chat(temperature=1.7)
    assert "temperature" not in body
    assert lost == ("temperature",)
    assert chat(temperature=1)[1] == ()


def test_a_form_without_a_schema_is_lost() -> None:
    for named in ({"name": "n"}, {"name": "n", "schema": None}):
        form = {"type": "json_schema", "json_schema": named}
        request = asks(response_format=form)
        assert "output_config" not in MESSAGES.encode_request(request)
        assert MESSAGES.loss(request) == ("response_format.json_schema",)


def test_nothing_is_invented_before_an_assistant_who_speaks_first() -> None:
    body, _ = chat({"role": "assistant", "content": "Welcome!"}, USER)
    assert [turn["role"] for turn in body["messages"]] == ["assistant", "user"]
