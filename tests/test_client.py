"""The front door: one call over every provider, asynchronous and synchronous."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import AsyncClient, Client, OpenAI
from penstock.config import Config, ProviderConfig
from penstock.errors import ConfigError, InvalidRequest, StreamTruncated
from penstock.events import Finish, Start, TextDelta
from penstock.types import Message, Messages, TextPart, ToolCallPart

HERE = Config()


async def test_chat_gives_the_whole_reply() -> None:
    reply = await AsyncClient(config=HERE).chat("Men are all alike.")
    assert str(reply) == reply.text == "IN WHAT WAY"
    assert reply.model == "builtin/eliza"


async def test_stream_gives_typed_events_that_print_as_their_text() -> None:
    stream = AsyncClient("builtin/echo", config=HERE).stream("Привет, мир")
    events = [event async for event in stream]
    assert [type(event) for event in events] == [Start, TextDelta, TextDelta, Finish]
    assert "".join(map(str, events)) == "Привет, мир"


def test_the_synchronous_client_does_the_same() -> None:
    client = Client("builtin/echo", config=HERE)
    assert client.chat("a b").text == "a b"
    assert "".join(map(str, client.stream("a b", delay=0))) == "a b"
    assert [model.id for model in client.models()] == ["builtin/eliza", "builtin/echo"]


def test_the_package_itself_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert str(penstock.chat("Men are all alike.", "builtin/eliza")) == "IN WHAT WAY"
    events = penstock.stream([{"role": "user", "content": "x"}], "builtin/echo")
    assert "".join(map(str, events)) == "x"


async def test_half_an_answer_is_never_a_reply() -> None:
    with pytest.raises(StreamTruncated):
        await AsyncClient("echo", config=HERE).chat("a b c", fault="cut", after=1)


async def test_settings_of_the_client_hold_for_every_call() -> None:
    config = Config(providers={"lab": ProviderConfig(type="openai-compatible")})
    client = AsyncClient("lab/x", config=config, transport=None, base_url="not a url")
    with pytest.raises(ConfigError, match="lab needs a base_url"):
        await client.chat("a")


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "messages"),
        ([{"role": "robot", "content": "x"}], r"messages\[0\].role"),
        ([{"role": "user", "content": 7}], r"messages\[0\].content"),
        ({"role": "user"}, "messages"),
        (["hello"], "messages"),
    ],
)
async def test_wrong_messages_are_named(messages: object, field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        await AsyncClient(config=HERE).chat(messages)  # type: ignore[arg-type]


async def test_a_wrong_option_is_named() -> None:
    with pytest.raises(InvalidRequest, match="temperature"):
        await AsyncClient(config=HERE).chat("a", temperature="hot")


async def test_a_replys_message_goes_back_into_the_conversation() -> None:
    client = AsyncClient(config=HERE)
    first = {"role": "user", "content": "My boyfriend made me come here."}
    reply = await client.chat([first])
    turns: Messages = [first, reply.message, {"role": "user", "content": "Bullies."}]
    assert (await client.chat(turns)).text


async def test_an_error_says_who_failed() -> None:
    with pytest.raises(StreamTruncated) as caught:
        await AsyncClient(config=HERE).chat("a b c", "echo", fault="cut", after=1)
    assert caught.value.provider == "builtin"


@pytest.mark.parametrize("messages", [None, 5])
async def test_what_is_no_list_of_messages_is_told(messages: Any) -> None:
    with pytest.raises(InvalidRequest, match="messages must be a list"):
        await AsyncClient(config=HERE).chat(messages)


async def test_messages_may_come_from_a_generator() -> None:
    turns = ({"role": "user", "content": text} for text in ("a", "b"))
    assert (await AsyncClient(config=HERE).chat(turns, "echo")).text == "b"  # type: ignore[arg-type]


async def test_a_model_that_is_no_name_is_told() -> None:
    with pytest.raises(InvalidRequest, match="model must be a string"):
        await AsyncClient(config=HERE).chat("x", 5)  # type: ignore[arg-type]


async def test_what_json_cannot_say_is_told() -> None:
    circle: list[Any] = []
    circle.append(circle)
    client = AsyncClient("openai-compatible/m", config=HERE, base_url="http://127.0.0.1:1")
    for value in (object(), circle):
        with pytest.raises(InvalidRequest, match="JSON"):
            await client.chat("x", option=value)


def test_nothing_shows_what_a_client_was_told_in_confidence() -> None:
    client = AsyncClient(api_key="canary", proxy="http://u:canary@h", config=HERE)
    assert "canary" not in repr(vars(client))
    settings = OpenAI(api_key="canary", headers={"X-Key": "canary"}, base_url="http://h/?k=canary")
    assert "canary" not in repr(settings.settings)


@pytest.mark.parametrize(
    "wrong",
    [
        Message("user", "plain"),  # type: ignore[arg-type]
        Message("user", TextPart("x")),  # type: ignore[arg-type]
        Message("zzz", (TextPart("x"),)),  # type: ignore[arg-type]
        Message("assistant", (ToolCallPart("a", "f", {"x": 1}),)),  # type: ignore[arg-type]
    ],
)
def test_a_message_made_by_hand_is_checked(wrong: Message) -> None:
    with pytest.raises(InvalidRequest) as raised:
        Client("builtin/echo").chat([wrong])
    assert raised.value.param == "messages[0]"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused_by_name(value: float) -> None:
    with pytest.raises(InvalidRequest, match="temperature is"):
        Client("builtin/echo").chat("Hi", temperature=value)
