"""One answer of several services: cut anywhere, it comes out as if it had not been cut."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path

import pytest
from msgspec.structs import replace

import tiny_gguf
from llama_server import llama_server
from penstock.errors import (
    PenstockError,
    StreamError,
    StreamTruncated,
    Unavailable,
)
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols.openai_chat.dialects.mistral import Mistral
from penstock.protocols.openai_chat.dialects.vllm import VLLM
from penstock.provider import Call, Provider, question
from penstock.providers.llamacpp import LlamaCpp
from penstock.routing.continuation import GO_ON
from penstock.routing.drain import Drain
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.routing.joint import CONTINUATION
from penstock.routing.retry import Retry
from penstock.types import ChatRequest, Tool
from raw import STAY, soon
from routing.continuing import (
    ANSWER,
    MAIN,
    SPENT,
    TOKENS,
    Instructed,
    Manner,
    Prefilling,
    Service,
    provider,
)
from routing.played import Played

CASES: list[tuple[str, Manner]] = [
    ("prefilled", "exact"),
    ("instructed", "exact"),
    ("instructed", "again"),
    ("instructed", "anew"),
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


Make = Callable[..., Service]


@pytest.fixture
def make(stack: ExitStack) -> Make:
    """Services that speak OpenAI chat, where nothing else is said."""
    return lambda name="openai_chat": stack.enter_context(Service(MAIN[name]))


def ask(**options: object) -> ChatRequest:
    return question("m", "Tell me.", options)


async def read(route: Fallback, request: ChatRequest) -> list[Event]:
    async with aclosing(route.stream(request)) as events:
        return [event async for event in events]


def is_one_answer(events: list[Event]) -> Reply:
    """One start, one end, and between them the whole text, as one part."""
    assert [type(event) for event in (events[0], events[-1])] == [Start, Finish]
    said = events[1:-1]
    assert all(isinstance(event, TextDelta) for event in said)
    assert len({event.index for event in said if isinstance(event, TextDelta)}) == 1
    reply = collect(events)
    assert reply.text == ANSWER
    return reply


@pytest.mark.parametrize(("style", "manner"), CASES)
@pytest.mark.parametrize("name", MAIN)
async def test_an_answer_cut_after_any_token_is_the_uncut_one(
    stack: ExitStack, name: str, style: str, manner: Manner
) -> None:
    first, second = (stack.enter_context(Service(MAIN[name])) for _ in range(2))
    second.manner = manner
    route = Fallback(
        provider(first, style, "first"), provider(second, style, "second"), continues=True
    )
    for cut in range(1, len(TOKENS) + 1):
        first.cut = cut
        reply = is_one_answer(await read(route, ask()))
        assert reply.recovered == ("first/m",)
        assert reply.finish is not None
        assert reply.finish.reason == "stop"
    assert len(first.requests) == len(second.requests) == len(TOKENS)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("anthropic_messages", "openai_chat"),
        ("openai_chat", "gemini_generate"),
        ("gemini_generate", "openai_responses"),
        ("openai_responses", "anthropic_messages"),
    ],
)
async def test_one_protocol_goes_on_where_another_was_cut(make: Make, one: str, two: str) -> None:
    first, second = make(one), make(two)
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    for cut in range(1, len(TOKENS), 7):
        first.cut = cut
        is_one_answer(await read(route, ask()))


async def test_an_answer_of_three_services_is_one(make: Make) -> None:
    first, second, third = services = [make() for _ in range(3)]
    second.manner = "again"
    styles = ("instructed", "instructed", "prefilled")
    pairs = zip(services, styles, "abc", strict=True)
    route = Fallback(*(provider(*pair) for pair in pairs), continues=True)
    cuts = list(itertools.combinations(range(1, len(TOKENS)), 2))
    for first.cut, second.cut in random.Random(5).sample(cuts, 60):
        reply = is_one_answer(await read(route, ask()))
        assert reply.recovered in (("a/m", "b/m"), ("a/m",))
    assert len(third.requests) >= 55  # the second was cut before it said anything new, now and then


def named(*services: Service) -> Fallback:
    """A route over ``a``, ``b`` and ``c``."""
    targets = (provider(service, name=name) for service, name in zip(services, "abc", strict=True))
    return Fallback(*targets, continues=True)


async def test_a_service_that_is_down_is_passed_over(make: Make) -> None:
    first, second, third = make(), make(), make()
    first.cut, second.status = 20, 503
    route = named(first, second, third)
    reply = is_one_answer(await read(route, ask()))
    assert [(a.target, a.error, a.spoke) for a in reply.attempts] == [
        ("a/m", "StreamTruncated", True),
        ("b/m", "Unavailable", False),
    ]
    assert reply.recovered == ("a/m",)


@pytest.mark.parametrize("status", [400, 401, 404, 429])
async def test_no_refusal_ends_what_another_service_has_begun(make: Make, status: int) -> None:
    first, second, third = make(), make(), make()
    first.cut, second.status = 20, status
    route = Fallback(*map(provider, (first, second, third)), continues=True)
    is_one_answer(await read(route, ask()))


async def test_a_cut_is_told_where_nobody_is_left(make: Make) -> None:
    first, second, third = make(), make(), make()
    first.cut, second.cut, third.status = 10, 20, 503
    route = named(first, second, third)
    events, error = await broken(route, ask())
    assert collect(events).text == "".join(TOKENS[:20])
    assert isinstance(error, StreamTruncated)
    assert error.provider == "b"
    assert [type(other) for other in error.others] == [StreamTruncated, Unavailable]
    assert "asked too: a/m: " in str(error)


async def test_it_is_off_where_nobody_asked_for_it(make: Make) -> None:
    first, second = make(), make()
    first.cut = 10
    events, error = await broken(Fallback(provider(first), provider(second)), ask())
    assert isinstance(error, StreamTruncated)
    assert collect(events).text == "".join(TOKENS[:10])
    assert second.requests == []


async def broken(route: Provider, request: ChatRequest) -> tuple[list[Event], PenstockError]:
    """What came before the error, and that."""
    events: list[Event] = []

    async def note() -> None:
        async with aclosing(route.stream(request)) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(PenstockError) as caught:
        await note()
    return events, caught.value


TOOL = ToolCallStart(1, "call_1", "weather")
NEVER: dict[str, tuple[tuple[Event, ...], dict[str, object]]] = {
    "a tool's arguments": ((TextDelta("So: "), TOOL, ToolCallDelta(1, '{"ci')), {}),
    "a tool's name": ((TextDelta("So: "), TOOL), {}),
    "a call of a tool without a text": ((ToolCallStart(0, "call_1", "w"),), {}),
    "reasoning": ((ReasoningDelta("Hm, "),), {}),
    "a refusal": ((TextDelta("I will not", refusal=True),), {}),
    "json": ((TextDelta('{"a": '),), {"response_format": {"type": "json_object"}}),
    "a schema": (
        (TextDelta('{"a": '),),
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
    ),
    "a grammar": ((TextDelta("a"),), {"grammar": "root ::= [a-z]"}),
    "tokens with probabilities": ((TextDelta("a"),), {"logprobs": True}),
    "one of several answers": ((TextDelta("a"),), {"n": 2}),
}


@pytest.mark.parametrize("what", NEVER)
async def test_nobody_goes_on_amid(make: Make, what: str) -> None:
    first, second = make(), make()
    said, options = NEVER[what]
    first.events = (Start("1", "m"), *said)
    route = Fallback(provider(first), provider(second), continues=True)
    events, error = await broken(route, ask(**options))
    assert isinstance(error, StreamError)
    assert type(events[-1]) is type(said[-1])
    assert error.others == ()
    assert second.requests == []


async def test_where_only_a_start_came_the_next_begins(make: Make) -> None:
    first, second = make(), make()
    first.events = (Start("1", "m"),)
    route = Fallback(provider(first), provider(second), continues=True)
    reply = is_one_answer(await read(route, ask()))
    assert reply.recovered == ()
    assert [message.role for message in second.requests[0].messages] == ["user"]


async def test_reasoning_is_not_passed_on_and_none_comes_amid_the_text(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    thought = (ReasoningDelta("Hm.", 0), ReasoningDelta("", 0, "signed"))
    first.events = (Start("1", "m"), *thought, TextDelta("One, ", 1), TextDelta("two", 1))
    second.events = (
        Start("2", "m"),
        *thought,
        TextDelta(", three", 1),
        Finish("stop", usage=SPENT),
    )
    route = Fallback(provider(first), provider(second), continues=True)
    reply = collect(events := await read(route, ask()))
    assert (reply.reasoning, reply.text) == ("Hm.", "One, two, three")
    assert {event.index for event in events if isinstance(event, TextDelta)} == {1}
    assert [part.text for part in second.requests[0].messages[1].content] == ["One, two"]  # type: ignore[union-attr]
    assert reply.finish is not None
    assert (reply.finish.metadata or {})[CONTINUATION] == {"loss": ("reasoning",)}


async def test_a_tool_called_after_the_seam_has_its_id_and_the_next_index(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.events = (Start("1", "m"), TextDelta("Let me "))
    second.events = (
        Start("2", "m"),
        TextDelta("look."),
        ToolCallStart(1, "toolu_7", "weather"),
        ToolCallDelta(1, '{"city": "Oslo"}'),
        Finish("tool_calls", usage=SPENT),
    )
    route = Fallback(provider(first), provider(second), continues=True)
    events = await read(route, ask())
    reply = collect(events)
    assert reply.text == "Let me look."
    (call,) = reply.tool_calls
    assert (call.id, call.name, call.arguments) == ("toolu_7", "weather", '{"city": "Oslo"}')
    assert [e.index for e in events if isinstance(e, ToolCallStart)] == [1]
    assert reply.finish is not None
    assert reply.finish.reason == "tool_calls"


async def test_reasoning_that_leads_to_a_tool_alone_stays_before_its_call(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.events = (Start("1", "m"), TextDelta("Let me look."))
    second.events = (
        Start("2", "m"),
        ReasoningDelta("Oslo?", 0),
        ReasoningDelta("", 0, "signed"),
        ToolCallStart(1, "toolu_7", "weather"),
        ToolCallDelta(1, "{}"),
        Finish("tool_calls", usage=SPENT),
    )
    route = Fallback(provider(first), provider(second), continues=True)
    reply = collect(await read(route, ask()))
    assert [type(part).__name__ for part in reply.message.content] == [
        "TextPart",
        "ReasoningPart",
        "ToolCallPart",
    ]
    assert (reply.text, reply.reasoning) == ("Let me look.", "Oslo?")


async def test_an_answer_cut_right_before_its_end_ends(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.cut = len(TOKENS)
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    reply = is_one_answer(await read(route, ask()))
    assert reply.recovered == ("lab/m",)


async def test_what_the_next_could_not_be_told_is_said_at_the_end(make: Make) -> None:
    first, second = make("openai_chat"), make("anthropic_messages")
    first.cut = 10
    route = Fallback(provider(first), provider(second), continues=True)
    reply = is_one_answer(await read(route, ask(seed=3)))
    assert reply.finish is not None
    assert (reply.finish.metadata or {})[CONTINUATION] == {"loss": ("seed",)}


async def test_who_refuses_a_beginning_is_told_to_go_on_from_then_on(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.cut, second.refuses_beginnings = 20, True
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    is_one_answer(await read(route, ask()))
    assert [request.messages[-1].role for request in second.requests] == ["assistant", "user"]
    assert second.requests[-1].messages[-1].text.startswith(GO_ON)
    second.forget()
    is_one_answer(await read(route.configured(timeout=60), ask()))  # a copy knows it too
    assert [request.messages[-1].role for request in second.requests] == ["user"]


async def test_a_beginning_is_not_given_where_reasoning_is_asked(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.cut = 20
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    is_one_answer(await read(route, ask(reasoning_budget=2048)))
    assert [request.messages[-1].role for request in second.requests] == ["user"]


async def test_a_beginning_is_given_without_the_white_space_at_its_end(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.cut = TOKENS.index("\n\n") + 1
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    is_one_answer(await read(route, ask()))
    assert second.requests[0].messages[-1].text == "The penstock carries water under pressure."


async def test_where_only_white_space_was_said_the_question_is_asked_as_it_was(make: Make) -> None:
    first, second = make(), make()
    first.events = (Start("1", "m"), TextDelta("\n"))
    second.events = (Start("2", "m"), TextDelta("\nHi"), Finish("stop"))
    route = Fallback(provider(first), provider(second), continues=True)
    assert collect(await read(route, ask())).text == "\nHi"
    assert [message.role for message in second.requests[0].messages] == ["user"]


async def test_the_question_stays_what_it_was_but_for_its_length(make: Make) -> None:
    first, second = make(), make()
    first.cut = 30
    said = "".join(TOKENS[:30])
    asked = ask(temperature=0.5, stop=["END"], max_tokens=100, seed=3, user="me")
    system = question("m", [{"role": "system", "content": "Be brief."}], {}).messages
    asked = replace(asked, messages=(*system, *asked.messages), tools=(Tool("weather"),))
    route = Fallback(provider(first), provider(second), continues=True)
    is_one_answer(await read(route, asked))
    before, after = first.bodies[0], second.bodies[0]
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"max_tokens", "messages"}
    assert after["max_tokens"] == 100 - -(-len(said.encode()) // 4)
    assert after["messages"][:2] == before["messages"]
    *_, turn, told = after["messages"]
    assert turn == {"role": "assistant", "content": said}
    assert told["role"] == "user"
    assert told["content"].startswith(GO_ON)
    assert said.endswith(told["content"].rpartition(": ")[2])


async def test_one_token_is_left_at_least(make: Make) -> None:
    first, second = make(), make()
    first.cut = 50
    route = Fallback(provider(first), provider(second), continues=True)
    await read(route, ask(max_completion_tokens=3))
    assert second.requests[0].max_tokens == 1


async def test_what_was_spent_is_what_all_spent(make: Make) -> None:
    first, second = make("anthropic_messages"), make("anthropic_messages")
    first.cut = 10
    route = Fallback(provider(first), provider(second), continues=True)
    reply = is_one_answer(await read(route, ask()))
    (attempt,) = reply.attempts
    assert attempt.usage is not None
    assert attempt.usage.provenance != "reported"  # it did not come to its end
    assert reply.usage is not None
    assert reply.usage.provenance == "partial"
    assert (reply.usage.output or 0) >= 60


async def test_a_whole_answer_is_one_services_alone(make: Make) -> None:
    first, second = make(), make()
    first.cut = 20
    route = Fallback(provider(first, name="a"), provider(second), continues=True)
    reply = await route.answer(ask())
    assert reply.text == ANSWER
    assert reply.recovered == ()
    assert [(attempt.target, attempt.error) for attempt in reply.attempts] == [
        ("a/m", "StreamTruncated")
    ]
    assert [message.role for message in second.requests[0].messages] == ["user"]


async def test_bytes_are_nobodys_to_go_on_with(make: Make) -> None:
    first, second = make(), make()
    route = Fallback(provider(first), provider(second), continues=True)

    async def ask_for_bytes(provider: Provider, model: str) -> AsyncGenerator[bytes]:
        yield b"data: "
        raise StreamTruncated("cut", provider=provider.name)

    with pytest.raises(StreamTruncated) as caught:
        async for _ in route.through(Call(ask_for_bytes, ask, "m")):
            pass
    assert caught.value.others == ()


async def test_routes_within_routes_go_on_with_all_that_was_said(make: Make) -> None:
    first, second, third = make(), make(), make()
    first.cut, second.cut = 10, 30
    inner = Fallback(
        Retry(provider(second, "prefilled", "b"), times=0), provider(third), continues=True
    )
    route = Fallback(provider(first, name="a"), inner, continues=True)
    reply = is_one_answer(await read(route, ask()))
    assert reply.recovered == ("a/m", "b/m")
    assert third.requests[0].messages[1].text == "".join(TOKENS[:30])


async def test_a_drain_between_routes_that_reads_ahead_of_the_caller_repeats_nothing(
    make: Make,
) -> None:
    first, second = make(), make()
    first.cut = 10
    inner = Fallback(provider(first, name="a"), provider(second, "prefilled", "b"), continues=True)
    route = Fallback(Drain(inner), provider(make()), continues=True)
    heard: list[Event] = []
    async with aclosing(route.stream(ask())) as events:
        async for event in events:
            heard.append(event)
            await asyncio.sleep(0.01)  # behind what is read ahead
    assert is_one_answer(heard).recovered == ("a/m",)
    assert second.requests[0].messages[-1].text == "".join(TOKENS[:10]).rstrip()


async def test_a_continuation_that_just_stops_is_cut_too(make: Make) -> None:
    first, last = make(), make()
    first.cut = 10
    middle = Played([Start(), *map(TextDelta, TOKENS[10:20])], name="b")
    route = Fallback(provider(first, name="a"), middle, provider(last, "prefilled"), continues=True)
    reply = is_one_answer(await read(route, ask()))
    assert [attempt.error for attempt in reply.attempts] == ["StreamTruncated"] * 2


async def test_an_outer_route_goes_on_where_the_inner_one_does_not(make: Make) -> None:
    first, second, third = make(), make(), make()
    first.cut = 10
    inner = Fallback(provider(first), provider(second))
    route = Fallback(inner, provider(third), continues=True)
    is_one_answer(await read(route, ask()))
    assert second.requests == []


async def test_two_may_race_to_go_on(make: Make) -> None:
    first, second, third = make(), make(), make()
    first.cut = 10
    race = Hedge(provider(second, name="b"), provider(third, "prefilled", "c"), after=0.0)
    route = Fallback(provider(first, name="a"), race, continues=True)
    reply = is_one_answer(await read(route, ask()))
    assert reply.recovered == ("a/m",)


@pytest.mark.slow
async def test_a_real_llamacpp_goes_on_and_says_nothing_again(make: Make, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    first = make()
    first.cut = 4
    said = "".join(TOKENS[:4])
    with llama_server(tiny_gguf.write(tmp_path / "tiny.gguf")) as server:
        engine = LlamaCpp(base_url=server.url, api_key=server.key)
        assert engine.prefills("tiny")
        route = Fallback(provider(first), engine, continues=True)
        reply = collect(await read(route, ask(max_tokens=20, temperature=0)))
    assert reply.text.startswith(said)
    assert len(reply.text) > len(said)
    assert said not in reply.text[1:]
    assert reply.recovered == ("lab/m",)


async def test_a_caller_who_leaves_amid_a_continuation_ends_it(make: Make) -> None:
    first, second = make(), make()
    first.cut = 5
    second.ending = (STAY,)
    route = Fallback(provider(first), provider(second), continues=True)
    said = ""
    async with aclosing(route.stream(ask())) as events:
        async for event in events:
            said += str(event)
            if len(said) > len("".join(TOKENS[:8])):
                break
    connection = await soon(second.upstream.asked())
    await soon(connection.closed)


async def test_a_caller_who_leaves_before_anybody_goes_on_leaves_nothing_open(make: Make) -> None:
    first, second = make(), make()
    first.cut = 5
    second.events, second.ending = (Start("2", "m"),), (STAY,)
    route = Fallback(provider(first), provider(second), continues=True)
    reading = asyncio.create_task(read(route, ask()))
    connection = await soon(second.upstream.asked())
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await soon(connection.closed)


async def test_mistral_says_the_beginning_again(stack: ExitStack, make: Make) -> None:
    first, second = make(), stack.enter_context(Service(Mistral()))
    first.cut, second.manner = 20, "anew"
    kind = type("Lab", (Prefilling,), {"protocol": Mistral(), "echoes": True})
    route = Fallback(provider(first), kind(base_url=second.upstream.url), continues=True)
    is_one_answer(await read(route, ask()))
    turn = second.bodies[0]["messages"][-1]
    assert (turn["role"], turn["prefix"]) == ("assistant", True)


async def test_vllm_is_told_beside_the_messages(stack: ExitStack, make: Make) -> None:
    first, second = make("anthropic_messages"), stack.enter_context(Service(VLLM()))
    first.cut = 20
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    is_one_answer(await read(route, ask()))
    body = second.bodies[0]
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False
    assert body["messages"][-1].keys() == {"role", "content"}


async def test_what_the_caller_put_into_the_models_mouth_stays_before_it(make: Make) -> None:
    first, second = make(), make()
    first.events = (Start("1", "m"), TextDelta("two, "))
    second.events = (Start("2", "m"), TextDelta("three"), Finish("stop"))
    asked = question(
        "m",
        [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "one, "}],
        {},
    )
    route = Fallback(provider(first), provider(second, "prefilled"), continues=True)
    assert collect(await read(route, asked)).text == "two, three"
    assert second.requests[0].messages[-1].text == "one, two,"


def test_a_route_says_whether_it_continues() -> None:
    lab = Instructed.__new__(Instructed)
    assert not Fallback(lab).continues
    assert Fallback(lab, continues=True).continues
    assert Fallback(Fallback(lab, continues=True)).continues
