"""The service: who is answered how, and that it outlives whoever comes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import tracemalloc

import pytest
import trustme

from faults.caller import BY_NAME, PROTOCOLS, ask, get, post, question, send
from penstock.errors import ConfigError
from penstock.faults import FAULTS, FIN, TEXT, WORDS, Answer, Script, Wait, serve
from penstock.faults import server as server_module
from penstock.protocols import Protocol

HI = [{"role": "user", "content": "hi"}]


# Which path is whose


@pytest.mark.parametrize(
    ("path", "protocol"),
    [
        ("/v1/chat/completions", "openai_chat"),
        ("/openai/deployments/x/chat/completions?api-version=1", "openai_chat"),
        ("/codelink-ava/api/chat", "openai_chat"),
        ("/v1/responses", "openai_responses"),
        ("/v1/messages?beta=true", "anthropic_messages"),
        (
            "/v1/projects/p/locations/l/publishers/anthropic/models/ok:rawPredict",
            "anthropic_messages",
        ),
        ("/v1beta/models/ok:generateContent", "gemini_generate"),
        ("/v1/publishers/google/models/ok:generateContent", "gemini_generate"),
        ("/api/chat", "ollama_chat"),
        ("/api/generate", "ollama_generate"),
        ("/v2/chat", "cohere_v2_chat"),
        ("/model/ok/converse", "bedrock_converse"),
    ],
)
async def test_the_path_says_the_protocol(path: str, protocol: str) -> None:
    body = {"model": "ok", "stream": False, "messages": HI}
    async with serve(pace=0) as server:
        heard = await send(server, post(path, body))
    reply = list(BY_NAME[protocol].decode_response(heard.body))
    assert "".join(map(str, reply)) == TEXT


@pytest.mark.parametrize("name", ["codelink-ava", "aivvm", "aura"])
async def test_the_founding_services_take_any_model_and_the_path_says_the_fault(name: str) -> None:
    body = {"model": {"id": "openchat_3.6"}, "messages": HI} if name != "codelink-ava" else {}
    async with serve(pace=0) as server:
        well = await send(server, post(f"/{name}/api/chat", body))
        cut = await send(server, post(f"/as/cut-40/{name}/api/chat", body))
    assert well.is_whole
    assert all(word.encode() in well.body for word in WORDS)
    assert not cut.is_whole
    assert b"t39" in cut.body
    assert b"t40" not in cut.body


async def test_the_path_says_the_fault_of_any_protocol() -> None:
    async with serve(pace=0) as server:
        for protocol in PROTOCOLS:
            path, body = question(protocol, "gpt-5")
            assert (await send(server, post(f"/as/429{path}", body))).status == 429


async def test_gemini_streams_an_array_to_who_asks_for_one() -> None:
    async with serve(pace=0) as server:
        heard = await send(server, post("/v1beta/models/ok:streamGenerateContent", {}))
    assert heard.headers["content-type"].startswith("application/json")
    chunks = json.loads(heard.body)
    parts = [c["candidates"][0]["content"]["parts"][0]["text"] for c in chunks]
    assert "".join(parts) == TEXT


@pytest.mark.parametrize("protocol", PROTOCOLS[:7], ids=lambda each: each.name)
async def test_the_models_are_the_faults(protocol: Protocol) -> None:
    request = protocol.models_request("key")
    assert request is not None
    prefix = "/v1" if protocol.name.startswith("openai") else ""
    headers = [f"{k}: {v}" for k, v in protocol.key_headers("key").items()]
    async with serve() as server:
        heard = await send(server, get(prefix + request[1], *headers))
    listed = {model.id for model in protocol.decode_models(heard.body)}
    assert {"ok", "cut-40", "stall-20", "fb-s08-stream-cut"} <= listed
    assert len(listed) > len(FAULTS)


async def test_a_chatbot_ui_lists_them_too() -> None:
    async with serve() as server:
        heard = await send(server, post("/aura/api/models", {"key": ""}))
    assert "cut-40" in {model.id for model in BY_NAME["chatbot_ui"].decode_models(heard.body)}


async def test_the_list_is_there_for_people_and_nothing_elsewhere() -> None:
    async with serve() as server:
        assert b"cut-K" in (await send(server, get("/"))).body
        assert (await send(server, get("/nothing"))).status == 404
        assert (await send(server, get("/v1/chat/completions"))).status == 404


@pytest.mark.parametrize("protocol", PROTOCOLS[:8], ids=lambda each: each.name)
async def test_a_fault_that_there_is_not_is_an_unknown_model(protocol: Protocol) -> None:
    async with serve() as server:
        heard = await ask(server, "gpt-5", protocol)
    assert heard.status == 404
    assert "gpt-5" in protocol.decode_error(404, heard.body).message


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"model": 7}', b'{"model":"ok","stream":"x"}']
)
async def test_what_is_no_question_is_refused(body: bytes) -> None:
    async with serve() as server:
        assert (await send(server, post("/v1/chat/completions", body))).status == 400


async def test_a_question_may_be_a_strange_one() -> None:
    async with serve(pace=0) as server:
        body = {"model": "ok", "messages": "hello", "temperature": "hot"}
        assert (await send(server, post("/v1/chat/completions", body))).status == 200


# What is played


async def test_plays_come_one_after_another_and_the_last_stays() -> None:
    async with serve("cut-40", "503", "ok", pace=0) as server:
        heard = [await ask(server, "any") for _ in range(4)]
        assert [each.status for each in heard] == [200, 503, 200, 200]
        assert [each.is_whole for each in heard] == [False, True, True, True]
        server.follow("429")
        assert (await ask(server, "ok")).status == 429
    with pytest.raises(ValueError, match="cut-61"):
        server.follow("cut-61")


async def test_a_script_of_ones_own_is_played_as_it_is() -> None:
    async with serve([b"HTTP/1.1 204 No Content\r\n\r\n", Wait(0), FIN]) as server:
        assert (await ask(server)).raw == b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_a_script_is_made_of_the_question() -> None:
    def echo(answer: Answer) -> Script:
        said = answer.request.messages[-1].text
        assert answer.attempt == len(server.requests)
        own = answer.saying((said,))
        return [own.head(), *own.carried([*own.upto(1), *own.after(1)]), own.last]

    async with serve(echo) as server:
        for protocol in PROTOCOLS:
            assert b"Say sixty words." in (await ask(server, "x", protocol)).body
    assert server.requests[0].headers["host"] == "x"
    assert json.loads(server.requests[0].body)["model"] == "x"


async def test_once_is_once_for_each_name() -> None:
    async with serve(pace=0) as server:
        statuses = [(await ask(server, model)).status for model in ("once-503", "once-500") * 2]
    assert statuses == [503, 500, 200, 200]


async def test_a_flap_is_over_after_its_time() -> None:
    async with serve(pace=0) as server:
        assert (await ask(server, "flap-3600")).status == 503
        assert (await ask(server, "flap-0")).status == 200


async def test_the_names_that_are_counted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_COUNTED", 2)
    async with serve(pace=0) as server:
        for model in ("once-500", "once-502", "once-503", "once-500"):
            assert (await ask(server, model)).status == int(model[5:])


# Connections


async def test_a_connection_serves_many_questions() -> None:
    path, body = question(BY_NAME["ollama_chat"], "ok", stream=False)
    request = post(path, body).replace(b"Connection: close\r\n", b"")
    async with serve(pace=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(3):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            assert b"t59" in await reader.readexactly(size)
        writer.write(request * 20)  # pipelined
        for _ in range(20):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(size)
        writer.close()
        left = await server.connections[0].gone()
    assert left is not None
    assert left.how == "FIN"
    assert len(server.connections[0].requests) == 23


@pytest.mark.parametrize(
    "model", ["stall-20", "silent", "headers", "endless", "pings-3-1", "ok@1000"]
)
@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_it_is_seen_when_and_how_the_caller_leaves(model: str, how: str) -> None:
    async with serve(pace=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        path, body = question(BY_NAME["openai_chat"], model)
        writer.write(post(path, body))
        while not server.requests:
            await asyncio.sleep(0)
        if model != "silent":
            await reader.readuntil(b"\r\n\r\n")
        before = asyncio.get_running_loop().time()
        if how == "RST":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        left = await server.connections[0].gone(1.0)
    assert left is not None
    # What is not read yet makes RST of FIN.
    assert left.how == how or model in ("endless", "pings-3-1")
    assert 0 <= left.at - before < 0.25


async def test_nothing_is_left_when_it_ends() -> None:
    tasks = asyncio.all_tasks()
    async with serve(pace=0) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        path, body = question(BY_NAME["openai_chat"], "stall-20")
        writer.write(post(path, body))
        while not server.requests:
            await asyncio.sleep(0)
    writer.close()
    assert asyncio.all_tasks() == tasks
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_who_reads_nothing_costs_little() -> None:
    async with serve(pace=0) as server:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        writers = []
        for _ in range(10):
            # A reader that is not asked for more than this stops the transport.
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            path, body = question(BY_NAME["openai_chat"], "line-1024")
            writer.write(post(path, body))
            writers.append(writer)
        await asyncio.sleep(0.5)
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for writer in writers:
            writer.transport.abort()
    assert used < 10 * 2**18


async def test_a_large_question_is_read_and_a_larger_one_refused() -> None:
    text = "a" * (8 * 2**20)
    body = {"model": "ok", "stream": False, "messages": [{"role": "user", "content": text}]}
    async with serve(pace=0) as server:
        assert (await send(server, post("/v1/chat/completions", body))).status == 200
        huge = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"
        heard = await send(server, huge)
    assert (heard.status, heard.end) == (413, "FIN")


async def test_large_questions_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_ROOM", 3 * 2**20)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n"
    async with serve(pace=0) as server:
        first, second = [asyncio.ensure_future(send(server, head + b"a" * 2**21)) for _ in range(2)]
        statuses = [heard.status for heard in (await first, await second) if heard.raw]
    assert statuses
    assert {*statuses} == {503}


async def test_connections_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    async with serve(pace=0) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while not server.connections:
            await asyncio.sleep(0)
        assert (await ask(server)).raw == b""
        writer.close()
        await server.connections[0].gone()
        assert (await ask(server)).is_whole


async def test_nonsense_is_answered_with_400() -> None:
    async with serve() as server:
        heard = await send(server, b"nonsense\r\n\r\n")
    assert (heard.status, heard.end) == (400, "FIN")


async def test_who_waits_for_100_continue_gets_it() -> None:
    path, body = question(BY_NAME["openai_chat"], "ok")
    head, _, data = post(path, body, "Expect: 100-continue").partition(b"\r\n\r\n")
    async with serve(pace=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(data)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_connections_are_kept_only_where_somebody_looks_at_them() -> None:
    async with serve(pace=0, keep=False) as server:
        await ask(server)
        assert (server.connections, server.requests) == ([], [])


async def test_a_port_that_is_taken_is_a_callers_error() -> None:
    async with serve() as server:
        with pytest.raises(ConfigError, match="choose another --port"):
            async with serve(port=server.port):
                pass


async def test_it_speaks_tls() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    async with serve(pace=0, tls=theirs) as server:
        assert server.url.startswith("https://")
        assert (await ask(server, tls=ours)).is_whole
        assert not (await ask(server, "cut-40", tls=ours)).is_whole
        assert (await ask(server, "rst-40", tls=ours)).end in ("RST", "FIN")
        assert (await ask(server, "stall-3", tls=ours)).end == "silence"


async def test_every_question_and_every_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "penstock.faults")
    async with serve(pace=0) as server:
        await ask(server, "cut-40")
        await server.connections[0].gone()
    assert "POST /v1/chat/completions: cut-40, stream" in caplog.text
    assert "connection over" in caplog.text
