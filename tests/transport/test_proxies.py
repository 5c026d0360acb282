"""Proxies for real: tinyproxy (HTTP, CONNECT, Basic) and microsocks (SOCKS5, user and password)."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import programs
from penstock import errors
from penstock.errors import PenstockError
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport.http import HTTPTransport
from raw import (
    CHUNKED,
    FIN,
    SOON,
    STAY,
    Upstream,
    assert_no_secret,
    head,
    refused_port,
    say,
    soon,
    spoken,
)
from transport.asking import HELLO, authority_and_context, trusting

USER, PASSWORD = "canary-user", "canary-password"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tinyproxy")


@pytest.fixture(scope="module")
def http_proxy(folder: Path) -> Iterator[str]:
    with programs.tinyproxy(folder, USER, PASSWORD) as address:
        yield address


@pytest.fixture(scope="module")
def socks_proxy() -> Iterator[str]:
    with programs.microsocks(USER, PASSWORD) as address:
        yield address


@pytest.fixture(params=["http", "socks5", "socks5h"])
def proxy(request: pytest.FixtureRequest) -> str:
    """A proxy's URL, with user and password."""
    name = "http_proxy" if request.param == "http" else "socks_proxy"
    return f"{request.param}://{USER}:{PASSWORD}@{request.getfixturevalue(name)}"


@pytest.fixture(params=["http", "https"])
def service(request: pytest.FixtureRequest) -> Iterator[tuple[Upstream, HTTPTransport]]:
    """A service, and a transport that trusts its certificate if it has one."""
    authority, server = authority_and_context("127.0.0.1", "localhost")
    tls = server if request.param == "https" else None
    with Upstream(spoken("Hello"), tls=tls) as upstream:
        yield upstream, trusting(authority)


async def ask(url: str, **settings: Any) -> str:
    return await OpenAICompatible(base_url=url, api_key="canary-key").create_async(
        "m", "canary-question", **{"timeout": 10, **settings}
    )


async def failure(url: str, **settings: Any) -> PenstockError:
    with pytest.raises(PenstockError) as caught:
        await ask(url, **settings)
    assert_no_secret(caught.value)
    return caught.value


async def test_answers_come_through_every_kind_of_proxy(
    proxy: str, service: tuple[Upstream, HTTPTransport]
) -> None:
    upstream, transport = service
    assert await ask(upstream.url, proxy=proxy, transport=transport) == "Hello"
    assert await ask(upstream.url, proxy=proxy, transport=transport) == "Hello"
    request = upstream.connections[0].requests[0].lower()
    assert b"proxy-authorization" not in request
    assert b"authorization: bearer canary-key" in request


async def test_tls_goes_through_an_http_proxy_unread(
    http_proxy: str, folder: Path, service: tuple[Upstream, HTTPTransport]
) -> None:
    upstream, transport = service
    proxy = f"http://{USER}:{PASSWORD}@{http_proxy}"
    await ask(upstream.url, proxy=proxy, transport=transport)
    log = (folder / "tinyproxy.log").read_text()
    if upstream.url.startswith("https:"):
        assert f"CONNECT 127.0.0.1:{upstream.port} " in log
    else:
        assert f"POST {upstream.url}/chat/completions " in log


@pytest.mark.parametrize("user", [f"{USER}:canary-wrong@", ""], ids=["wrong", "none"])
async def test_a_wrong_password_is_told(
    user: str, proxy: str, service: tuple[Upstream, HTTPTransport]
) -> None:
    upstream, transport = service
    scheme, _, address = proxy.replace(f"{USER}:{PASSWORD}@", "").partition("://")
    refused = await failure(upstream.url, proxy=f"{scheme}://{user}{address}", transport=transport)
    assert type(refused) is errors.ConnectionFailed
    assert f"the proxy {scheme}://{address} " in refused.message
    assert "check its user and password" in refused.message
    assert not any(connection.requests for connection in upstream.connections)


async def test_a_service_that_the_proxy_cannot_reach_is_told(proxy: str) -> None:
    url = f"https://127.0.0.1:{refused_port()}"
    error = await failure(url, proxy=proxy)
    assert type(error) is errors.ConnectionFailed
    assert "the proxy " in error.message


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
async def test_a_dead_proxy_is_told(scheme: str) -> None:
    address = f"127.0.0.1:{refused_port()}"
    error = await failure("http://127.0.0.1:1", proxy=f"{scheme}://{USER}:{PASSWORD}@{address}")
    assert type(error) is errors.ConnectionFailed
    assert error.message == f"no connection to the proxy {scheme}://{address}; is it running?"


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_without_a_name_is_told(scheme: str) -> None:
    proxy = f"{scheme}://{USER}:{PASSWORD}@nobody.invalid:1"
    error = await failure("http://127.0.0.1:1", proxy=proxy)
    assert type(error) is errors.ConnectionFailed
    assert f"the proxy {scheme}://nobody.invalid:1" in error.message


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_silent_proxy_ends_with_connect(scheme: str) -> None:
    with Upstream([STAY]) as silent:
        proxy = f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{silent.port}"
        error = await failure("https://127.0.0.1:1", proxy=proxy, timeouts={"connect": 0.1})
    assert type(error) is errors.Timeout
    assert "within 0.1 s (connect)" in error.message
    assert f"{scheme}://127.0.0.1:{silent.port}" in error.message


@pytest.mark.parametrize(
    "proxy",
    [
        "localhost:8080",
        "canary-user:canary-password@localhost:8080",
        "http://canary-user:canary?password@localhost:8080",
        "http://canary-user:canary/password@localhost:8080",
        "http://canary-user:canary#password@localhost:8080",
        "http://canary-user:canary-password@",
        "http://canary-user:canary-password@localhost:99999",
        "http://[canary",
        "ftp://canary-user:canary-password@localhost",
        "socks4://canary-user:canary-password@localhost:1080",
        "socks5://canary-user:canary-password@localhost",
    ],
)
async def test_what_is_no_proxy_is_refused_without_being_shown(proxy: str) -> None:
    error = await failure("http://127.0.0.1:1", proxy=proxy)
    assert type(error) is errors.ConfigError
    assert "proxy" in error.message


async def test_a_password_may_hold_anything_percent_encoded() -> None:
    password, encoded = "a:b@c/d?", "a%3Ab%40c%2Fd%3F"
    with programs.microsocks(USER, password) as address, Upstream(spoken("Hello")) as upstream:
        assert await ask(upstream.url, proxy=f"socks5://{USER}:{encoded}@{address}") == "Hello"
    with Upstream(spoken("Hello")) as proxy:  # it takes the proxy's part
        address = f"127.0.0.1:{proxy.port}"
        url = "http://nobody.invalid"
        assert await ask(url, proxy=f"http://{USER}:{encoded}@{address}") == "Hello"
        request = proxy.connections[0].requests[0]
    credentials = base64.b64encode(f"{USER}:{password}".encode())
    assert b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" in request


async def test_a_call_goes_before_an_instance_and_an_instance_before_the_environment(
    http_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = f"http://{USER}:{PASSWORD}@{http_proxy}"
    dead = f"http://{USER}:{PASSWORD}@127.0.0.1:{refused_port()}"
    with Upstream(spoken("Hello")) as upstream:

        async def answers(instance: str = "", call: str = "", environment: str = "") -> bool:
            monkeypatch.setenv("PENSTOCK_PROXY", environment)
            provider = OpenAICompatible(base_url=upstream.url, proxy=instance or None)
            try:
                await provider.create_async("m", "Hi", proxy=call or None)
            except errors.ConnectionFailed:
                return False
            return True

        assert await answers(environment=alive)
        assert not await answers(environment=dead)
        assert await answers(instance=alive, environment=dead)
        assert not await answers(instance=dead, environment=alive)
        assert await answers(call=alive, instance=dead, environment=dead)
        assert not await answers(call=dead, instance=alive, environment=alive)


async def test_a_stream_cut_behind_a_proxy_never_ends_clean(proxy: str) -> None:
    with Upstream([CHUNKED, HELLO, FIN]) as upstream:
        assert type(await failure(upstream.url, proxy=proxy)) is errors.StreamTruncated
    with Upstream([head(content_length=4000), say("Hello"), FIN]) as upstream:
        assert type(await failure(upstream.url, proxy=proxy)) is errors.StreamTruncated


async def test_whoever_leaves_is_missed_by_the_service_behind_the_proxy_too(
    proxy: str, service: tuple[Upstream, HTTPTransport]
) -> None:
    upstream, transport = service
    upstream.follow([CHUNKED, HELLO, STAY])
    provider = OpenAICompatible(base_url=upstream.url, transport=transport, proxy=proxy)
    async for _ in provider.create_async_generator("m", "Hi"):
        break
    left = time.monotonic()
    assert await soon(upstream.connections[0].closed) - left < SOON


def test_synchronous_callers_go_through_proxies_too(proxy: str) -> None:
    with Upstream(spoken("Hello")) as upstream:
        provider = OpenAICompatible(base_url=upstream.url, proxy=proxy)
        assert list(provider.create_completion("m", "Hi", stream=True)) == ["Hello"]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_name_is_resolved_by_the_socks_proxy_alone(scheme: str) -> None:
    asked: list[bytes] = []

    async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = await reader.readexactly(2)
        await reader.readexactly(greeting[1])
        writer.write(b"\x05\x00")  # no authentication needed
        head = await reader.readexactly(5)
        asked.append(head[3:4] + await reader.readexactly(head[4]))
        writer.write(b"\x05\x04\x00\x01" + bytes(6))  # host unreachable
        writer.close()

    async with await asyncio.start_server(socks, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        error = await failure("http://nobody.invalid", proxy=f"{scheme}://127.0.0.1:{address[1]}")
    assert type(error) is errors.ConnectionFailed
    assert asked == [b"\x03nobody.invalid"]


async def test_without_the_extra_a_socks_proxy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp_socks", None)
    error = await failure("http://127.0.0.1:1", proxy=f"socks5://{USER}:{PASSWORD}@localhost:7")
    assert type(error) is errors.MissingExtra
    assert "penstock[socks]" in error.message
