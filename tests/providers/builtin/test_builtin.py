"""``builtin/eliza`` and ``builtin/echo`` as providers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock.errors import (
    EmptyStream,
    InvalidRequest,
    PenstockError,
    StreamFailed,
    StreamStalled,
    StreamTruncated,
    UnknownModel,
)
from penstock.events import Finish, Start, TextDelta, collect
from penstock.provider import question
from penstock.providers.builtin import Builtin
from penstock.providers.builtin.words import words

TEXT = "  Один два\n\nтри 🙂 "


def test_no_character_is_lost_between_words() -> None:
    assert "".join(words(TEXT)) == TEXT


async def test_echo_says_the_last_user_message_word_by_word() -> None:
    request = question("echo", [{"role": "user", "content": TEXT}], {})
    events = [event async for event in Builtin().stream(request)]
    assert isinstance(events[0], Start)
    assert isinstance(events[-1], Finish)
    assert len([e for e in events if isinstance(e, TextDelta)]) == len(words(TEXT))
    assert collect(events).text == TEXT


async def test_its_usage_says_that_it_is_an_estimate() -> None:
    reply = collect([e async for e in Builtin().stream(question("echo", "Hello there", {}))])
    assert reply.usage is not None
    assert reply.usage.provenance == "estimated"


async def test_eliza_is_the_default_and_remembers_the_conversation() -> None:
    said = ["My boyfriend made me come here.", "He says I'm depressed much of the time."]
    turns = []
    for text in said:
        turns.append({"role": "user", "content": text})
        answer = await Builtin.create_async("", turns)
        turns.append({"role": "assistant", "content": answer})
    assert turns[-1]["content"] == "I AM SORRY TO HEAR YOU ARE DEPRESSED"


async def test_echo_stops_where_max_tokens_says() -> None:
    events = [e async for e in Builtin().stream(question("echo", "a b c d", {"max_tokens": 2}))]
    reply = collect(events)
    assert reply.text == "a b "
    assert reply.finish is not None
    assert reply.finish.reason == "length"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("cut", StreamTruncated),
        ("error", StreamFailed),
        ("stall", StreamStalled),
        ("empty", EmptyStream),
    ],
)
async def test_echo_fails_as_it_was_asked_to(fault: str, error: type[Exception]) -> None:
    limits = {"idle": 0.05, "first": 0.05}
    stream = Builtin.create_async_generator("echo", "a b c", fault=fault, after=2, timeouts=limits)
    got, raised = await read_to_the_error(stream)
    assert got == ([] if fault == "empty" else ["a ", "b "])
    assert isinstance(raised, error)


async def read_to_the_error(stream: AsyncIterator[str]) -> tuple[list[str], PenstockError | None]:
    got: list[str] = []
    try:
        async for text in stream:
            got.append(text)  # noqa: PERF401 - what came before the error counts
    except PenstockError as error:
        return got, error
    return got, None


@pytest.mark.parametrize(
    ("field", "value"), [("delay", "soon"), ("delay", -1), ("fault", "flood"), ("after", 1.5)]
)
async def test_a_wrong_option_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=field) as caught:
        await Builtin.create_async("echo", "a", **{field: value})
    assert caught.value.param == field


async def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="eliza, echo"):
        await Builtin.create_async("hal", "a")
