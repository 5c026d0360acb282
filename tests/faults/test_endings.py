"""How answers end, byte for byte."""

from __future__ import annotations

import pytest

from faults.caller import BY_NAME, PROTOCOLS, Heard, ask
from penstock.errors import PenstockError, StreamFailed
from penstock.events import Finish, TextDelta
from penstock.faults import TEXT, WORDS, serve
from penstock.protocols import Protocol

OPENAI = BY_NAME["openai_chat"]
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)


def words(heard: Heard) -> tuple[str, ...]:
    """Those that came, in their order."""
    said = heard.body.decode("utf-8", "ignore")
    return tuple(word for word in WORDS if word in said)


def read(protocol: Protocol, heard: Heard) -> tuple[str, PenstockError | None]:
    """What a stream says, and how it fails."""
    decoder, said = protocol.decoder(), ""
    try:
        for event in decoder.feed(heard.body):
            said += event.text if isinstance(event, TextDelta) else ""
        list(decoder.close(heard.is_whole))
    except PenstockError as error:
        return said, error
    return said, None


async def test_a_stream_is_cut_after_any_number_of_tokens() -> None:
    async with serve(pace=0) as server:
        for count in range(61):
            heard = await ask(server, f"cut-{count}")
            assert words(heard) == WORDS[:count]
            assert (heard.end, heard.is_whole) == ("FIN", False)
            assert b'finish_reason":"stop' not in heard.body


@each_protocol
@pytest.mark.parametrize("count", [0, 1, 40, 59])
async def test_every_protocols_stream_is_cut_behind_that_token(
    protocol: Protocol, count: int
) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, f"cut-{count}", protocol)
    assert words(heard) == WORDS[:count]
    assert (heard.end, heard.is_whole) == ("FIN", False)
    assert read(protocol, heard)[0] in " ".join(WORDS[:count])


@each_protocol
async def test_a_whole_answer_is_cut_at_two_thirds(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "cut-40", protocol, stream=False)
    assert not heard.is_whole
    if protocol.name != "chatbot_ui":
        assert len(heard.payload) == int(heard.headers["content-length"]) * 40 // 60


async def test_rst_is_one() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "rst-40")
        assert (heard.end, words(heard)) == ("RST", WORDS[:40])
        assert (await ask(server, "reset")).end == "RST"
        assert server.connections[0].ended == "RST"


async def test_a_stall_says_nothing_more_and_keeps_the_connection() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "stall-20")
        assert (heard.end, words(heard)) == ("silence", WORDS[:20])
        assert (await ask(server, "silent")).raw == b""
        headers = await ask(server, "headers")
    assert (headers.end, headers.status, headers.payload) == ("silence", 200, b"")


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "close-40")
    assert not {"content-length", "transfer-encoding"} & {*heard.headers}
    assert (heard.end, words(heard)) == ("FIN", WORDS[:40])


@each_protocol
async def test_a_body_ends_though_the_answer_does_not(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "end-40", protocol)
    assert (heard.is_whole, words(heard)) == (True, WORDS[:40])
    said, error = read(protocol, heard)
    assert said == " ".join(WORDS[:40])
    assert (error is None) == (protocol.name == "chatbot_ui")


async def test_a_short_body_has_less_than_it_says() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "short-40")
    assert int(heard.headers["content-length"]) > len(heard.payload)
    assert (heard.end, words(heard)) == ("FIN", WORDS[:40])


@each_protocol
async def test_an_error_amid_a_stream_is_the_protocols_own(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "error-20", protocol)
    said, error = read(protocol, heard)
    assert said == " ".join(WORDS[:20])
    if protocol.name == "chatbot_ui":
        assert not heard.is_whole
    else:
        assert heard.is_whole
        assert isinstance(error, StreamFailed)
        assert "overloaded" in error.message


@each_protocol
async def test_the_last_event_is_missing(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        whole, heard = await ask(server, "ok", protocol), await ask(server, "no-end", protocol)
    assert heard.is_whole
    assert words(heard) == WORDS
    missing = len(whole.chunks) - len(heard.chunks)
    assert missing == (protocol.name != "chatbot_ui")


async def test_of_openai_the_missing_end_is_the_mark_alone() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "no-end")
    assert b'"finish_reason":"stop"' in heard.body
    assert b"[DONE]" not in heard.body
    assert read(OPENAI, heard) == (TEXT, None)


async def test_more_comes_after_the_end() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "after-end")
    assert heard.body.count(b"data: [DONE]") == 2
    assert heard.body.count(b"t01") == 2


async def test_an_empty_answer_is_empty() -> None:
    async with serve(pace=0) as server:
        for stream in (True, False):
            heard = await ask(server, "empty", stream=stream)
            assert (heard.status, heard.body, heard.is_whole) == (200, b"", True)


@each_protocol
async def test_signs_of_life_say_nothing(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        before = len((await ask(server, "cut-20", protocol)).raw)
        heard = await ask(server, "pings-20-1", protocol, most=before + 500)
        decoder = protocol.decoder()
        events = [*decoder.feed(heard.body if heard.end != "more" else body_of(heard))]
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert said == " ".join(WORDS[:20])
    assert not any(isinstance(event, Finish) for event in events)
    assert heard.end == ("silence" if protocol.name == "chatbot_ui" else "more")


def body_of(heard: Heard) -> bytes:
    """The body of an answer that goes on: its last chunk may be incomplete."""
    whole = heard.raw[: heard.raw.rindex(b"\r\n") + 2]
    for _ in range(4):
        try:
            return Heard(whole, heard.end).body
        except (AssertionError, ValueError):
            whole = whole[: whole.rindex(b"\r\n", 0, -2) + 2]
    raise AssertionError(whole[-100:])


@pytest.mark.parametrize("stream", [True, False])
async def test_an_endless_answer_has_no_end(stream: bool) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "endless", stream=stream, most=2**22)
    assert heard.end == "more"
    assert len(heard.raw) >= 2**22


async def test_a_slow_answer_has_its_head_at_once() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "slow-1")
        assert (heard.end, heard.status, heard.payload) == ("silence", 200, b"")
        assert words(await ask(server, "slow-0")) == WORDS


async def test_a_tool_call_is_cut_amid_its_arguments() -> None:
    async with serve(pace=0) as server:
        for protocol in PROTOCOLS[:5]:
            heard = await ask(server, "tool-cut-40", protocol)
            assert b"look_up" in heard.body or protocol.name == "gemini_generate"
            assert b"t59" not in heard.body
            assert not heard.is_whole


async def test_reasoning_is_cut_before_any_text() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "reasoning-cut-40")
    assert heard.body.count(b"reasoning_content") == 40
    assert b'"so"' not in heard.body


async def test_there_is_a_pace() -> None:
    async with serve() as server:
        heard = await ask(server, "cut-3@1000")
        assert (heard.end, words(heard)) == ("silence", WORDS[:1])
