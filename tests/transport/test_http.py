"""The HTTP transport on real sockets, through two providers: what ends how, and what it costs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import logging
import socket
import ssl
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from penstock import errors
from penstock.errors import PenstockError, StreamStalled, Timeout
from penstock.events import Event, Finish, TextDelta
from penstock.http_provider import HTTPProvider
from penstock.providers.aura import Aura
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request, Timeouts, origin
from penstock.transport.http import HTTPTransport
from penstock.types import ChatRequest, Message, TextPart
from programs import run_script
from raw import (
    CANARY,
    CHUNKED,
    DONE,
    FIN,
    LAST,
    RST,
    SOON,
    STAY,
    Connection,
    Drip,
    Flood,
    Gate,
    Script,
    Upstream,
    assert_no_secret,
    chunk,
    head,
    refused_port,
    say,
    soon,
    spoken,
)

PATIENT = Timeouts(connect=5, headers=5, first=5, idle=5, progress=5, total=10)

Provider = type[HTTPProvider]
PROVIDERS: tuple[Provider, ...] = (OpenAICompatible, Aura)


async def ask(provider: Provider, url: str, **settings: Any) -> list[str]:
    """All text chunks of an answer."""
    given = {"base_url": url, "timeouts": PATIENT, **settings}
    stream = provider(**given).create_async_generator("m", f"{CANARY}-question")
    return [text async for text in stream]


async def failure(provider: Provider, url: str, **settings: Any) -> PenstockError:
    """The error that a call ends in."""
    with pytest.raises(PenstockError) as caught:
        await ask(provider, url, **settings)
    return caught.value


# Truth: every fault has its own end.


@dataclass
class Fault:
    """What a service does, and how a call must end."""

    script: Script
    error: type[PenstockError]
    says: str
    providers: tuple[Provider, ...] = PROVIDERS
    limits: dict[str, float] = field(default_factory=dict)


TEXT, OPENAI = (Aura,), (OpenAICompatible,)
HELLO = chunk(say("Hello"))
PING = chunk(b": ping\n\n")
ECHO = b'{"error":{"message":"Incorrect API key: canary-api-key"}}'

FAULTS = {
    "a chunked body without its last chunk": Fault(
        [CHUNKED, HELLO, FIN], errors.StreamTruncated, "was cut before the service ended"
    ),
    "a body shorter than its Content-Length": Fault(
        [head(content_length=4000), say("Hello"), FIN], errors.StreamTruncated, "was cut before"
    ),
    "a reset amid a chunked body": Fault(
        [CHUNKED, HELLO, RST], errors.StreamTruncated, "was cut before the service ended"
    ),
    "a reset amid a body without length": Fault(
        [head(), say("Hello"), RST], errors.StreamTruncated, "was cut before the service ended"
    ),
    "the end of a body without length before [DONE]": Fault(
        [head(), say("Hello"), FIN], errors.StreamTruncated, "was cut before", OPENAI
    ),
    "a chunk whose size is no number": Fault(
        [CHUNKED, HELLO, Gate(), b"zz\r\nHello", STAY], errors.MalformedStream, "HTTP framing"
    ),
    "text that is not compressed as it says": Fault(
        [head(content_encoding="gzip", transfer_encoding="chunked"), HELLO, LAST],
        errors.MalformedStream,
        "not compressed as it says",
    ),
    "silence amid the stream": Fault(
        [CHUNKED, HELLO, STAY],
        errors.StreamStalled,
        "not a byte came within 0.1 s (idle)",
        limits={"idle": 0.1},
    ),
    "a drip of comments that never says anything": Fault(
        [CHUNKED, Drip(PING, 0.02)],
        errors.StreamStalled,
        "nothing was said within 0.1 s (first)",
        OPENAI,
        {"first": 0.1, "idle": 5},
    ),
    "a drip of comments after the first word": Fault(
        [CHUNKED, HELLO, Drip(PING, 0.02)],
        errors.StreamStalled,
        "the stream stood still: nothing was said within 0.1 s (progress)",
        OPENAI,
        {"progress": 0.1, "idle": 5},
    ),
    "an event that comes byte by byte and never ends": Fault(
        [CHUNKED, HELLO, Drip(chunk(b"x"), 0.02)],
        errors.StreamStalled,
        "nothing was said within 0.1 s (progress)",
        OPENAI,
        {"progress": 0.1, "idle": 5},
    ),
    "a drip of comments where progress is shorter than the first word may take": Fault(
        [CHUNKED, Drip(PING, 0.02)],
        errors.StreamStalled,
        "nothing was said within 0.2 s (first)",
        OPENAI,
        {"first": 0.2, "progress": 0.05, "idle": 5},
    ),
    "a stream that never ends": Fault(
        [CHUNKED, Drip(HELLO, 0.02)],
        errors.StreamStalled,
        "the answer did not end within 0.2 s (total)",
        limits={"total": 0.2, "idle": 5},
    ),
    "silence before the headers": Fault(
        [STAY], errors.Timeout, "did not answer within 0.1 s (headers)", limits={"headers": 0.1}
    ),
    "half a head and then silence": Fault(
        [b"HTTP/1.1 200 OK\r\nConte", STAY], errors.Timeout, "(headers)", limits={"headers": 0.1}
    ),
    "silence that outlasts the first word": Fault(
        [STAY], errors.Timeout, "did not answer within 0.1 s (first)", limits={"first": 0.1}
    ),
    "silence that outlasts the whole call": Fault(
        [STAY], errors.Timeout, "did not answer within 0.1 s (total)", limits={"total": 0.1}
    ),
    "a connection closed without an answer": Fault(
        [FIN], errors.ConnectionFailed, "closed the connection without an answer"
    ),
    "a connection reset without an answer": Fault([RST], errors.ConnectionFailed, "failed"),
    "half a head and then the end": Fault(
        [b"HTTP/1.1 200 OK\r\nConte", FIN], errors.ConnectionFailed, "without an answer"
    ),
    "another protocol's banner": Fault(
        [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", STAY], errors.UnexpectedAnswer, "does not speak HTTP"
    ),
    "a header of 200 KB": Fault(
        [head(x_filler="x" * 200_000), STAY], errors.UnexpectedAnswer, "does not speak HTTP"
    ),
    "a header that never ends": Fault(
        [b"HTTP/1.1 200 OK\r\nX-Filler: ", Flood(b"x" * 1000)],
        errors.UnexpectedAnswer,
        "does not speak HTTP",
    ),
    "5,000 headers": Fault(
        [head()[:-2], b"X-Filler: x\r\n" * 5000, b"\r\n", STAY],
        errors.UnexpectedAnswer,
        "does not speak HTTP",
    ),
    "interim answers for ever": Fault(
        [Flood(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)],
        errors.UnexpectedAnswer,
        "does not speak HTTP",
    ),
    "trailers that never end": Fault(
        [CHUNKED, HELLO, Gate(), b"0\r\n", Flood(b"X-Filler: x\r\n" * 100)],
        errors.StreamTruncated,
        "was cut before",
    ),
    "a web page with 200": Fault(
        [head(content_type="text/html", content_length=6), b"<html>"],
        errors.UnexpectedAnswer,
        "a web page; check its base_url",
    ),
    "a web page that says it is a stream": Fault(
        [CHUNKED, chunk(b"\n <!doctype html>"), LAST],
        errors.UnexpectedAnswer,
        "a web page; check its base_url",
    ),
    "a web page with 503": Fault(
        [head("503 Unavailable", "text/html", content_length=6), b"<html>"],
        errors.Unavailable,
        "503",
    ),
    "500 with its cause in the status text": Fault(
        [head("500 The model gpt-9 does not exist", "text/plain", content_length=5), b"Error"],
        errors.UnknownModel,
        "The model gpt-9 does not exist",
        TEXT,
    ),
    "401 whose message repeats the key": Fault(
        [head("401 No", "application/json", content_length=len(ECHO)), ECHO],
        errors.Unauthorized,
        "",
    ),
    "429 with a body that never comes": Fault(
        [head("429 Too Many", content_length=9), STAY],
        errors.RateLimited,
        "429",
        limits={"idle": 0.1},
    ),
    "a stream that says nothing": Fault([CHUNKED, LAST], errors.EmptyStream, "try again"),
    "an empty body": Fault([head(content_length=0)], errors.EmptyStream, "try again"),
    "204": Fault([b"HTTP/1.1 204 No Content\r\n\r\n"], errors.EmptyStream, "try again"),
    "an error inside the stream": Fault(
        [CHUNKED, HELLO, chunk(b'data: {"error":{"message":"overloaded"}}\n\n'), STAY],
        errors.StreamFailed,
        "overloaded",
        OPENAI,
    ),
    "a redirect": Fault(
        [head("307 Moved", location="http://u:canary@elsewhere.invalid:8080/canary?k=canary")],
        errors.Redirected,
        "redirects to http://elsewhere.invalid:8080, which is never followed",
    ),
    "a redirect that says nowhere": Fault(
        [head("302 Found", location="/canary")], errors.Redirected, "redirects to elsewhere"
    ),
}
TABLE = [(name, provider) for name, fault in FAULTS.items() for provider in fault.providers]


@pytest.mark.parametrize(("name", "provider"), TABLE)
async def test_every_fault_ends_in_its_own_error_that_shows_no_secret(
    name: str, provider: Provider
) -> None:
    fault = FAULTS[name]
    gates = [step for step in fault.script if isinstance(step, Gate)]
    script = [Gate() if step in gates else step for step in fault.script]
    limits = {name: getattr(PATIENT, name) for name in PATIENT.__struct_fields__} | fault.limits
    with Upstream(script) as upstream:
        stream = provider(
            base_url=f"{upstream.url}/{CANARY}",
            api_key=f"{CANARY}-api-key",
            headers={"X-Secret": f"{CANARY}-header"},
            timeouts=limits,
        ).create_async_generator("m", f"{CANARY}-question")
        error = await end_of(stream, script)
    assert type(error) is fault.error
    assert fault.says in error.message
    assert error.provider == provider.name
    assert_no_secret(error)


async def end_of(stream: AsyncIterator[str], script: Script) -> PenstockError:
    """The error that a stream ends in; once it has spoken, the script's gates are opened."""
    try:
        async for _ in stream:
            for step in script:
                if isinstance(step, Gate):
                    step.open()
    except PenstockError as error:
        return error
    raise AssertionError("the stream ended clean")


async def test_a_refused_connection_says_so() -> None:
    for provider in PROVIDERS:
        error = await failure(provider, f"http://127.0.0.1:{refused_port()}", api_key="canary-k")
        assert type(error) is errors.ConnectionFailed
        assert error.message.endswith("connection refused")
        assert_no_secret(error)


async def test_an_unknown_name_says_so() -> None:
    error = await failure(OpenAICompatible, "http://nobody.invalid/canary", api_key="canary-k")
    assert type(error) is errors.ConnectionFailed
    assert error.message.startswith("the name of http://nobody.invalid is not known; check it, and")
    assert_no_secret(error)


@contextlib.contextmanager
def deaf_listener(host: str, port: int) -> Iterator[int]:
    """A port whose queue is full: the kernel answers nobody."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_connection_that_is_never_accepted_ends_with_connect() -> None:
    with deaf_listener("127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        error = await failure(OpenAICompatible, url, timeouts={"connect": 0.1}, api_key="canary-k")
    assert type(error) is Timeout
    assert error.message == f"no connection to {url} within 0.1 s (connect)"
    assert_no_secret(error)


async def test_connect_counts_the_name_and_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def silent(*_: object, **__: object) -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(loop, "getaddrinfo", silent)
    error = await failure(OpenAICompatible, "http://silent.example", timeouts={"connect": 0.1})
    assert type(error) is Timeout
    assert error.message == "no connection to http://silent.example within 0.1 s (connect)"

    with contextlib.ExitStack() as sockets:
        port = sockets.enter_context(deaf_listener("127.0.0.1", 0))
        for host in ("127.0.0.2", "127.0.0.3"):
            sockets.enter_context(deaf_listener(host, port))
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"127.0.0.{n}", port)) for n in (1, 2, 3)
        ]

        async def three(*_: object, **__: object) -> object:
            return found

        monkeypatch.setattr(loop, "getaddrinfo", three)
        start = time.monotonic()
        error = await failure(OpenAICompatible, "http://three.example", timeouts={"connect": 0.2})
        assert time.monotonic() - start < 0.35
    assert "(connect)" in error.message


async def test_a_resolver_that_blocks_blocks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def slow(*_: object, **__: object) -> object:
        answered.wait(5)
        raise socket.gaierror(socket.EAI_NONAME, "canary")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    start = time.monotonic()
    error = await failure(OpenAICompatible, "http://slow.example", timeouts={"connect": 0.1})
    assert time.monotonic() - start < 0.35
    assert type(error) is Timeout
    asking = asyncio.ensure_future(failure(OpenAICompatible, "http://slower.example"))
    for _ in range(20):  # the loop goes on
        await asyncio.sleep(0.001)
    assert not asking.done()
    answered.set()
    error = await asking
    assert type(error) is errors.ConnectionFailed
    assert_no_secret(error)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://127.0.0.1:99999", "ftp://x"])
async def test_a_base_url_that_is_none_is_the_configurations_fault(url: str) -> None:
    error = await failure(OpenAICompatible, url, api_key="canary-key")
    assert type(error) is errors.ConfigError
    assert "base_url" in error.message
    assert_no_secret(error)


@pytest.mark.parametrize(
    "settings", [{"api_key": "canary\nkey"}, {"headers": {"X-Secret": "canary\r\nX-Other: 1"}}]
)
async def test_a_line_end_in_a_header_is_refused_before_anything_is_sent(
    settings: dict[str, Any],
) -> None:
    with Upstream(spoken("Hello")) as upstream:
        error = await failure(OpenAICompatible, upstream.url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.InvalidRequest
    assert_no_secret(error)


async def test_a_key_beside_a_user_in_the_base_url_is_the_configurations_fault() -> None:
    url = "http://user:canary@127.0.0.1:1"
    error = await failure(OpenAICompatible, url, api_key="canary-key")
    assert type(error) is errors.ConfigError
    assert "base_url" in error.message
    assert_no_secret(error)


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


async def test_who_says_close_does_not_ask_again_on_the_same_connection() -> None:
    """The service may go, whatever it says of the connection itself; aiohttp would keep it."""
    answer = head(content_length=0, connection="keep-alive")
    with Upstream([answer]) as upstream:
        for _ in range(3):
            request = Request("GET", upstream.url, {"Connection": "close"})
            response = await HTTPTransport().send(request)
            assert [data async for data in response.chunks()] == []
            await response.close()
        assert len(upstream.connections) == 3


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


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_status_text_may_hold_anything_and_can_still_be_printed(provider: Provider) -> None:
    wire = b"HTTP/1.1 500 \x1b[31m\xcf\xf0\r\nContent-Length: 0\r\n\r\n"
    with Upstream([wire]) as upstream:
        error = await failure(provider, upstream.url)
    assert error.message.endswith("500 �[31m��") or error.message.endswith("500: �[31m��")
    assert error.message.encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    with Upstream(spoken("stolen")) as other:
        answer = head(f"{status} Moved", location=f"{other.url}/?k=canary", content_length=0)
        with Upstream([answer]) as upstream:
            error = await failure(OpenAICompatible, upstream.url, api_key="canary-key")
        assert type(error) is errors.Redirected
        assert error.status == status
        assert other.url in error.message
        assert other.connections == []
    assert_no_secret(error)


# TLS.


def authority_and_context(
    *names: str, expires: datetime.datetime | None = None
) -> tuple[trustme.CA, ssl.SSLContext]:
    """A certificate authority of our own, and what a service needs that it has certified."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=expires).configure_cert(context)
    return authority, context


def trusting(authority: trustme.CA) -> HTTPTransport:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return HTTPTransport(ssl_context=context)


async def test_a_certificate_of_a_trusted_authority_is_accepted() -> None:
    authority, context = authority_and_context("127.0.0.1")
    with Upstream(spoken("Hello"), tls=context) as upstream:
        said = await ask(OpenAICompatible, upstream.url, transport=trusting(authority))
    assert said == ["Hello"]


@pytest.mark.parametrize(
    ("name", "expires", "trusted", "says"),
    [
        ("127.0.0.1", None, False, "unable to get local issuer certificate"),
        ("other.example", None, True, "is not valid for '127.0.0.1'"),
        ("127.0.0.1", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), True, "has expired"),
    ],
    ids=["unknown authority", "another name", "expired"],
)
async def test_a_bad_certificate_ends_the_call_before_the_key_is_sent(
    name: str, expires: datetime.datetime | None, trusted: bool, says: str
) -> None:
    authority, context = authority_and_context(name, expires=expires)
    transport = trusting(authority) if trusted else HTTPTransport()
    with Upstream(spoken("Hello"), tls=context) as upstream:
        settings = {"transport": transport, "api_key": "canary-key"}
        error = await failure(OpenAICompatible, upstream.url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.CertificateRejected
    assert not error.retryable
    assert says in error.message
    assert_no_secret(error)


async def test_tls_with_a_service_that_speaks_none_fails_plainly() -> None:
    with Upstream([b"HTTP/1.1 400 Bad Request\r\n\r\n", FIN], deaf=True) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(OpenAICompatible, url, api_key="canary-key")
    assert type(error) is errors.ConnectionFailed
    assert error.message.startswith(f"TLS with {url} failed")
    assert_no_secret(error)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ([FIN], "TLS with {} failed: it was cut short"),
        ([RST], "no connection to {}: connection reset by peer"),
        ([b"\x16\x03\x01\x00\x05hello", STAY], "TLS with {} failed: UNEXPECTED_MESSAGE"),
    ],
    ids=["FIN", "RST", "garbage"],
)
async def test_a_handshake_that_fails_says_so(script: Script, says: str) -> None:
    with Upstream(script, deaf=True) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(OpenAICompatible, url, api_key="canary-key")
    assert type(error) is errors.ConnectionFailed
    assert error.message == says.format(url)
    assert_no_secret(error)


async def test_a_handshake_that_never_ends_is_given_up_with_connect() -> None:
    with Upstream([STAY], deaf=True) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(OpenAICompatible, url, api_key="canary-k", timeouts={"connect": 0.1})
        upstream.connections[0].listen()
        await soon(upstream.connections[0].closed)
    assert type(error) is Timeout
    assert error.message == f"no connection to {url} within 0.1 s (connect)"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_protocol_is_refused() -> None:
    authority, context = authority_and_context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Upstream(spoken("Hello"), tls=context) as upstream:
        settings = {"transport": trusting(authority), "api_key": "canary-key"}
        error = await failure(OpenAICompatible, upstream.url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.ConnectionFailed
    assert error.message.startswith(f"TLS with {upstream.url} failed")
    assert_no_secret(error)


async def test_a_name_that_leads_elsewhere_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever poisons the name has no certificate for it, though a good one for his own."""
    authority, context = authority_and_context("elsewhere.example")
    with Upstream(spoken("stolen"), tls=context) as upstream:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", upstream.port))]

        async def poisoned(*_: object, **__: object) -> object:
            return found

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", poisoned)
        url = f"https://api.example:{upstream.port}"
        settings = {"transport": trusting(authority), "api_key": "canary-key"}
        error = await failure(OpenAICompatible, url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.CertificateRejected
    assert "is not valid for 'api.example'" in error.message
    assert_no_secret(error)


def test_verification_cannot_be_switched_off() -> None:
    lax = ssl.create_default_context()
    lax.check_hostname = False
    with pytest.raises(errors.ConfigError, match="does not verify"):
        HTTPTransport(ssl_context=lax)
    lax.verify_mode = ssl.CERT_NONE
    with pytest.raises(errors.ConfigError, match="does not verify"):
        HTTPTransport(ssl_context=lax)


async def test_ssl_cert_file_names_further_authorities(tmp_path: Path) -> None:
    authority, context = authority_and_context("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Upstream(spoken("Hello"), tls=context) as upstream:
        code = f"""
        from penstock.providers.openai_compatible import OpenAICompatible
        print(*OpenAICompatible(base_url={upstream.url!r}).create_completion("m", "Hi"))
        """
        assert run_script(code, SSL_CERT_FILE=str(tmp_path / "ca.pem")) == "Hello\n"


# Deadlines.


async def test_idle_counts_only_while_we_wait() -> None:
    gate = Gate()
    with Upstream([CHUNKED, HELLO, gate, chunk(say("again", "stop") + DONE), LAST]) as upstream:
        limits = {"idle": 0.1, "first": 0.1}
        stream = OpenAICompatible(base_url=upstream.url, timeouts=limits).create_async_generator(
            "m", "Hi"
        )
        said = []
        async for text in stream:
            said.append(text)
            if not said[1:]:
                await asyncio.sleep(0.3)  # a slow reader
                gate.open()
    assert said == ["Hello", "again"]


async def test_first_does_not_blame_the_service_for_a_slow_reader() -> None:
    role = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    gate = Gate()
    with Upstream([CHUNKED, chunk(role), gate, *spoken("Hello")[1:]]) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, timeouts={"first": 0.1})
        question = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))
        events: list[Event] = []
        async for event in provider.stream(question):
            if not events:
                gate.open()
                await asyncio.sleep(0.3)
            events.append(event)
    assert isinstance(events[-1], Finish)


async def test_idle_does_not_blame_the_service_for_a_blocked_loop() -> None:
    gate, last_gate = Gate(), Gate()
    end = chunk(say("at last", "stop") + DONE)
    with Upstream([CHUNKED, HELLO, gate, chunk(say("again")), last_gate, end]) as upstream:
        stream = OpenAICompatible(
            base_url=upstream.url, timeouts={"idle": 0.1}
        ).create_async_generator("m", "Hi")
        assert await anext(stream) == "Hello"
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        gate.open()
        time.sleep(0.3)  # the bytes come in time, the loop is late
        assert await waiting == "again"
        last_gate.open()
        assert [text async for text in stream] == ["at last"]


@pytest.mark.parametrize("other", [None, 5])
async def test_idle_is_kept_even_if_the_headers_took_longer(other: float | None) -> None:
    gate = Gate()
    limits = {"headers": other, "first": other, "idle": 0.1, "progress": other, "total": other}
    with Upstream([gate, CHUNKED, HELLO, STAY]) as upstream:
        asking = asyncio.ensure_future(failure(OpenAICompatible, upstream.url, timeouts=limits))
        await soon(upstream.asked())
        await asyncio.sleep(0.2)
        gate.open()
        error = await asyncio.wait_for(asking, 2)
    assert type(error) is StreamStalled
    assert "(idle)" in error.message


@pytest.mark.parametrize("other", [None, 5])
async def test_progress_is_kept_even_if_the_first_word_took_longer(other: float | None) -> None:
    gate = Gate()
    limits = {"headers": other, "first": other, "idle": other, "progress": 0.1, "total": other}
    with Upstream([CHUNKED, gate, HELLO, Drip(PING, 0.02)]) as upstream:
        asking = asyncio.ensure_future(failure(OpenAICompatible, upstream.url, timeouts=limits))
        await soon(upstream.asked())
        await asyncio.sleep(0.25)
        gate.open()
        error = await asyncio.wait_for(asking, 2)
    assert type(error) is StreamStalled
    assert "(progress)" in error.message


async def test_progress_begins_anew_with_every_word() -> None:
    with Upstream([CHUNKED, Drip(HELLO + PING, 0.05)]) as upstream:
        limits = {"progress": 0.2, "total": 0.6}
        error = await failure(OpenAICompatible, upstream.url, timeouts=limits)
    assert "(total)" in error.message


async def test_progress_does_not_blame_the_service_for_a_slow_reader() -> None:
    """Neither for one who is slow with what was said, nor for one who is slow with a ping."""
    pings = [Gate(), Gate(), Gate()]
    script = [CHUNKED, HELLO, *(step for gate in pings for step in (gate, PING)), STAY]
    with Upstream(script) as upstream:
        limits = Timeouts(progress=0.2, idle=1)
        response = await HTTPTransport().send(Request("POST", upstream.url, timeouts=limits))
        chunks = response.chunks()
        await anext(chunks)
        response.spoken()
        for ping in pings:
            await asyncio.sleep(0.15)
            ping.open()
            await anext(chunks)
        start = time.monotonic()
        with pytest.raises(StreamStalled, match=r"within 0.2 s \(progress\)"):
            await anext(chunks)
        assert 0.15 < time.monotonic() - start < 0.35  # what we had waited already counts
        await response.close()


async def test_progress_does_not_blame_the_service_for_a_blocked_loop() -> None:
    gate = Gate()
    end = chunk(say("again", "stop") + DONE)
    with Upstream([CHUNKED, HELLO, gate, end]) as upstream:
        stream = OpenAICompatible(
            base_url=upstream.url, timeouts={"progress": 0.1}
        ).create_async_generator("m", "Hi")
        assert await anext(stream) == "Hello"
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        gate.open()
        time.sleep(0.3)  # the bytes come in time, the loop is late
        assert await waiting == "again"
        await stream.aclose()


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ([STAY], "headers"),
        ([STAY], "first"),
        ([STAY], "total"),
        ([CHUNKED, STAY], "first"),
        ([CHUNKED, HELLO, STAY], "idle"),
        ([CHUNKED, HELLO, Drip(PING, 0.02)], "progress"),
        ([CHUNKED, Drip(HELLO, 0.02)], "total"),
    ],
)
async def test_a_deadline_is_kept_to_the_tenth_of_a_second(script: Script, limit: str) -> None:
    with Upstream(script) as upstream:
        start = time.monotonic()
        error = await failure(OpenAICompatible, upstream.url, timeouts={limit: 0.2})
        assert 0.2 <= time.monotonic() - start < 0.35
        assert f"0.2 s ({limit})" in error.message
        connection = await soon(upstream.opened())
        await soon(connection.closed)


async def test_a_deadline_is_told_even_in_a_task_that_has_outlived_a_cancellation() -> None:
    with Upstream([STAY]) as upstream:

        async def stubborn() -> PenstockError:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return await failure(OpenAICompatible, upstream.url, timeouts={"headers": 0.05})

        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(0)
        task.cancel()
        assert type(await task) is Timeout


async def test_a_cancellation_at_the_deadline_stays_a_cancellation() -> None:
    with Upstream([STAY]) as upstream:
        asking = asyncio.ensure_future(
            ask(OpenAICompatible, upstream.url, timeouts={"headers": 0.05})
        )
        await soon(upstream.asked())
        time.sleep(0.1)  # the deadline is due, but the loop has not looked yet
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_no_deadline_outlives_its_call() -> None:
    loop = asyncio.get_running_loop()

    def expire(scope: asyncio.Timeout, turns: int) -> None:
        if turns:
            loop.call_soon(expire, scope, turns - 1)
        else:
            scope.reschedule(loop.time())

    with Upstream([STAY]) as upstream:
        for turns in range(12):  # left at every step of the way, by one and the same task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None) as scope:
                    expire(scope, turns)
                    await ask(OpenAICompatible, upstream.url, timeouts={"headers": 0.1})
        await asyncio.sleep(0.2)  # a deadline left over would cancel us here


# Leaving: the service sees it at once, in every phase.

Stream = AsyncIterator[str]
HELD: list[object] = []


async def leave_by_break(open_stream: Callable[[], Stream]) -> None:
    async for _ in open_stream():
        break


async def leave_a_held_stream_by_break(open_stream: Callable[[], Stream]) -> None:
    stream = open_stream()
    async for _ in stream:
        break
    HELD.append(stream)  # somebody still holds it


async def leave_by_aclose(open_stream: Callable[[], Any]) -> None:
    stream = open_stream()
    await anext(stream)
    await stream.aclose()


async def leave_by_aclose_in_the_loop(open_stream: Callable[[], Any]) -> None:
    stream = open_stream()
    async for _ in stream:
        await stream.aclose()


async def leave_by_async_with(open_stream: Callable[[], Any]) -> None:
    async with open_stream() as stream:
        await anext(stream)


async def leave_by_an_exception(open_stream: Callable[[], Stream]) -> None:
    with contextlib.suppress(KeyError):
        async for _ in open_stream():
            raise KeyError


async def leave_by_forgetting(open_stream: Callable[[], Stream]) -> None:
    stream = open_stream()
    await anext(stream)
    del stream


async def leave_by_cancelling_the_reader(open_stream: Callable[[], Stream]) -> None:
    spoke = asyncio.Event()

    async def read() -> None:
        async for _ in open_stream():
            spoke.set()

    task = asyncio.ensure_future(read())
    await spoke.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def leave_by_wait_for(open_stream: Callable[[], Stream]) -> None:
    stream = open_stream()
    await anext(stream)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.02)


WAYS: tuple[Callable[[Callable[[], Any]], Awaitable[None]], ...] = (
    leave_by_break,
    leave_a_held_stream_by_break,
    leave_by_aclose,
    leave_by_aclose_in_the_loop,
    leave_by_async_with,
    leave_by_an_exception,
    leave_by_forgetting,
    leave_by_cancelling_the_reader,
    leave_by_wait_for,
)


async def latency(connection: Connection, left: float) -> None:
    """From leaving until the service sees the socket close it is never longer than ``SOON``."""
    seconds = await soon(connection.closed) - left
    print(f"left after {1000 * seconds:.1f} ms")
    assert seconds < SOON


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_whoever_leaves_a_silent_stream_closes_its_connection(
    way: Callable[[Callable[[], Any]], Awaitable[None]], tls: bool
) -> None:
    authority, context = authority_and_context("127.0.0.1")
    with Upstream([CHUNKED, HELLO, STAY], tls=context if tls else None) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, transport=trusting(authority))
        await way(lambda: provider.create_async_generator("m", "Hi"))
        await latency(upstream.connections[0], time.monotonic())


@pytest.mark.parametrize("script", [[STAY], [b"HTTP/1.1 200 OK\r\n", STAY], [CHUNKED, STAY]])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_whoever_leaves_before_the_first_word_closes_its_connection(
    provider: Provider, script: Script
) -> None:
    with Upstream(script) as upstream:
        asking = asyncio.ensure_future(ask(provider, upstream.url))
        connection = await soon(upstream.asked())
        await asyncio.sleep(0.02)
        asking.cancel()
        left = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await latency(connection, left)


async def test_whoever_leaves_while_the_connection_is_made_leaves_nothing_behind() -> None:
    with Upstream([STAY]) as upstream:  # it never answers the TLS handshake
        url = upstream.url.replace("http:", "https:")
        asking = asyncio.ensure_future(ask(OpenAICompatible, url))
        connection = await soon(upstream.opened())
        asking.cancel()
        left = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await latency(connection, left)


async def test_a_question_too_long_for_a_deaf_service_is_let_go_of() -> None:
    with Upstream([CHUNKED, HELLO, STAY], deaf=True) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, timeouts=PATIENT)
        stream = provider.create_async_generator("m", "x" * 2**24)
        assert await anext(stream) == "Hello"
        await stream.aclose()
        upstream.connections[0].listen()
        await latency(upstream.connections[0], time.monotonic())
        assert sum(map(len, upstream.connections[0].requests)) == 0


async def test_a_question_too_long_for_a_deaf_service_can_be_given_up() -> None:
    with Upstream([STAY], deaf=True) as upstream:
        limits = {"headers": 0.1}
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator(
            "m", "x" * 2**24, timeouts=limits
        )
        assert type(await end_of(stream, [])) is Timeout
        upstream.connections[0].listen()
        await latency(upstream.connections[0], time.monotonic())
        assert upstream.connections[0].requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
async def test_whoever_leaves_does_not_wait_for_a_deaf_service_to_say_goodbye() -> None:
    authority, context = authority_and_context("127.0.0.1")
    with Upstream([CHUNKED, HELLO, STAY], tls=context, deaf=True) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, transport=trusting(authority))
        await leave_by_break(lambda: provider.create_async_generator("m", "Hi"))
        async with asyncio.timeout(SOON):
            while upstream.connections[0].is_established():
                await asyncio.sleep(0.005)


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


# Pooling: connections are used again, by the loop that opened them.


async def test_a_second_call_uses_the_same_connection() -> None:
    with Upstream(spoken("Hello")) as upstream:
        for _ in range(3):
            assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        assert [len(connection.requests) for connection in upstream.connections] == [3]


async def test_the_last_chunk_may_come_a_moment_after_the_end_of_the_stream() -> None:
    gate = Gate()
    with Upstream([CHUNKED, chunk(say("Hello", "stop") + DONE), gate, LAST]) as upstream:
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator("m", "Hi")
        async for _ in stream:
            asyncio.get_running_loop().call_later(0.02, gate.open)
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        assert len(upstream.connections) == 1


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_was_closed_while_the_loop_was_blocked_is_not_used(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    gate = Gate()

    async def main() -> None:
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        gate.open()
        upstream.connections[0].ended.result(5)  # as input() blocks: nothing else can run
        assert await ask(OpenAICompatible, upstream.url) == ["again"]

    with (
        Upstream([*spoken("Hello"), gate, FIN], spoken("again")) as upstream,
        asyncio.Runner(loop_factory=factory) as runner,
    ):
        runner.run(main())


async def test_a_refused_call_leaves_its_connection_usable() -> None:
    refusal = [head("429 Too Many Requests", "application/json", content_length=2), b"{}"]
    with Upstream(refusal, spoken("Hello")) as upstream:
        await failure(OpenAICompatible, upstream.url)
        assert await ask(OpenAICompatible, upstream.url) == ["Hello"]
        assert len(upstream.connections) == 1


async def test_a_stream_that_was_left_is_never_used_again() -> None:
    with Upstream([CHUNKED, HELLO, STAY], spoken("three")) as upstream:
        async for _ in OpenAICompatible(base_url=upstream.url).create_async_generator("m", "Hi"):
            break
        assert await ask(OpenAICompatible, upstream.url) == ["three"]
        assert len(upstream.connections) == 2


async def test_a_pooled_connection_may_be_lost_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, reset = Gate(), Gate()
    end = chunk(say("", "stop") + DONE) + LAST
    caplog.set_level(logging.DEBUG)
    with Upstream([CHUNKED, HELLO, gate, end, reset, RST], spoken("again")) as upstream:
        stream = OpenAICompatible(base_url=upstream.url).create_async_generator("m", "Hi")
        async for _ in stream:
            gate.open()
        reset.open()
        await soon(upstream.connections[0].closed)
        await asyncio.sleep(0.01)
        assert await ask(OpenAICompatible, upstream.url) == ["again"]
    gc.collect()
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_no_cookie_is_kept() -> None:
    events = say("Hello", "stop") + DONE
    answer = [head(set_cookie="session=canary; Path=/", content_length=len(events)), events]
    with Upstream(answer) as upstream:
        url = upstream.url.replace("127.0.0.1", "localhost")
        await ask(OpenAICompatible, url)
        await ask(OpenAICompatible, url)
        assert b"cookie" not in upstream.connections[0].requests[1].lower()


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


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_every_event_loop_has_connections_of_its_own(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main(url: str) -> list[str]:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await ask(OpenAICompatible, url)
        return await ask(OpenAICompatible, url)

    with Upstream(spoken("Hello")) as upstream:
        for n in range(3):
            with asyncio.Runner(loop_factory=factory) as runner:
                assert runner.run(main(upstream.url)) == ["Hello"]
            upstream.connections[n].closed.result(SOON)  # closed with its loop
        assert [len(connection.requests) for connection in upstream.connections] == [2, 2, 2]
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]  # and forgotten with it


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_was_closed_in_the_old_way_is_forgotten_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Upstream(spoken("Hello")) as upstream:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask(OpenAICompatible, upstream.url))
        loop.close()
        gone = weakref.ref(loop)
        del loop
        asyncio.run(ask(OpenAICompatible, upstream.url))
        gc.collect()
        assert gone() is None
    assert caplog.records == []


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_under_uvloop_too_whoever_leaves_closes_the_connection(
    way: Callable[[Callable[[], Any]], Awaitable[None]],
) -> None:
    async def main(upstream: Upstream) -> None:
        provider = OpenAICompatible(base_url=upstream.url)
        await way(lambda: provider.create_async_generator("m", "Hi"))
        await latency(upstream.connections[0], time.monotonic())

    with (
        Upstream([CHUNKED, HELLO, STAY]) as upstream,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(main(upstream))


@pytest.mark.parametrize("name", [name for name, provider in TABLE if provider is Aura])
def test_under_uvloop_too_every_fault_ends_in_its_own_error(name: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_every_fault_ends_in_its_own_error_that_shows_no_secret(name, Aura))


SCRIPT = """
import asyncio, sys
from penstock.providers.openai_compatible import OpenAICompatible

async def main(end):
    provider = OpenAICompatible(base_url=sys.argv[1])
    print(await provider.create_async("m", "Hi"))
    if end == "break":
        async for text in provider.create_async_generator("m", "Hi"):
            break
    elif end == "hold":
        stream = provider.create_async_generator("m", "Hi")
        await anext(stream)
        globals()["kept"] = stream
    elif end == "forget":
        task = asyncio.ensure_future(anext(provider.create_async_generator("m", "Hi")))
        await asyncio.sleep(0.01)
    print(end)

for end in ("read", "break", "hold", "forget"):
    RUN(main(end))
"""


@pytest.mark.parametrize("run", ["asyncio.run", "__import__('uvloop').run"])
def test_a_script_ends_without_a_warning_wherever_it_left_its_streams(run: str) -> None:
    whole = spoken("Hello")
    cut: Script = [CHUNKED, HELLO, STAY]
    with Upstream(whole, whole, cut, whole, cut, whole, cut, cut) as upstream:
        command = SCRIPT.replace("RUN", run).replace("sys.argv[1]", repr(upstream.url))
        said = run_script(command)
        for connection in upstream.connections:
            connection.closed.result(SOON)
    assert said.split() == ["Hello", "read", "Hello", "break", "Hello", "hold", "Hello", "forget"]


# What may stand in a message.


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.com/v1?key=canary", "https://api.example.com"),
        ("http://user:canary@host:8080/canary", "http://host:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("socks5h://user:canary@proxy:1080", "socks5h://proxy:1080"),
        ("/canary", ""),
        ("user:canary@host:8080", ""),
        ("http://user:canary?@host", ""),
        ("http://[canary", ""),
        ("", ""),
    ],
)
def test_only_scheme_host_and_port_of_a_url_are_shown(url: str, shown: str) -> None:
    assert origin(url) == shown


def test_a_request_shows_neither_headers_nor_body_nor_proxy() -> None:
    request = Request(
        "POST",
        "http://user:canary@host/canary",
        {"Authorization": "Bearer canary"},
        b"canary",
        "http://user:canary@proxy:1",
    )
    assert repr(request) == "Request(POST http://host)"


async def test_reading_on_gives_events_not_only_text() -> None:
    with Upstream(spoken("Hello")) as upstream:
        question = ChatRequest(model="m", messages=(Message("user", (TextPart("Hi"),)),))
        events = [e async for e in OpenAICompatible(base_url=upstream.url).stream(question)]
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["Hello"]
    assert isinstance(events[-1], Finish)
