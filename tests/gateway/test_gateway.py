"""The gateway on real sockets: what callers get, whatever the service behind it does."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest

from penstock import Aivvm, Aura, CodeLinkAva
from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from raw import (
    CHUNKED,
    DONE,
    LAST,
    RST,
    STAY,
    Flood,
    Script,
    Upstream,
    chunk,
    head,
    say,
    soon,
    spoken,
)

CHAT = "/v1/chat/completions"


def asked(stream: bool = True, model: str = "up/m", **more: Any) -> dict[str, Any]:
    return {
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": "Привет"}],
        **more,
    }


@asynccontextmanager
async def serving(upstream: Upstream | None = None, **providers: str) -> AsyncIterator[str]:
    """A gateway in this loop; its provider ``up`` is the raw service."""
    if upstream is not None:
        providers["up"] = upstream.url + "/v1"
    said = {
        name: ProviderConfig(type="openai-compatible", base_url=url, api_key="sk-canary")
        for name, url in providers.items()
    }
    async with listen(Gateway(Catalog(Config(providers=said))), "127.0.0.1", 0) as (host, port):
        yield f"http://{host}:{port}"


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def read(url: str, body: Any, **headers: str) -> tuple[int, bytes, bool]:
    """Status, body, and whether the body ended as HTTP says it must."""
    got = b""
    async with session() as http, http.post(url, json=body, headers=headers) as answer:
        try:
            async for data in answer.content.iter_any():
                got += data
        except aiohttp.ClientPayloadError:
            return answer.status, got, False
        return answer.status, got, True


async def test_a_stream_goes_through_byte_for_byte() -> None:
    said = [say("При"), say("вет "), b": comment\n\n", say("🙂", "stop"), DONE]
    script: Script = [CHUNKED, *(chunk(data) for data in said), LAST]
    with Upstream(script) as upstream:
        async with serving(upstream) as url:
            assert await read(url + CHAT, asked()) == (200, b"".join(said), True)


async def test_the_services_bytes_go_through_whatever_their_chunks_are() -> None:
    said = say("Привет") + say("мир", "stop") + DONE
    for size in (1, 2, 3, 7):
        pieces = [chunk(said[i : i + size]) for i in range(0, len(said), size)]
        with Upstream([CHUNKED, *pieces, LAST]) as upstream:
            async with serving(upstream) as url:
                assert await read(url + CHAT, asked()) == (200, said, True)


async def test_the_request_goes_through_but_for_the_models_name() -> None:
    more: dict[str, Any] = {"temperature": 0.3, "logit_bias": {"1": 2}, "unknown": [1, None]}
    with Upstream(spoken("Hi")) as upstream:
        async with serving(upstream) as url:
            await read(url + CHAT, asked(**more))
        raw = upstream.asked().result(5).requests[0]
    head, _, body = raw.partition(b"\r\n\r\n")
    assert json.loads(body) == asked(model="m", **more)
    assert b"Authorization: Bearer sk-canary" in head


async def test_a_whole_answer_goes_through_byte_for_byte() -> None:
    body = b'{"id":"1","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}  '
    with Upstream([head(content_type="application/json", content_length=len(body)) + body]) as up:
        async with serving(up) as url:
            assert await read(url + CHAT, asked(stream=False)) == (200, body, True)


async def test_the_openai_sdk_reads_streams_and_whole_answers() -> None:
    async with serving() as url:
        client = openai.AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
        async with client:
            chunks = await client.chat.completions.create(
                model="builtin/echo",
                messages=[{"role": "user", "content": "один два"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            got = [c async for c in chunks]
            assert "".join(c.choices[0].delta.content or "" for c in got if c.choices) == "один два"
            assert got[-1].usage is not None
            assert got[-2].choices[0].finish_reason == "stop"
            whole = await client.chat.completions.create(
                model="builtin/echo", messages=[{"role": "user", "content": "один два"}]
            )
            assert whole.choices[0].message.content == "один два"
            models = [model.id async for model in client.models.list()]
            assert models == ["builtin/eliza", "builtin/echo"]


async def test_the_openai_sdk_sees_a_cut_stream_as_an_error() -> None:
    with Upstream([CHUNKED, chunk(say("half ")), RST]) as upstream:
        async with serving(upstream) as url:
            client = openai.AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
            async with client:
                chunks = await client.chat.completions.create(
                    model="up/m", messages=[{"role": "user", "content": "x"}], stream=True
                )
                with pytest.raises(openai.APIError, match="cut"):
                    [c async for c in chunks]


CUTS: dict[str, Script] = {
    "a last chunk that never comes": [CHUNKED, chunk(say("half ")), RST],
    "a body that ends before [DONE]": [CHUNKED, chunk(say("half ")), LAST],
    "a malformed event": [CHUNKED, chunk(say("half ") + b"data: {broken\n\n"), chunk(DONE), LAST],
    "an error in the stream": [
        CHUNKED,
        chunk(say("half ")),
        chunk(b'data: {"error":{}}\n\n'),
        LAST,
    ],
    "a half event": [CHUNKED, chunk(say("half ")), chunk(b'data: {"choices":[{"delta"'), LAST],
}


@pytest.mark.parametrize("name", CUTS)
async def test_a_stream_that_fails_is_told_and_never_ended(name: str) -> None:
    with Upstream(CUTS[name]) as upstream:
        async with serving(upstream) as url:
            status, body, ended = await read(url + CHAT, asked())
    assert status == 200
    assert not ended
    *said, last = [json.loads(x[6:]) for x in body.split(b"\n") if x.startswith(b"data: ")]
    assert "".join(event["choices"][0]["delta"]["content"] for event in said) == "half "
    assert last["error"]["message"]
    assert b"[DONE]" not in body


async def test_a_translated_stream_that_fails_is_told_and_never_ended() -> None:
    async with serving() as url:
        body = asked(model="builtin/echo", fault="cut", after=1)
        body["messages"][0]["content"] = "half answer"
        status, got, ended = await read(url + CHAT, body)
    assert (status, ended) == (200, False)
    assert b"half " in got
    assert json.loads(got.rstrip().rpartition(b"data: ")[2])["error"]["type"] == "stream_truncated"


EARLY: dict[str, tuple[Script, int]] = {
    "429": ([head("429 Too Many Requests", retry_after=7, content_length=0)], 429),
    "401": ([head("401 Unauthorized", content_length=0)], 401),
    "500": ([head("500 Oops", content_length=0)], 502),
    "a web page": ([head(content_type="text/html", content_length=6) + b"<html>"], 502),
    "a redirect": ([head("302 Found", location="http://x.invalid/", content_length=0)], 502),
    "an empty stream": ([CHUNKED, LAST], 502),
    "an error at once": ([CHUNKED, chunk(b'data: {"error":{"code":429}}\n\n'), LAST], 429),
    "no answer": ([RST], 502),
}


@pytest.mark.parametrize("name", EARLY)
async def test_a_failure_before_the_first_word_has_its_own_status(name: str) -> None:
    script, expected = EARLY[name]
    with Upstream(script) as upstream:
        async with serving(upstream) as url, session() as http:
            async with http.post(url + CHAT, json=asked()) as answer:
                assert answer.status == expected
                error = (await answer.json())["error"]
                assert error["message"]
                assert "canary" not in json.dumps(error)
                assert answer.headers.get("Retry-After") == ("7" if name == "429" else None)


async def test_a_whole_answer_where_a_stream_was_asked_becomes_a_stream() -> None:
    body = b'{"id":"1","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    with Upstream([head(content_type="application/json", content_length=len(body)) + body]) as up:
        async with serving(up) as url:
            _, got, ended = await read(url + CHAT, asked())
    assert ended
    assert got.endswith(DONE)
    assert b'"delta":{"content":"Hi"}' in got


@pytest.mark.parametrize("silent", ["before the headers", "before the first word", "amid"])
async def test_the_service_is_let_go_when_the_caller_leaves(silent: str) -> None:
    scripts: dict[str, Script] = {
        "before the headers": [STAY],
        "before the first word": [CHUNKED, STAY],
        "amid": [CHUNKED, chunk(say("half ")), STAY],
    }
    script = scripts[silent]
    with Upstream(script) as upstream:
        async with serving(upstream) as url:
            host, port = url.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            body = json.dumps(asked()).encode()
            writer.write(
                f"POST {CHAT} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            connection = await soon(upstream.asked())
            left = time.monotonic()
            writer.close()
            assert await soon(connection.closed) - left < 0.25


async def test_the_founding_three_answer_in_their_own_formats() -> None:
    messages = [{"role": "user", "content": "Men are all alike."}]
    async with serving() as url:
        for provider, prefix in ((CodeLinkAva, "codelink-ava"), (Aivvm, "aivvm"), (Aura, "aura")):
            base = f"{url}/{prefix}"
            assert await provider.create_async("", messages, base_url=base) == "IN WHAT WAY"
        bare = {"model": {"id": "gpt-4", "name": "GPT-4"}, "messages": messages}
        assert await read(url + "/aivvm/api/chat", bare) == (200, b"IN WHAT WAY", True)
        status, got, _ = await read(url + "/aivvm/api/models", {"key": ""})
        assert status == 200
        assert json.loads(got)[0] == {"id": "builtin/eliza", "name": "builtin/eliza"}


async def test_the_founding_three_reach_any_configured_model() -> None:
    with Upstream(spoken("из ", "модели")) as upstream:
        async with serving(upstream) as url:
            body = {"model": {"id": "up/m"}, "messages": [{"role": "user", "content": "x"}]}
            answer = await read(url + "/aura/api/chat", {**body, "prompt": " ", "key": "sk-own"})
            assert answer == (200, "из модели".encode(), True)
        raw = upstream.asked().result(5).requests[0]
    head, _, sent = raw.partition(b"\r\n\r\n")
    assert b"Authorization: Bearer sk-own" in head
    assert json.loads(sent)["messages"] == body["messages"]


@pytest.mark.parametrize(("prompt", "system"), [("", True), (" ", False), ("Be brief.", True)])
async def test_an_empty_prompt_is_the_servers_and_a_space_is_none(
    prompt: str, system: bool
) -> None:
    with Upstream(spoken("x")) as upstream:
        async with serving(upstream) as url:
            messages = [{"role": "user", "content": "x"}]
            body = {"model": {"id": "up/m"}, "messages": messages, "prompt": prompt}
            await read(url + "/aivvm/api/chat", body)
        sent = json.loads(upstream.asked().result(5).requests[0].partition(b"\r\n\r\n")[2])
    assert (sent["messages"][0]["role"] == "system") is system


async def test_a_bare_text_error_has_its_cause_in_the_status_text() -> None:
    with Upstream([head("401 Unauthorized", content_length=0)]) as upstream:
        async with serving(upstream) as url, session() as http:
            body = {"model": {"id": "up/m"}, "messages": [{"role": "user", "content": "x"}]}
            async with http.post(url + "/aura/api/chat", json=body) as answer:
                assert (answer.status, await answer.text()) == (500, "Error")
                assert answer.reason is not None
                assert "401" in answer.reason


WRONG: list[tuple[bytes, str]] = [
    (b"{", "valid JSON"),
    (b"[]", "object"),
    (b"{}", "messages"),
    (b'{"messages": []}', "messages"),
    (b'{"messages": 7}', "messages"),
    (b'{"messages": [{"role": "user"}], "stream": "yes"}', "stream"),
    (b'{"messages": [{"role": "user"}], "model": 7}', "model"),
    (b"[" * 100_000, "valid JSON"),
    (b'{"messages": "\xff"}', "valid JSON"),
]


@pytest.mark.parametrize(("body", "named"), WRONG)
async def test_bad_input_is_named(body: bytes, named: str) -> None:
    async with serving() as url, session() as http, http.post(url + CHAT, data=body) as answer:
        assert answer.status == 400
        assert named in (await answer.json())["error"]["message"]


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with serving() as url, session() as http:
        async with http.post(url + CHAT, data=io.BytesIO(b" " * (32 * 1024 * 1024 + 1))) as answer:
            assert answer.status == 413


async def test_an_unknown_model_and_an_unknown_path_are_told() -> None:
    async with serving() as url, session() as http:
        async with http.post(url + CHAT, json=asked(model="nope")) as answer:
            assert answer.status == 404
            assert "penstock models" in (await answer.json())["error"]["message"]
        async with http.get(url + "/chat/completions") as answer:
            assert answer.status == 404
            assert f"mean {CHAT}?" in (await answer.json())["error"]["message"]
        async with http.get(url + CHAT) as answer:
            assert answer.status == 405
        async with http.get(url + "/health") as answer:
            assert (await answer.json())["status"] == "ok"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.1:1@evil.example"},
        {"Host": "evil?x=/"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://ava-ai-ef611.web.app"},
    ],
)
async def test_a_page_of_another_origin_is_refused(headers: dict[str, str]) -> None:
    async with serving() as url, session() as http:
        async with http.post(url + CHAT, json=asked(), headers=headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8"])
async def test_a_page_of_this_machine_is_answered(origin: str) -> None:
    async with serving() as url:
        status, _, ended = await read(url + CHAT, asked(model="builtin/echo"), Origin=origin)
        assert (status, ended) == (200, True)


async def test_many_callers_at_once_each_get_their_own_answer() -> None:
    async with serving() as url:

        async def one(n: int) -> bool:
            body = asked(model="builtin/echo", delay=0.001)
            body["messages"][0]["content"] = text = " ".join(str(n + i) for i in range(20))
            _, got, _ = await read(url + CHAT, body)
            events = [json.loads(line[6:]) for line in got.split(b"\n") if line[:7] == b"data: {"]
            said = "".join(e["choices"][0]["delta"].get("content", "") for e in events)
            return said == text

        assert all(await asyncio.gather(*(one(n * 1000) for n in range(50))))


async def test_the_gateway_never_asks_itself() -> None:
    catalog = Catalog(Config())
    async with listen(Gateway(catalog), "127.0.0.1", 0) as (host, port):
        url = f"http://{host}:{port}"
        aura = catalog.get("aura")
        aura.settings = aura.configured(base_url=url + "/aura").settings
        aura.__dict__.pop("_target", None)
        body = {"messages": [{"role": "user", "content": "Men are all alike."}]}
        answer = await read(url + "/aura/api/chat", {**body, "model": {"id": "openchat_3.6"}})
        assert answer == (200, b"IN WHAT WAY", True)
        status, got, _ = await read(url + CHAT, asked(model="aura/openchat_3.6"))
        assert status == 500
        assert b"this very gateway" in got


async def test_an_answer_that_says_nothing_but_ends_well_goes_through() -> None:
    said = say("", "stop") + DONE
    with Upstream([CHUNKED, chunk(said), LAST]) as upstream:
        async with serving(upstream) as url:
            assert await read(url + CHAT, asked()) == (200, said, True)


async def whole_from(said: bytes) -> tuple[int, bytes, bool]:
    """What a caller gets who asked for a whole answer where the service streams."""
    with Upstream([head(content_length=len(said)) + said]) as upstream:
        async with serving(upstream) as url:
            return await read(url + CHAT, asked(stream=False))


async def test_a_stream_where_a_whole_answer_was_asked_becomes_a_whole_answer() -> None:
    status, got, ended = await whole_from(say("Hi ") + say("there", "stop") + DONE)
    assert (status, ended) == (200, True)
    assert json.loads(got)["choices"][0]["message"]["content"] == "Hi there"


@pytest.mark.parametrize(
    "said",
    [
        say("half ") + b'data: {"error":{"message":"no"}}\n\n',
        say("half ") + b"data: {broken\n\n" + DONE,
        say("half "),
    ],
)
async def test_half_a_stream_is_no_whole_answer(said: bytes) -> None:
    status, got, _ = await whole_from(said)
    assert status == 502
    assert json.loads(got)["error"]["message"]


async def test_a_key_that_a_service_repeats_is_shown_in_no_field() -> None:
    fields = dict.fromkeys(("message", "type", "code", "param"), "sk-canary")
    body = json.dumps({"error": fields}).encode()
    events = say("half ") + b"data: " + body + b"\n\n"
    for script in (
        [head("401 No", "application/json", content_length=len(body)) + body],
        [head("401 No", "text/plain", content_length=300) + b"x" * 291 + b"sk-canary"],
        [CHUNKED, chunk(events), LAST],
    ):
        with Upstream(script) as upstream:
            async with serving(upstream) as url:
                _, got, _ = await read(url + CHAT, asked())
        assert b"error" in got
        assert b"sk-can" not in got


async def test_a_caller_who_waits_to_be_told_so_may_send_its_body() -> None:
    async with serving() as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps(asked(stream=False, model="builtin/echo")).encode()
        writer.write(
            f"POST {CHAT} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        async with asyncio.timeout(5):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()


async def test_a_body_whose_encoding_is_broken_is_the_callers_fault() -> None:
    async with serving() as url, session() as http:
        headers = {"Content-Encoding": "gzip"}
        async with http.post(url + CHAT, data=b"not gzip", headers=headers) as answer:
            assert answer.status == 400
            assert "encoding" in (await answer.json())["error"]["message"]


async def test_a_caller_who_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.gateway.listener._WRITE_LIMIT", 0.1)
    with Upstream([CHUNKED, Flood(chunk(say("x" * 10_000)))]) as upstream:
        async with serving(upstream) as url:
            host, port = url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=2)
            body = json.dumps(asked()).encode()
            writer.write(
                f"POST {CHAT} HTTP/1.1\r\nHost: {host}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            connection = await soon(upstream.asked())
            await soon(connection.closed, 20)
            writer.transport.abort()
            del reader


async def test_a_cut_is_told_though_only_the_service_understood_the_request() -> None:
    with Upstream([CHUNKED, chunk(say("half ")), RST]) as upstream:
        async with serving(upstream) as url:
            body = asked() | {"messages": [{"role": "oracle", "content": "x"}]}
            status, got, ended = await read(url + CHAT, body)
    assert (status, ended) == (200, False)
    assert b"half " in got
    assert json.loads(got.rstrip().rpartition(b"data: ")[2])["error"]["message"]
