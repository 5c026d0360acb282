"""Every way a call can fail ends in an error of its own, which shows no secret."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from penstock import errors
from penstock.errors import PenstockError
from penstock.providers.aura import Aura
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Request
from penstock.transport.failures import map_error
from raw import (
    CANARY,
    CHUNKED,
    FIN,
    LAST,
    RST,
    STAY,
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
    spoken,
)
from transport.asking import HELLO, PATIENT, PING, PROVIDERS, Provider, end_of, failure


@dataclass
class Fault:
    """What a service does, and how a call must end."""

    script: Script
    error: type[PenstockError]
    says: str
    providers: tuple[Provider, ...] = PROVIDERS
    limits: dict[str, float] = field(default_factory=dict)


TEXT, OPENAI = (Aura,), (OpenAICompatible,)
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


def all_of_aiohttp() -> list[aiohttp.ClientError]:
    """One of each class of errors that aiohttp's client may raise, full of secrets."""
    key = ConnectionKey("127.0.0.1", 443, True, True, URL(f"http://{CANARY}@h"), None, None)
    asked = RequestInfo(
        URL(f"http://{CANARY}"), "GET", CIMultiDictProxy(CIMultiDict()), URL(f"http://{CANARY}")
    )
    making: tuple[tuple[Any, tuple[object, ...]], ...] = (
        (UnixClientConnectorError, (CANARY, key, OSError(CANARY))),
        (aiohttp.ClientConnectorCertificateError, (key, ssl.SSLCertVerificationError(CANARY))),
        (aiohttp.ClientConnectorError, (key, OSError(111, CANARY))),
        (aiohttp.ServerFingerprintMismatch, (b"", b"", CANARY, 443)),
        (aiohttp.ClientResponseError, (asked, ())),
        (aiohttp.ClientError, (CANARY,)),
    )
    kinds: list[type[aiohttp.ClientError]] = [aiohttp.ClientError]
    for kind in kinds:  # which grows
        kinds += [below for below in kind.__subclasses__() if below not in kinds]
    return [kind(*next(args for base, args in making if issubclass(kind, base))) for kind in kinds]


@pytest.mark.parametrize("theirs", all_of_aiohttp(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("proxy", ["", f"http://{CANARY}@127.0.0.1:1"], ids=["straight", "proxy"])
def test_every_error_of_aiohttp_is_one_of_ours_that_shows_no_secret(
    theirs: aiohttp.ClientError, proxy: str
) -> None:
    request = Request("POST", f"https://127.0.0.1/{CANARY}", {"X": CANARY}, b"", proxy)
    ours = map_error(theirs, request)
    assert isinstance(ours, PenstockError)
    assert_no_secret(ours)


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


@pytest.mark.parametrize("name", [name for name, provider in TABLE if provider is Aura])
def test_under_uvloop_too_every_fault_ends_in_its_own_error(name: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_every_fault_ends_in_its_own_error_that_shows_no_secret(name, Aura))
