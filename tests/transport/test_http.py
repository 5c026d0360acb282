"""Bytes on real sockets: what goes out, what comes back, and that nothing of it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from penstock import errors
from penstock.errors import PenstockError
from penstock.events import Finish, TextDelta
from penstock.providers.aura import Aura
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request
from penstock.transport.http import HTTPTransport
from penstock.types import ChatRequest, Message, TextPart
from raw import (
    CHUNKED,
    DONE,
    FIN,
    LAST,
    RST,
    STAY,
    Drip,
    Flood,
    Gate,
    Upstream,
    chunk,
    head,
    say,
    soon,
    spoken,
)
from transport.asking import HELLO, PATIENT, PING, PROVIDERS, Provider, ask, latency


@pytest.mark.parametrize("end", [FIN, RST], ids=["FIN", "RST"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_stream_cut_at_any_byte_never_ends_clean(
    provider: Provider, framing: str, end: Any
) -> None:
    events = say("Hello") + say("", "stop") + DONE
    if framing == "chunked":
        wire = CHUNKED + chunk(events[:40]) + chunk(events[40:]) + LAST
    else:
        wire = head(content_length=len(events)) + events
    # The service has ended an OpenAI stream with [DONE], a bare text with the end of the body.
    whole = wire.index(DONE) + len(DONE) if provider is OpenAICompatible else len(wire)
    cuts = [*range(0, len(wire), 5), *range(whole - 5, len(wire) + 1)]
    clean: list[int] = []
    with Upstream(*[[wire[:cut], end] for cut in cuts]) as upstream:
        for cut in cuts:
            try:
                await ask(provider, upstream.url)
            except PenstockError:
                continue
            clean.append(cut)
    assert set(clean) == {cut for cut in cuts if cut >= whole}


async def test_an_address_goes_out_with_the_escapes_that_it_came_with() -> None:
    """Signed links of content networks are good for these very bytes."""
    path = "/a%2Fb%7Ec%3A?signed=x%2Fy%7E&at=20261121T%3A"
    with Upstream([head(content_length=0)]) as upstream:
        response = await HTTPTransport().send(Request("GET", upstream.url + path))
        await response.close()
        seen = upstream.asked().result(5).requests[0]
    assert seen.startswith(f"GET {path} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("typed", "sent"), [("/a%20b c", "/a%20b%20c"), ("/%C3%A9\u00e9", "/%C3%A9%C3%A9")]
)
async def test_an_address_that_lacks_escapes_gets_them(typed: str, sent: str) -> None:
    with Upstream([head(content_length=0)]) as upstream:
        response = await HTTPTransport().send(Request("GET", upstream.url + typed))
        await response.close()
        seen = upstream.asked().result(5).requests[0]
    assert seen.startswith(f"GET {sent} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("framing", ["chunked", "length", "none"])
@pytest.mark.parametrize("end", [FIN, RST], ids=["FIN", "RST"])
async def test_what_came_before_a_cut_is_not_lost_to_a_slow_reader(framing: str, end: Any) -> None:
    """aiohttp tells of the cut first, and drops what it had received and nobody had read yet."""
    heads = {"chunked": CHUNKED, "length": head(content_length=4000), "none": head()}
    frame = chunk if framing == "chunked" else bytes
    cut = Gate()
    with Upstream([heads[framing], frame(b"one, "), frame(b"two"), cut, end]) as upstream:
        response = await HTTPTransport().send(Request("GET", upstream.url))
        content = response._response.content  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            while content.total_bytes < len(b"one, two"):
                await asyncio.sleep(0.001)
            cut.open()
            while content.exception() is None and not content.is_eof():
                await asyncio.sleep(0.001)
        said = b""
        with contextlib.suppress(errors.StreamTruncated):
            async for data in response.chunks():
                said += data
        await response.close()
    assert said == b"one, two"


async def test_what_follows_the_services_end_of_the_stream_is_not_waited_for() -> None:
    said = [CHUNKED, HELLO, chunk(say("", "stop")), chunk(DONE)]
    for after in ([STAY], [RST], [FIN], [Drip(PING, 0.02)]):
        with Upstream([*said, *after]) as upstream:
            start = time.monotonic()
            assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
            assert time.monotonic() - start < 1


async def test_bare_text_that_only_the_connection_ends_is_not_called_a_stop() -> None:
    with Upstream([head(), b"Hello", FIN], [head(content_length=5), b"Hello"]) as upstream:
        provider = Aura(base_url=upstream.url, timeouts=PATIENT)
        question = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))
        for reason in ("unknown", "stop"):
            *_, finish = [event async for event in provider.stream(question)]
            assert isinstance(finish, Finish)
            assert finish.reason == reason


async def test_early_hints_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 20
    with Upstream([hints, *spoken("Hello")]) as upstream:
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]


async def test_a_slow_reader_makes_the_service_wait() -> None:
    with Upstream([CHUNKED, Flood(chunk(say("x" * 1000)))]) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, timeouts={"idle": 0.1})
        stream = provider.create_async_generator("m", "Hi")
        await anext(stream)
        connection = upstream.connections[0]
        sent = await soon(connection.stalled)  # it has been waiting for longer than `idle`
        assert sent < 2**24
        for _ in range(2 * sent // 1000):  # and it goes on once somebody reads
            await anext(stream)
        assert connection.sent > sent
        await stream.aclose()
        await latency(connection, time.monotonic())


async def test_a_request_holds_the_headers_that_were_asked_for_and_no_other() -> None:
    with Upstream(spoken("Hello")) as upstream:
        settings = {"api_key": "k", "headers": {"user-agent": "mine", "AUTHORIZATION": "Basic x"}}
        await ask(OpenAICompatible, f"{upstream.url}/v1/", **settings)
        request = upstream.connections[0].requests[0]
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    headers = sorted(line.partition(b":")[0].lower().decode() for line in lines[1:])
    assert headers == [
        *("accept", "accept-encoding", "authorization", "content-length"),
        *("content-type", "host", "user-agent"),
    ]
    assert b"\r\nuser-agent: mine\r\n" in request
    assert b"\r\nAUTHORIZATION: Basic x\r\n" in request


async def test_reading_on_gives_events_not_only_text() -> None:
    with Upstream(spoken("Hello")) as upstream:
        question = ChatRequest(model="m", messages=(Message("user", (TextPart("Hi"),)),))
        events = [e async for e in OpenAICompatible(base_url=upstream.url).stream(question)]
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["Hello"]
    assert isinstance(events[-1], Finish)
