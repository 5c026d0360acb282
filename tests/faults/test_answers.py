"""The answer that is always given, in every protocol, read by the protocol's own decoder."""

from __future__ import annotations

import pytest

from faults.caller import PROTOCOLS, Heard, ask
from penstock.events import Finish, Reply, collect
from penstock.faults import TEXT, WORDS, answers, serve
from penstock.protocols import Protocol
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)
each_way = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def read(protocol: Protocol, heard: Heard, stream: bool) -> Reply:
    """What the bytes say. Raises what the decoder raises."""
    if not stream:
        return collect(protocol.decode_response(heard.body, heard.is_whole))
    decoder = protocol.decoder()
    return collect([*decoder.feed(heard.body), *decoder.close(heard.is_whole)])


def test_sixty_words_are_all_different_and_none_is_part_of_another() -> None:
    assert len({*WORDS}) == 60
    assert all(TEXT.count(word) == 1 for word in WORDS)
    assert {len(character.encode()) for character in TEXT} == {1, 2, 3, 4}


@each_protocol
@each_way
async def test_all_is_well_in_every_protocol(protocol: Protocol, stream: bool) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "ok", protocol, stream)
    reply = read(protocol, heard, stream)
    assert (heard.status, heard.end, heard.is_whole) == (200, "FIN", True)
    assert reply.text == TEXT
    assert isinstance(reply.finish, Finish)
    streamed = stream or protocol.name == "chatbot_ui"
    kind = protocol.stream_type if streamed else "application/json"
    assert heard.headers["content-type"] == kind


@each_protocol
async def test_a_stream_has_an_event_for_each_word(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        chunks = (await ask(server, "ok", protocol)).chunks
    at = [min(n for n, chunk in enumerate(chunks) if word.encode() in chunk) for word in WORDS]
    assert at == list(range(at[0], at[0] + 60))


@each_protocol
@each_way
@pytest.mark.parametrize("kind", ["tool", "reasoning"])
async def test_tool_calls_and_reasoning_are_said_where_a_protocol_can(
    protocol: Protocol, stream: bool, kind: answers.Kind
) -> None:
    async with serve(pace=0) as server:
        reply = read(protocol, await ask(server, kind, protocol, stream), stream)
    no_tools = {"chatbot_ui", "ollama_generate"}
    match kind:
        case "tool" if protocol.name not in no_tools:
            (call,) = reply.tool_calls
            assert call.name == "look_up"
            assert TEXT in call.arguments
        case "reasoning" if protocol.name != "chatbot_ui":
            assert (reply.reasoning, reply.text) == (TEXT, "so")
        case _ if stream or protocol.name == "chatbot_ui":
            assert reply.text == TEXT


@pytest.mark.parametrize("kind", ["text", "tool", "reasoning"])
@each_protocol
def test_there_are_sixty_tokens_of_any_kind(protocol: Protocol, kind: answers.Kind) -> None:
    for stream in (True, False):
        answer = answers.make(protocol, ChatRequest(model="ok", stream=stream), kind)
        assert len(answer.tokens) == 60
        assert all(answer.tokens)


def test_other_words_are_said_the_same_way() -> None:
    answer = answers.make(OpenAIChat(), ChatRequest(model="ok")).saying(("one", " two"))
    reply = collect(OpenAIChat().decoder().feed(answer.data))
    assert reply.text == "one two"


async def test_usage_is_said_to_whom_it_is_always_said() -> None:
    async with serve(pace=0) as server:
        reply = read(OpenAIChat(), await ask(server, "ok"), True)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output) == (10, 60)
