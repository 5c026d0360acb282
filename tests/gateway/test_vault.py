"""Signatures that a caller's protocol cannot carry come back to the service that gave them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.events import collect
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.gateway.vault import Vault
from penstock.protocols import Protocol, shelf
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest, Message, ReasoningPart, TextPart, ToolCallPart
from protocols import recorded
from raw import Upstream, head

CHAT = OpenAIChat(ask_usage=False)
TYPES = {"gemini_generate": "gemini", "anthropic_messages": "anthropic"}

CONVERSATIONS = [
    ("gemini-9940f4ac93fba0", "gemini-3803544e57b6ac"),
    ("gemini-0a3b7cea02235d", "gemini-4709e413d49d3c"),
    ("gemini-2573aa9feacec5", "gemini-e4164dcb75ce71"),
    ("gemini-13d3700c6bd698", "gemini-ad6e2b556be419"),
    ("gemini-6ac835e9db5e2c", "gemini-17bd0957e576a9"),
    ("anthropic-4064fe003245de", "anthropic-8eee6101b78cb9"),
    ("anthropic-8b7f9acb952e4b", "anthropic-c354764495bd31"),
]
"""A recorded answer that was signed, and the recorded question that said it back, signed."""


def cases() -> dict[str, recorded.Case]:
    wanted = {id for pair in CONVERSATIONS for id in pair}
    every = (case for name in TYPES for case in recorded.answers(name))
    return {case["id"]: case for case in every if case["id"] in wanted}


CASES = cases()


def protocol_of(case: recorded.Case) -> Protocol:
    return shelf.find()[case["protocol"]]()


def question(case: recorded.Case) -> dict[str, Any]:
    """A recorded question in the words of OpenAI chat: what a plain caller would have asked."""
    protocol = protocol_of(case)
    body = protocol.with_path(case["request"]["json"], case["url_path"])
    asked = CHAT.encode_request(protocol.decode_request(body))
    kept = ("messages", "tools", "stream")
    return {key: asked[key] for key in kept if key in asked}


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message as the OpenAI SDK has fields for it, and no more."""
    fields = ("role", "content", "tool_calls", "tool_call_id")
    kept = {key: value for key, value in message.items() if key in fields}
    for call in kept.get("tool_calls", ()):
        assert set(call) >= {"id", "type", "function"}
    return kept


@asynccontextmanager
async def between(service: Upstream, kind: str) -> Any:
    """The plain OpenAI SDK before a gateway before the service."""
    said = ProviderConfig(type=kind, base_url=service.url, api_key="sk-canary")
    gateway = Gateway(Catalog(Config(providers={"up": said})))
    async with listen(gateway, "127.0.0.1", 0) as (host, port):
        async with openai.AsyncOpenAI(
            api_key="caller", base_url=f"http://{host}:{port}/v1", max_retries=0
        ) as sdk:
            yield sdk


async def answered(sdk: openai.AsyncOpenAI, body: dict[str, Any]) -> dict[str, Any]:
    """The assistant's message, as a caller of the SDK puts it together."""
    if not body.get("stream"):
        reply: Any = await sdk.chat.completions.create(model="up/m", **body)
        message = reply.choices[0].message
        calls = [
            {"id": call.id, "type": "function", "function": call.function.model_dump()}
            for call in message.tool_calls or ()
        ]
        return said(message.content, calls)
    content, found = "", dict[int, dict[str, Any]]()
    stream: Any = await sdk.chat.completions.create(model="up/m", **body)
    async for chunk in stream:
        for choice in chunk.choices:
            content += choice.delta.content or ""
            for piece in choice.delta.tool_calls or ():
                call = found.setdefault(piece.index, empty(piece))
                call["function"]["arguments"] += piece.function.arguments or ""
    return said(content, list(found.values()))


def empty(piece: Any) -> dict[str, Any]:
    named = {"name": piece.function.name, "arguments": ""}
    return {"id": piece.id, "type": "function", "function": named}


def said(content: str | None, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content or None}
    return message | ({"tool_calls": calls} if calls else {})


def history(body: dict[str, Any], answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The second question's messages with the answer that the caller got in its place, and the
    tools' results under the ids that the caller knows."""
    messages = [plain(message) for message in body["messages"]]
    place = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
    ids = [call["id"] for call in answer.get("tool_calls", ())]
    messages[place] = answer
    results = [message for message in messages[place:] if message["role"] == "tool"]
    for message, id in zip(results, ids, strict=False):
        message["tool_call_id"] = id
    return messages


def signatures(value: Any) -> Iterator[str]:
    """Everything signed or sealed in a body, in its order."""
    if isinstance(value, dict):
        for key, item in value.items():
            is_seal = key in ("thoughtSignature", "signature", "data") and isinstance(item, str)
            if is_seal and item:
                yield item
            else:
                yield from signatures(item)
    elif isinstance(value, list):
        for item in value:
            yield from signatures(item)


def script(case: recorded.Case) -> list[bytes]:
    body = recorded.body(case)
    kind = case["response"]["headers"].get("content-type", "application/json")
    return [head("200 OK", content_type=kind, content_length=len(body)), body]


@pytest.mark.parametrize(("first", "second"), CONVERSATIONS)
async def test_a_recorded_conversation_keeps_its_signatures_through_the_plain_openai_sdk(
    first: str, second: str
) -> None:
    one, other = CASES[first], CASES[second]
    asked, then = question(one), question(other)
    asked["stream"] = one["stream"]
    with Upstream(script(one), script(other)) as service:
        async with between(service, TYPES[one["protocol"]]) as sdk:
            answer = await answered(sdk, asked)
            then |= {"messages": history(then, answer), "stream": other["stream"]}
            await answered(sdk, then)
        sent = [request for c in service.connections for request in c.requests]
    told = json.loads(sent[-1].partition(b"\r\n\r\n")[2])
    given = list(signatures_given(one))
    assert given
    assert [text for text in signatures(told) if text in given] == given
    assert model_turns(told, one) == model_turns(other["request"]["json"], one)


def signatures_given(case: recorded.Case) -> Iterator[str]:
    """What the service signed, as its own protocol reads it, in its order."""
    protocol = protocol_of(case)
    reply = collect(protocol.decode_response(recorded.body(case)))
    body = protocol.encode_request(ChatRequest(model="m", messages=(reply.message,)))
    yield from signatures(body)


def model_turns(body: dict[str, Any], case: recorded.Case) -> list[Any]:
    """The calls and what is signed of the answer's turn, in a body said back to the service."""
    given = set(signatures_given(case))
    turns = body.get("contents") or body["messages"]
    last = [turn for turn in turns if turn.get("role") in ("model", "assistant")][-1]
    parts = last.get("parts") or last["content"]
    said = []
    for part in parts if isinstance(parts, list) else ():
        call = part.get("functionCall") or (part if part.get("type") == "tool_use" else None)
        seals = [text for text in signatures(part) if text in given]
        if call is not None or seals:
            named = (call["name"], call.get("args") or call.get("input")) if call else None
            said.append((named, seals))
    return said


SIGNED = Message(
    "assistant",
    (
        ReasoningPart("Hm", "seal"),
        TextPart("Let me see."),
        ToolCallPart("c1", "f", '{"a": 1}', {"gemini_generate": {"thoughtSignature": "s1"}}),
        ToolCallPart("c2", "g", ""),
    ),
)
ECHOED = Message(
    "assistant", (TextPart("Let me see."), ToolCallPart("c1", "f", '{"a":1}'), SIGNED.content[3])
)


HI = Message("user", (TextPart("Hi"),))


def again(
    vault: Vault, *messages: Message, before: tuple[Message, ...] = (HI,), who: str = "me at up"
) -> Message:
    """The last message, as it goes on to the service."""
    request = ChatRequest(messages=(*before, *messages))
    return vault.restore(who, request, 1.0).messages[-1]


def keeping(*messages: Message) -> Vault:
    vault = Vault()
    for message in messages:
        vault.keep("me at up", (HI,), message, 0.0)
    return vault


def call(id: str, arguments: str = "{}", seal: str = "") -> ToolCallPart:
    return ToolCallPart(id, "f", arguments, {"x": {"seal": seal}} if seal else None)


def assistant(*parts: Any) -> Message:
    return Message("assistant", parts)


def test_an_answer_said_back_is_the_answer_that_was_given() -> None:
    vault = keeping(SIGNED)
    assert again(vault, ECHOED) == SIGNED
    without_text = Message("assistant", ECHOED.content[1:])
    assert again(vault, without_text) == SIGNED


def test_only_who_got_it_finds_it_and_only_its_service_is_told() -> None:
    vault = keeping(SIGNED)
    assert again(vault, ECHOED, who="you at up") == ECHOED
    assert again(vault, ECHOED, who="me at another") == ECHOED


def test_another_conversation_does_not_find_it() -> None:
    vault = keeping(SIGNED)
    other = (Message("user", (TextPart("Another question"),)),)
    assert again(vault, ECHOED, before=other) == ECHOED


def test_engines_that_count_their_calls_anew_do_not_mix_conversations_up() -> None:
    vault = Vault()
    asked = [(Message("user", (TextPart(text),)),) for text in ("one", "two")]
    for place, seal in zip(asked, ("a", "b"), strict=True):
        vault.keep("me at up", place, assistant(call("call_0", seal=seal)), 0.0)
    for place, seal in zip(asked, ("a", "b"), strict=True):
        given = again(vault, assistant(call("call_0")), before=place)
        assert given == assistant(call("call_0", seal=seal))


def test_the_same_words_twice_in_a_conversation_are_two_answers() -> None:
    vault, first = Vault(), (HI,)
    answers = [assistant(ReasoningPart("Hm", seal), TextPart("OK")) for seal in ("a", "b")]
    echo = assistant(TextPart("OK"))
    vault.keep("me at up", first, answers[0], 0.0)
    second: tuple[Message, ...] = (*first, echo, HI)
    vault.keep("me at up", second, answers[1], 0.0)
    request = ChatRequest(messages=(*second, echo))
    said = vault.restore("me at up", request, 1.0).messages
    assert [m for m in said if m.role == "assistant"] == answers


def test_what_the_caller_says_itself_is_never_replaced() -> None:
    vault = keeping(SIGNED)
    own = assistant(ReasoningPart("My own", "sig"), *ECHOED.content)
    given = again(vault, own)
    assert given.content[0] == ReasoningPart("My own", "sig")
    assert given.content[2] == SIGNED.content[2]  # the call's seal, which it could not carry
    marked = TextPart("Let me see.", {"cache": {"type": "ephemeral"}})
    given = again(vault, assistant(marked, *ECHOED.content[1:]))
    assert given.content == (SIGNED.content[0], marked, *SIGNED.content[2:])


def test_what_the_caller_changed_stays_changed() -> None:
    vault = keeping(SIGNED)
    changed = assistant(ToolCallPart("c1", "f", '{"a": 2}'))
    assert again(vault, changed) == changed
    edited = assistant(TextPart("Edited."), ECHOED.content[1])
    assert again(vault, edited) == assistant(
        SIGNED.content[0], TextPart("Edited."), SIGNED.content[2]
    )


def test_an_answer_that_the_caller_split_gets_its_thoughts_once() -> None:
    vault = keeping(SIGNED)
    one, other = assistant(ECHOED.content[1]), assistant(ECHOED.content[2])
    request = ChatRequest(messages=(HI, one, other))
    said = vault.restore("me at up", request, 1.0).messages
    assert said == (HI, assistant(SIGNED.content[0], SIGNED.content[2]), other)


def test_a_signed_text_without_calls_is_found_by_its_words_and_what_came_before() -> None:
    signed = assistant(ReasoningPart("Hm", "seal"), TextPart("Four."))
    vault = keeping(signed)
    echo, other = assistant(TextPart("Four.")), assistant(TextPart("Five."))
    assert again(vault, echo) == signed
    assert again(vault, other) == other
    system = Message("system", (TextPart("It is noon."),))
    assert again(vault, echo, before=(system, HI)) == signed  # a clock may stand there
    assert again(vault, echo, before=(HI, HI)) == echo


WORDS = st.sampled_from(("", "a", "b", "ab"))
TURNS = st.one_of(
    WORDS.map(lambda text: assistant(TextPart(text))),
    WORDS.map(lambda text: assistant(TextPart(text), call("c"))),
    st.builds(
        lambda role, text: Message(role, (TextPart(text),)),
        st.sampled_from(("user", "tool", "system")),
        WORDS,
    ),
)
CONVERSATIONS_OF_WORDS = st.lists(TURNS, max_size=8).map(tuple)


def found_by(before: tuple[Message, ...], answer: Message) -> object:
    """What an answer is found by, as words: its call and the turn, or its text and the history."""
    heard = [m for m in before if m.role != "system"]
    if len(answer.content) == 1:
        return (answer.text, tuple((m.role == "assistant", m.content) for m in heard))
    while heard and heard[-1].role == "assistant":
        heard.pop()
    last = max((i + 1 for i, m in enumerate(heard) if m.role == "assistant"), default=0)
    return tuple(m.text for m in heard[last:])


def sealed(answer: Message, seal: str) -> Message:
    *before, last = answer.content
    return assistant(*before, replace(last, metadata={"x": {"seal": seal}}))


@given(st.lists(CONVERSATIONS_OF_WORDS, max_size=3), st.integers(1, 3))
def test_every_answer_is_found_by_what_was_said_before_it_and_by_nothing_else(
    whole: list[tuple[Message, ...]], dropped: int
) -> None:
    conversations = [*whole, *(said[dropped:] for said in whole)]  # callers drop what is old
    vault, latest = Vault(), dict[object, Message]()
    for number, said in enumerate(conversations):
        for place, answer in answers_of(said):
            signed = sealed(answer, f"{number} {place}")
            vault.keep("me at up", said[:place], signed, 0.0)
            latest[found_by(said[:place], answer)] = signed
    for said in conversations:
        restored = vault.restore("me at up", ChatRequest(messages=said), 1.0).messages
        for place, answer in answers_of(said):
            signed = latest[found_by(said[:place], answer)]
            assert restored[place].content[-1] == signed.content[-1]


def answers_of(said: tuple[Message, ...]) -> list[tuple[int, Message]]:
    """The answers that can be found, each with its place."""
    return [
        (place, message)
        for place, message in enumerate(said)
        if message.role == "assistant" and (message.text or len(message.content) > 1)
    ]


def of_texts(turns: int) -> list[Message]:
    """A conversation of as many questions, each answered with text."""
    return [HI, assistant(TextPart("word " * 50))] * turns


def of_calls(turns: int) -> list[Message]:
    """A question, answered in as many messages of a call each."""
    question = Message("user", (TextPart("word " * 50 * turns),))
    return [question, *(assistant(call(f"c{n}")) for n in range(turns))]


@pytest.mark.parametrize("conversation", [of_texts, of_calls])
def test_a_history_is_hashed_in_proportion_to_its_length(
    conversation: Callable[[int], list[Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, hashed = keeping(SIGNED), list[int]()
    monkeypatch.setattr(hashlib, "blake2b", lambda **said: Counted(BLAKE2B(**said), hashed))

    def count(turns: int) -> int:
        hashed.clear()
        request = ChatRequest(messages=tuple(conversation(turns)))
        vault.restore("me at up", request, 1.0)
        return sum(hashed)

    assert 0 < count(200) <= 2 * count(100) + 1000


BLAKE2B = hashlib.blake2b


@dataclass
class Counted:
    """The real hash, which writes down how many bytes it is given."""

    hash: hashlib.blake2b
    hashed: list[int]

    def update(self, data: bytes) -> None:
        self.hashed.append(len(data))
        self.hash.update(data)

    def copy(self) -> Counted:
        return Counted(self.hash.copy(), self.hashed)

    def digest(self) -> bytes:
        return self.hash.digest()


MARKED = {
    "anthropic_messages": b"""{"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Four."}]}]}""",
    "bedrock_converse": b"""{"messages": [
        {"role": "user", "content": [{"text": "Hi"}]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm"}}},
            {"cachePoint": {"type": "default"}},
            {"text": "Four."}]}]}""",
}
"""Reasoning said back with a cache mark, but without its signature."""


@pytest.mark.parametrize("protocol", MARKED)
def test_a_cache_mark_on_reasoning_is_no_signature(protocol: str) -> None:
    signed = assistant(ReasoningPart("Hm", "seal"), TextPart("Four."))
    request = shelf.find()[protocol]().decode_request(json.loads(MARKED[protocol]))
    assert keeping(signed).restore("me at up", request, 1.0).messages[-1] == signed


def test_plain_answers_are_not_kept() -> None:
    assert keeping(ECHOED).held == 0


def test_what_is_old_is_forgotten() -> None:
    vault = Vault(age=0.5)
    vault.keep("me at up", (HI,), SIGNED, 0.0)
    assert vault.held > 0
    assert again(vault, ECHOED) == ECHOED
    assert vault.held == 0


def test_an_answer_of_many_calls_is_held_once() -> None:
    calls = [call(f"c{n}", seal="s" * 1000) for n in range(100)]
    vault = keeping(assistant(*calls))
    assert vault.held < 250_000
    assert again(vault, assistant(call("c7"))).content == (calls[7],)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=40))
def test_it_never_holds_more_than_it_may(kept: list[tuple[int, int]]) -> None:
    vault = Vault(size=20_000)
    for number, size in kept:
        one = call(f"c{number}", seal="s" * (size + 1))
        vault.keep("me at up", (HI,), assistant(one), 0.0)
        assert 0 <= vault.held <= 20_000
        assert again(vault, assistant(call(one.id, ""))).content == (one,)
