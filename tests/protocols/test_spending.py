"""What an answer spent is known as soon as the service says it, also where it never ends."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.errors import EmptyStream, MalformedStream, PenstockError, StreamFailed, Unavailable
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
from penstock.protocols import Decoder, Protocol, json, shelf
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.protocols.bedrock_converse.frames import encode_event
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.ollama_chat import OllamaChat
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.xai import XAI
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import ChatRequest, Usage
from protocols.reading import by, outcome_of, read
from protocols.strategies import USAGE_TOO, chats

ASKED = ChatRequest(model="m", metadata=USAGE_TOO)
PROTOCOLS: dict[str, Protocol] = {name: kind() for name, kind in shelf.find().items()}
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)

SPENT = Usage(25, 4, 29)
TALK: tuple[Event, ...] = (
    Start("id_1", "m"),
    TextDelta("Hello", 0),
    TextDelta(", 👩‍🚀!", 0),
    Finish("stop", None, SPENT),
)
WORK: tuple[Event, ...] = (
    Start("id_2", "m"),
    ReasoningDelta("Let me see", 0),
    TextDelta("I look", 1),
    ToolCallStart(2, "call_a", "weather"),
    ToolCallDelta(2, '{"city":'),
    ToolCallDelta(2, '"Rome"}'),
    Finish("tool_calls", None, Usage(25, 9, 34, cached_input=5, reasoning=3)),
)
SILENT: tuple[Event, ...] = (*TALK[:-1], Finish("length"))
STREAMS = {"talk": TALK, "work": WORK, "nothing said of it": SILENT}
each_stream = pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)


def pieces(protocol: Protocol, events: Iterable[Event]) -> list[bytes]:
    """The body, cut where each event ends."""
    encoder = protocol.encoder(ASKED)
    return [*map(encoder.encode, events), encoder.close()]


def is_so_far(usage: Usage | None) -> bool:
    return usage is None or usage.provenance in ("partial", "estimated")


def closed(decoder: Decoder, delimited: bool) -> tuple[Decoder, Finish | None]:
    """A copy that is told that this was all, and how it ended."""
    copy: Decoder = pickle.loads(pickle.dumps(decoder))  # noqa: S301 - our own
    return copy, outcome_of(copy.close(delimited)).finish


def borders(protocol: Protocol, body: Iterable[bytes]) -> Iterator[tuple[Decoder, Finish | None]]:
    """The decoder after each piece and, where there is one by then, its ``Finish``."""
    decoder, finish = protocol.decoder(), None
    for piece in [b"", *body]:
        finish = outcome_of(decoder.feed(piece)).finish or finish
        yield decoder, finish
    yield decoder, outcome_of(decoder.close()).finish or finish


def check(protocol: Protocol, body: Iterable[bytes]) -> None:
    """The law, at each border of these pieces and where the body is cut there."""
    for decoder, finish in borders(protocol, body):
        if finish is None:
            assert is_so_far(decoder.usage)
        else:
            assert decoder.usage == finish.usage
        for delimited in (True, False):
            cut, end = closed(decoder, delimited)
            assert cut.usage == end.usage if end else finish or is_so_far(cut.usage)


@each_protocol
@each_stream
def test_usage_is_partial_before_the_end_and_that_of_finish_after_it(
    protocol: Protocol, events: tuple[Event, ...]
) -> None:
    body = pieces(protocol, events)
    check(protocol, body)
    *_, (_, finish) = borders(protocol, body)
    assert finish


@each_protocol
def test_it_is_so_wherever_a_body_is_cut(protocol: Protocol) -> None:
    for decoder, finish in borders(protocol, by(b"".join(pieces(protocol, WORK)), 1)):
        assert decoder.usage == finish.usage if finish else is_so_far(decoder.usage)


@given(chats())
def test_it_is_so_of_any_chat(events: tuple[Event, ...]) -> None:
    for decoder, finish in borders(OpenAIChat(), pieces(OpenAIChat(), events)):
        assert decoder.usage == finish.usage if finish else is_so_far(decoder.usage)


@given(st.binary(max_size=200))
@each_protocol
def test_asking_raises_nothing_whatever_came(protocol: Protocol, body: bytes) -> None:
    decoder = protocol.decoder()
    outcome = read(decoder, by(body, 7))
    assert decoder.usage == outcome.finish.usage if outcome.finish else is_so_far(decoder.usage)


@each_protocol
def test_a_whole_answer_tells_it_at_its_end(protocol: Protocol) -> None:
    value = protocol.encode_response(collect(TALK))
    body = value.encode() if isinstance(value, str) else json.encode(value)
    decoder = protocol.decoder()
    list(decoder.feed(body))
    assert is_so_far(decoder.usage)
    finish = read(decoder, b"").finish
    assert finish is None or decoder.usage == finish.usage
    assert decoder.usage or protocol.family == "ollama_chat"  # whose whole answer is its last line


def fed(protocol: Protocol, *body: bytes) -> Decoder:
    decoder = protocol.decoder()
    for piece in body:
        list(decoder.feed(piece))
    return decoder


def failed(protocol: Protocol, *body: bytes) -> tuple[Decoder, type[PenstockError]]:
    decoder = protocol.decoder()
    error = outcome_of(event for piece in body for event in decoder.feed(piece)).error
    assert error
    return decoder, error


def sse(value: object) -> bytes:
    return b"data: " + json.encode(value) + b"\n\n"


def anthropic_start(**usage: int) -> bytes:
    """``message_start`` as our encoder says it, with a service's numbers."""
    start = pieces(AnthropicMessages(), TALK)[0]
    return start.replace(b'{"input_tokens":0,"output_tokens":0}', json.encode(usage))


def test_anthropic_says_what_it_read_in_its_first_event() -> None:
    start = anthropic_start(input_tokens=25, cache_read_input_tokens=5, output_tokens=1)
    so_far = Usage(25, 1, cached_input=5, cached_apart=True, provenance="partial")
    protocol = AnthropicMessages()
    assert fed(protocol, start).usage == so_far
    assert fed(protocol, start, *pieces(protocol, TALK)[1:3]).usage == so_far
    delta = sse({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}})
    assert fed(protocol, start, delta).usage == Usage(
        25, 7, cached_input=5, cached_apart=True, provenance="partial"
    )
    check(protocol, [start, *pieces(protocol, TALK)[1:]])


def test_anthropic_says_it_before_its_first_event_is_read_to_the_end() -> None:
    decoder = AnthropicMessages().decoder()
    assert isinstance(next(iter(decoder.feed(anthropic_start(input_tokens=25)))), Start)
    assert decoder.usage
    assert decoder.usage.input == 25


def test_zeros_that_only_fill_a_place_say_nothing() -> None:
    start = pieces(AnthropicMessages(), TALK)[0]
    assert b'"usage":{"input_tokens":0,"output_tokens":0}' in start
    assert fed(AnthropicMessages(), start).usage is None
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    chunk = {"choices": [{"delta": {"content": "Hi"}}], "usage": zeros}
    assert fed(OpenAIChat(), sse(chunk)).usage is None
    end = sse({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n"
    assert fed(OpenAIChat(), sse(chunk), end).usage == Usage(0, 0, 0)


def gemini(*texts: str) -> list[bytes]:
    """Chunks as our encoder says them; each counts all so far, as Google's do."""
    said = pieces(GeminiGenerate(), [Start("id", "m"), *(TextDelta(text, 0) for text in texts)])
    bodies = [json.loads(piece.partition(b" ")[2]) for piece in said if piece]
    counts = [{"promptTokenCount": 25, "candidatesTokenCount": n} for n in range(1, 9)]
    return [
        sse({**body, "usageMetadata": count}) for body, count in zip(bodies, counts, strict=False)
    ]


def test_gemini_says_it_in_every_chunk() -> None:
    chunks = gemini("One", ", two", ", three", ", four")
    assert len(chunks) > 3  # the later ones are read at a glance
    for number in range(1, len(chunks) + 1):
        assert fed(GeminiGenerate(), *chunks[:number]).usage == Usage(
            25, number, reasoning_apart=True, provenance="partial"
        )
    decoder = GeminiGenerate().decoder()
    assert isinstance(next(iter(decoder.feed(chunks[0]))), Start)
    assert decoder.usage


def test_usage_that_cannot_be_read_is_none_that_was_said() -> None:
    chunks = gemini("One", ", two", ", three")
    broken = chunks[-1].replace(b'{"promptTokenCount":25', b'{"promptTokenCount":25,"a":"\xff"')
    decoder = fed(GeminiGenerate(), *chunks[:-1], broken)
    assert decoder.usage is None
    end = sse({"candidates": [{"finishReason": "STOP"}]})
    assert read(decoder, end).error is MalformedStream
    assert decoder.usage is None


def test_openai_chat_says_it_in_every_chunk_where_asked_to() -> None:
    for protocol in (OpenAIChat(), XAI()):
        decoder = protocol.decoder()
        for number in range(1, 5):
            usage = {"prompt_tokens": 25, "completion_tokens": number}
            list(decoder.feed(sse({"choices": [{"delta": {"content": "Hi"}}], "usage": usage})))
            assert decoder.usage == Usage(
                25, number, provenance="partial", reasoning_apart=isinstance(protocol, XAI)
            )


def test_the_last_chunk_of_all_is_partial_until_done_follows() -> None:
    body = b"".join(pieces(OpenAIChat(), TALK))
    done = b"data: [DONE]\n\n"
    decoder = fed(OpenAIChat(), body.removesuffix(done))
    assert decoder.usage == replace(SPENT, provenance="partial")
    finish = outcome_of(decoder.feed(done)).finish
    assert finish
    assert decoder.usage == finish.usage == SPENT


def test_an_estimate_stays_one() -> None:
    usage = {"prompt_tokens": 25, "completion_tokens": 4, "provenance": "estimated"}
    decoder = fed(OpenAIChat(), sse({"choices": [{"delta": {"content": "Hi"}}], "usage": usage}))
    assert decoder.usage == Usage(25, 4, provenance="estimated")


def test_bedrock_says_it_though_its_stop_never_comes() -> None:
    body = pieces(BedrockConverse(), TALK[:-1])
    counted = encode_event("metadata", usage={"inputTokens": 25, "outputTokens": 4})
    decoder = fed(BedrockConverse(), *body, counted)
    assert decoder.usage == Usage(25, 4, cached_apart=True, provenance="partial")


def test_responses_say_it_while_they_are_under_way() -> None:
    for kind in ("response.created", "response.in_progress"):
        said = {"id": "r", "model": "m", "usage": {"input_tokens": 25}}
        decoder = fed(OpenAIResponses(), sse({"type": kind, "response": said}))
        assert decoder.usage == Usage(25, provenance="partial")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_that_ended_badly_says_it_too(status: str) -> None:
    usage = {"input_tokens": 25, "output_tokens": 4}
    said = {"error": {"message": "no"}, "status": status, "usage": usage}
    for kind in (f"response.{status}", "response.completed"):
        decoder, error = failed(OpenAIResponses(), sse({"type": kind, "response": said}))
        assert error in (StreamFailed, Unavailable)
        assert decoder.usage == Usage(25, 4)


def test_an_error_amid_openai_chat_comes_with_what_was_spent() -> None:
    usage = {"prompt_tokens": 25, "completion_tokens": 4}
    said = sse({"choices": [{"delta": {"content": "Hi"}}]})
    choice = {"delta": {}, "finish_reason": "error", "error": {"message": "no"}}
    for more in ({"error": {"message": "no"}}, {"choices": [choice]}):
        decoder, error = failed(OpenAIChat(), said, sse({**more, "usage": usage}))
        assert error is StreamFailed
        assert decoder.usage == Usage(25, 4, provenance="partial")


def test_cohere_says_it_where_it_ends_in_an_error() -> None:
    body = pieces(CohereChat(), TALK[:-1])
    usage = {"tokens": {"input_tokens": 25, "output_tokens": 4}}
    end = {"type": "message-end", "delta": {"finish_reason": "ERROR", "usage": usage}}
    decoder, error = failed(CohereChat(), *body, sse(end))
    assert error is StreamFailed
    assert decoder.usage == Usage(25, 4)


def test_an_answer_of_nothing_was_paid_for_too() -> None:
    line = {"message": {"content": ""}, "done": True, "prompt_eval_count": 25, "eval_count": 1}
    decoder, error = failed(OllamaChat(), json.encode(line) + b"\n")
    assert error is EmptyStream
    assert decoder.usage == Usage(25, 1)
