"""What Bedrock refuses of other protocols' questions: left out or mended, and named as lost;
nothing of its own callers' words is touched."""

from __future__ import annotations

import re
from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.protocols import Protocol, json
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

CONVERSE = BedrockConverse()
NAME = "bedrock_converse"
CHAT = OpenAIChat()
RESPONSES = OpenAIResponses()
HELLO = Message("user", (TextPart("Hi"),))
ANY = {"inputSchema": {"json": {"type": "object", "properties": {}}}}


def said(body: dict[str, Any], by: Protocol = CHAT) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What Bedrock gets of a caller's body, over the wire, and what is lost."""
    request = by.decode_request(json.loads(json.encode(body)))
    written = json.loads(json.encode(CONVERSE.encode_request(request)))
    return written, CONVERSE.loss(request)


def wire(*messages: Message, protocol: str = "openai_chat") -> dict[str, Any]:
    return CONVERSE.encode_request(ChatRequest(messages=messages, protocol=protocol))


def documents(*messages: Message) -> list[str]:
    """The names of all documents, those in tools' answers too."""
    blocks = [block for turn in wire(*messages)["messages"] for block in turn["content"]]
    inner = [each for b in blocks if "toolResult" in b for each in b["toolResult"]["content"]]
    return [b["document"]["name"] for b in [*blocks, *inner] if "document" in b]


def test_bedrocks_own_words_are_not_touched() -> None:
    twice = {"document": {"format": "pdf", "name": "a", "source": {"bytes": "AA=="}}}
    odd = {"image": {"format": "bmp", "source": {"bytes": "AA=="}}}
    own = {
        "messages": [
            {"role": "user", "content": [twice, twice, odd]},
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "a:b", "name": "f", "input": {}}}],
            },
        ],
        "inferenceConfig": {"temperature": 1.5},
    }
    assert said(own, by=CONVERSE) == (own, ())


def test_a_document_by_its_address_is_lost() -> None:
    part = {"type": "input_file", "file_url": "https://a.invalid/b.pdf"}
    text = {"type": "input_text", "text": "Hi"}
    body, lost = said(
        {"model": "m", "input": [{"role": "user", "content": [part, text]}]}, by=RESPONSES
    )
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]
    assert lost == ("file.url",)


def test_nothing_is_chosen_where_there_are_no_tools() -> None:
    hosted = {"tools": [{"type": "web_search"}], "tool_choice": "required"}
    body, lost = said({"model": "m", "input": "Hi", **hosted}, by=RESPONSES)
    assert "toolConfig" not in body
    assert lost == ("tool_choice.required", "tools.web_search")


def test_a_choice_in_anothers_words_is_left_out() -> None:
    request = ChatRequest(
        messages=(HELLO,),
        tools=(Tool("f", "", {}),),
        tool_choice={"type": "odd"},
        protocol="openai_chat",
    )
    assert "toolChoice" not in CONVERSE.encode_request(request)["toolConfig"]
    assert CONVERSE.loss(request) == ("tool_choice.odd",)


def test_tools_that_were_called_before_are_named_though_none_may_be_called_now() -> None:
    body, lost = said(
        {
            "model": "m",
            "tool_choice": "none",
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": id, "type": "function", "function": {"name": n, "arguments": "{}"}}
                        for id, n in (("a", "f"), ("b", "g"), ("c", "f"))
                    ],
                },
                *[{"role": "tool", "tool_call_id": id, "content": "r"} for id in "abc"],
            ],
        }
    )
    named = [{"toolSpec": {"name": name, **ANY}} for name in ("f", "g")]
    assert body["toolConfig"] == {"tools": named}
    assert lost == ("tool_choice.none",)


def test_no_two_documents_have_one_name() -> None:
    files = [FilePart(data, "application/pdf", "отчёт.pdf") for data in ("AAAA", "BBBB")]
    other = FilePart("CCCC", "application/pdf", "счета.pdf")
    result = Message("tool", (ToolResultPart("t", (files[0],)),))
    names = documents(Message("user", (*files, other)), result, Message("user", (files[0],)))
    assert len(names) == len(set(names)) == 5
    assert names[:3] == ["------pdf", "------pdf-2", "------pdf-3"]
    assert documents(Message("user", tuple(files))) == names[:2]


def test_a_documents_name_is_not_too_long_and_anothers_value_stays_as_it_was() -> None:
    long = FilePart("AA==", "application/pdf", "x" * 300)
    assert [len(name) for name in documents(Message("user", (long, long)))] == [200, 200]
    own = {"document": {"name": "a", "source": {"text": "b"}}}
    kept = {"toolResult": {"toolUseId": "t", "type": "x", "content": [own]}}
    parts = (OpaquePart(NAME, own), OpaquePart(NAME, kept))
    assert documents(Message("user", parts)) == ["a", "a-2"]
    assert (own["document"]["name"], kept["toolResult"]["content"]) == ("a", [own])


@pytest.mark.parametrize(
    ("part", "form"),
    [
        (ImagePart("", "AA==", "image/JPG;q=1"), "jpeg"),
        (ImagePart("", "AA==", "image/webp"), "webp"),
        (FilePart("AA==", "text/markdown;charset=utf-8", "a"), "md"),
        (FilePart("AA==", "text/x-python", "a"), "txt"),
        (FilePart("AA==", "Application/PDF", "a"), "pdf"),
    ],
)
def test_formats_are_said_in_bedrocks_words(part: Part, form: str) -> None:
    (block,) = wire(Message("user", (part,)))["messages"][0]["content"]
    (value,) = block.values()
    assert value["format"] == form


@pytest.mark.parametrize(
    ("feature", "part"),
    [
        ("image.data", ImagePart("", "AA==", "image/bmp")),
        ("image.data", ImagePart("", "AA==", "")),
        ("file.data", FilePart("AA==", "video/mp4")),
        ("file.data", FilePart("AA==", "application/zip")),
    ],
)
def test_formats_that_bedrock_does_not_list_are_left_out_and_named(feature: str, part: Any) -> None:
    inside = ToolResultPart("t", (part,))
    request = ChatRequest(
        messages=(Message("user", (TextPart("Hi"), part, inside)),), protocol="openai_chat"
    )
    result = {"toolResult": {"toolUseId": "t", "content": []}}
    (turn,) = CONVERSE.encode_request(request)["messages"]
    assert turn["content"] == [{"text": "Hi"}, result]
    assert CONVERSE.loss(request) == (feature, f"tool_result.{feature.removesuffix('.data')}")


def test_a_temperature_above_bedrocks_scale_is_lost() -> None:
    user = {"role": "user", "content": "Hi"}
    body, lost = said({"model": "m", "messages": [user], "temperature": 1.7})
    assert "inferenceConfig" not in body
    assert lost == ("temperature",)


@pytest.mark.parametrize("id", ["functions.f:0", "x" * 65, "", "я"])
def test_a_calls_id_is_made_to_fit_in_the_call_and_its_result(id: str) -> None:
    call = Message("assistant", (ToolCallPart(id, "f", "{}"),))
    result = Message("tool", (ToolResultPart(id, (TextPart("a"),)),))
    _, asked, answered = wire(HELLO, call, result)["messages"]
    fitted = asked["content"][0]["toolUse"]["toolUseId"]
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", fitted)
    assert answered["content"][0]["toolResult"]["toolUseId"] == fitted


@pytest.mark.parametrize(
    "messages",
    [
        (Message("system", (TextPart("Be brief."),)),),
        (Message("user", (ImagePart("https://a.invalid/b.png"),)),),
        (Message("user", ()),),
        (),
    ],
)
def test_a_question_that_says_nothing_is_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(InvalidRequest, match="send a user's words") as raised:
        wire(*messages)
    assert raised.value.param == "messages"


def test_an_empty_turn_is_left_out() -> None:
    (turn,) = wire(HELLO, Message("assistant", ()), HELLO)["messages"]
    assert turn["content"] == [{"text": "Hi"}, {"text": "Hi"}]
