"""What listens on this machine is found by what it answers, and nothing else is taken for it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import tiny_gguf
from llama_server import Server, llama_server
from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.discovery import Place, Recognise, look, place
from penstock.errors import ConfigError
from penstock.local_engine import LocalEngine
from raw import FIN, STAY, Drip, Flood, Script, Upstream, head, refused_port
from served import gateway

ENGINE = '''"""An engine of one's own."""

from penstock.local_engine import LocalEngine
from penstock.protocols.openai_chat import OpenAIChat


class Lab(LocalEngine):
    """Ours."""

    url = "https://example.org"
    base_url = "http://127.0.0.1:{port}/v1"
    owner = "lab"
    protocol = OpenAIChat()
'''

DIGEST = "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a"


def tag(name: str, family: str = "gemma", **more: Any) -> dict[str, Any]:
    details = {"format": "gguf", "family": family, "families": [family]}
    return {"name": name, "model": name, "digest": DIGEST, "details": details, **more}


def owned(owner: str, *names: str, **more: Any) -> dict[str, Any]:
    data = [{"id": name, "object": "model", "owned_by": owner, **more} for name in names]
    return {"object": "list", "data": data}


# What engines answer, as their pages and sources (each named in its provider's file) show it.
OLLAMA = {
    "/api/tags": {
        "models": [
            tag("nomic-embed-text:latest", "nomic-bert"),
            tag("gpt-oss:120b-cloud", remote_host="https://ollama.com:443"),
            tag("snowflake:latest", capabilities=["embedding"]),
            tag("gemma3:4b", capabilities=["completion", "vision"]),
            tag("qwen3:8b"),
        ]
    }
}
LM_STUDIO = {
    "/lmstudio-greeting": {"lmstudio": True},
    "/api/v0/models": {
        "object": "list",
        "data": [
            {"id": "qwen2-vl-7b-instruct", "type": "vlm", "state": "not-loaded"},
            {"id": "text-embedding-nomic", "type": "embeddings", "state": "loaded"},
            {"id": "meta-llama-3.1-8b-instruct", "type": "llm", "state": "loaded"},
        ],
    },
}
LLAMACPP = {"/v1/models": owned("llamacpp", "gemma.gguf")}
ROUTER = {
    "/v1/models": {
        "data": [
            {"id": "waits", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
            {"id": "ready", "owned_by": "llamacpp", "status": {"value": "loaded"}},
        ]
    }
}
VLLM = {"/v1/models": owned("vllm", "facebook/opt-125m", max_model_len=2048)}
SGLANG = {"/v1/models": owned("sglang", "qwen/qwen2.5-0.5b-instruct")}
DOCKER = {"/engines/v1/models": owned("docker", "ai/mxbai-embed-large", "ai/smollm2")}
JAN = {
    "/openapi.json": {"openapi": "3.0.0", "info": {"title": "Jan API Server Endpoints"}},
    "/v1/models": owned("user", "jan-v3-4b"),
}
LOCALAI = {
    "/.well-known/localai.json": {"version": "v4.9.0", "endpoints": {"models": "/v1/models"}},
    "/v1/models/capabilities": {
        "object": "list",
        "data": [
            {"id": "parakeet", "object": "model", "capabilities": ["transcript"]},
            {"id": "vlm", "object": "model", "capabilities": ["chat", "vision"]},
        ],
    },
    "/v1/models": {"object": "list", "data": [{"id": "parakeet"}, {"id": "vlm"}]},
}
ENGINES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "ollama": (OLLAMA, ("gemma3:4b", "qwen3:8b")),
    "lm-studio": (LM_STUDIO, ("meta-llama-3.1-8b-instruct", "qwen2-vl-7b-instruct")),
    "llamacpp": (LLAMACPP, ("gemma.gguf",)),
    "vllm": (VLLM, ("facebook/opt-125m",)),
    "sglang": (SGLANG, ("qwen/qwen2.5-0.5b-instruct",)),
    "docker-model-runner": (DOCKER, ("ai/smollm2",)),
    "jan": (JAN, ("jan-v3-4b",)),
    "localai": (LOCALAI, ("vlm",)),
}


def answer(value: Any, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    return head(status, "application/json", content_length=len(body)) + body


def answering(pages: dict[str, Any]) -> Callable[[bytes], Script]:
    """A service with these pages of JSON; whatever else is asked is not there."""

    def script(request: bytes) -> Script:
        path = request.split(b" ")[1].decode()
        if path in pages:
            return [answer(pages[path])]
        return [answer({"error": "not found"}, "404 Not Found")]

    return script


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PENSTOCK_DISCOVERY", "PENSTOCK_PROVIDERS", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)


async def recognised(name: str, port: int) -> tuple[str, ...] | None:
    """What an engine's provider makes of what answers at a port."""
    engine = Catalog(Config()).get(name)
    assert isinstance(engine, LocalEngine)
    found = await look({name: Place(port)}, lambda _: engine.recognise, within=2)
    return found.get(name)


def lab(folder: Path, port: int, name: str = "lab") -> Config:
    """A config with an engine of one's own at a port."""
    (folder / f"{name}.py").write_text(ENGINE.replace("{port}", str(port)))
    return Config(providers_folder=str(folder))


# Who is told apart


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("there", ENGINES)
async def test_every_engine_is_known_by_its_answers_and_no_other_is_taken_for_it(
    name: str, there: str
) -> None:
    pages, models = ENGINES[there]
    with Upstream(answering(pages)) as upstream:
        assert await recognised(name, upstream.port) == (models if name == there else None)


def asking(server: Server) -> Callable[[bytes], Script]:
    """A service that passes on what that one answers to those who have its key."""
    port = int(server.url.removesuffix("/v1").rpartition(":")[2])

    def script(request: bytes) -> Script:
        key = f"\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request.replace(b"\r\n\r\n", key))
            return [b"".join(iter(lambda: connection.recv(65536), b"")), FIN]

    return script


async def test_a_real_server_of_llamacpp_is_found_and_taken_for_nothing_else(
    tmp_path: Path,
) -> None:
    with llama_server(tiny_gguf.write(tmp_path / "tiny.gguf")) as server:
        with Upstream(asking(server)) as upstream:
            found = {name: await recognised(name, upstream.port) for name in ENGINES}
        assert found == {**dict.fromkeys(ENGINES), "llamacpp": ("tiny",)}


async def test_a_model_that_is_loaded_goes_before_those_that_are_not() -> None:
    with Upstream(answering(ROUTER)) as upstream:
        assert await recognised("llamacpp", upstream.port) == ("ready", "waits")


async def test_an_engine_without_models_is_there_all_the_same() -> None:
    with Upstream(answering({"/api/tags": {"models": None}})) as upstream:
        assert await recognised("ollama", upstream.port) == ()


@pytest.mark.parametrize(
    ("name", "page"),
    [("lm-studio", "/lmstudio-greeting"), ("localai", "/.well-known/localai.json")],
)
async def test_an_engine_that_wants_a_key_for_its_list_is_not_found(name: str, page: str) -> None:
    with Upstream(answering({page: ENGINES[name][0][page]})) as upstream:
        assert await recognised(name, upstream.port) is None


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    "script",
    [
        [head(content_type="text/html", content_length=13) + b"<html></html>"],
        [head("302 Found", location="http://192.0.2.1/v1/models", content_length=0)],
        [answer(owned("vllm", "m"), "401 Unauthorized")],
        [answer([]), FIN],
        [answer({"data": {"a": 1}, "models": 7, "info": [], "lmstudio": "yes"})],
        [answer({"data": [None, 1, {"owned_by": "vllm", "id": None}], "models": ["x"]})],
        [b"SSH-2.0-OpenSSH_9.6\r\n", FIN],
        [b"\x00" * 4096, FIN],
        [head(content_type="application/json", content_length=9) + b'{"data":\xff'],
        [FIN],
    ],
)
async def test_what_is_no_engine_is_not_taken_for_one(name: str, script: Script) -> None:
    with Upstream(script) as upstream:
        assert not await recognised(name, upstream.port)


async def test_a_gateway_of_ours_is_no_engine_whatever_it_can_speak() -> None:
    with gateway() as url:
        port = int(url.rpartition(":")[2])
        for name in ENGINES:
            assert await recognised(name, port) is None


async def test_what_is_asked_is_plain_and_carries_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_VLLM_API_KEY", "sk-canary")
    monkeypatch.setenv("PENSTOCK_PROXY", f"http://127.0.0.1:{refused_port()}")
    with Upstream(answering(VLLM)) as upstream:
        assert await recognised("vllm", upstream.port)
        (asked,) = upstream.asked().result(5).requests
    lines = asked.decode().split("\r\n")
    assert lines[0] == "GET /v1/models HTTP/1.0"
    assert f"Host: 127.0.0.1:{upstream.port}" in lines
    assert "canary" not in asked.decode()


# In time, all at once


def everything(_: str) -> Recognise[Any]:
    return lambda ask: ask("/")


async def test_what_does_not_answer_costs_no_more_than_the_time_there_is() -> None:
    slow: list[Script] = [
        [STAY],
        [head(content_type="application/json"), Drip(b" ", 0.01)],
        [head(content_type="application/json"), Flood(b" " * 65536)],
        [b"HTTP/1.1 200 OK\r\n", Drip(b"A: b\r\n", 0.01)],
    ]
    with ExitStack() as stack:
        silent = [stack.enter_context(Upstream(script)) for script in slow]
        quick = stack.enter_context(Upstream([answer({"here": True})]))
        places = {str(i): Place(upstream.port) for i, upstream in enumerate([*silent, quick])}
        places["nobody"] = Place(refused_port())
        began = time.monotonic()
        found = await look(places, everything)
        took = time.monotonic() - began
    assert found == {"4": {"here": True}}
    assert took < 0.2 + 0.2 + 0.8  # what a busy machine adds


async def test_what_it_takes_to_load_who_recognises_it_is_not_the_answers_time() -> None:
    def slowly(name: str) -> Recognise[Any]:
        time.sleep(0.3)  # as a first import does, on a busy machine
        return everything(name)

    with Upstream([answer({"here": True})]) as upstream:
        assert await look({"x": Place(upstream.port)}, slowly) == {"x": {"here": True}}


async def test_who_cannot_be_loaded_finds_nothing() -> None:
    with Upstream([answer({"here": True})]) as upstream:
        places = {"x": Place(upstream.port), "y": Place(upstream.port)}
        found = await look(places, lambda name: everything(name) if name == "x" else None)
        assert list(found) == ["x"]


async def test_an_endless_answer_is_left_where_it_becomes_too_long() -> None:
    with Upstream([head(content_type="application/json"), Flood(b" " * 65536)]) as upstream:
        assert await look({"x": Place(upstream.port)}, everything, within=5) == {}
        assert upstream.connections[-1].sent < 8 * 1024 * 1024


async def test_nobody_is_asked_to_recognise_a_closed_port() -> None:
    def never(name: str) -> Recognise[None]:
        raise AssertionError(name)

    assert await look({"x": Place(refused_port())}, never) == {}


# Where


@pytest.mark.parametrize(
    ("moved", "found"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        (":11500", "http://127.0.0.1:11500"),
        ("localhost:11500", "http://127.0.0.1:11500"),
        (" 'http://127.0.0.2:11500/' ", "http://127.0.0.2:11500"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("[::1]:11500", "http://[::1]:11500"),
        ("[::]", "http://[::1]:11434"),
        ("192.0.2.7:11434", None),
        ("gpu-box", None),
        ("127.0.0.1.example.org", None),
        ("http://user@example.org#@127.0.0.1", None),
        ("https://127.0.0.1:11434", None),
        ("127.0.0.1:99999", None),
        ("127.0.0.1:x", None),
        ("::1", None),
    ],
)
def test_only_loopback_is_a_place(moved: str, found: str | None) -> None:
    there = place("http://127.0.0.1:11434", moved)
    assert (there.url if there else None) == found


@pytest.mark.parametrize(
    "url", ["", "x", "https://127.0.0.1:1/v1", "http://example.org:80", "http://127.0.0.1/v1"]
)
def test_what_is_no_loopback_address_with_a_port_is_no_place(url: str) -> None:
    assert place(url) is None


# In the catalog


async def test_an_engine_that_runs_is_configured_and_the_default(tmp_path: Path) -> None:
    pages = {"/v1/models": owned("lab", "lab-embed", "first", "second")}
    with Upstream(answering(pages)) as upstream:
        catalog = Catalog(lab(tmp_path, upstream.port))
        assert catalog.default() == "builtin/eliza"
        assert not catalog.get("lab").is_configured()
        provider, model = await catalog.resolve()
        assert (provider.name, model) == ("lab", "first")
        assert provider.is_configured()
        where = f"http://127.0.0.1:{upstream.port}/v1"
        assert catalog.explain_default() == ("lab/first", f"lab is running at {where}")
        assert (await catalog.resolve("lab"))[1] == "first"
        assert (await catalog.resolve("second"))[0] is provider
        assert "lab/second" in [info.id for info in await catalog.list_models()]


async def test_what_the_config_says_goes_before_what_runs(tmp_path: Path) -> None:
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        config = lab(tmp_path, upstream.port)
        for said in (
            Config(default="builtin/echo", providers_folder=config.providers_folder),
            Config(
                providers={"builtin": ProviderConfig(default_model="echo")},
                providers_folder=config.providers_folder,
            ),
        ):
            assert (await Catalog(said).resolve())[1] == "echo"
        named = Config(
            providers={"lab": ProviderConfig(default_model="mine")},
            providers_folder=config.providers_folder,
        )
        assert upstream.connections == []
        assert (await Catalog(named).resolve())[1] == "mine"


async def test_naming_a_provider_looks_for_nothing(tmp_path: Path) -> None:
    with Upstream(answering({})) as upstream:
        catalog = Catalog(lab(tmp_path, upstream.port))
        for name in ("lab/anything", "builtin/echo", "builtin", "openai/gpt-5"):
            await catalog.resolve(name)
        assert upstream.connections == []


async def test_an_engine_whose_address_is_said_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        monkeypatch.setenv("PENSTOCK_LAB_BASE_URL", f"http://127.0.0.1:{refused_port()}/v1")
        catalog = Catalog(lab(tmp_path, upstream.port))
        await catalog.discover()
        assert upstream.connections == []
        assert catalog.get("lab").is_configured()


@pytest.mark.parametrize("by", ["config", "environment"])
async def test_it_can_be_switched_off(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "environment":
        monkeypatch.setenv("PENSTOCK_DISCOVERY", "0")
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        folder = lab(tmp_path, upstream.port).providers_folder
        catalog = Catalog(Config(providers_folder=folder, discovery=by != "config"))
        assert (await catalog.resolve())[0].name == "builtin"
        assert upstream.connections == []


@pytest.mark.parametrize(
    ("said", "found"), [("1", "lab"), ("ON", "lab"), (" ", "lab"), ("off", "")]
)
async def test_the_variable_goes_before_the_config(
    said: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_DISCOVERY", said)
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        folder = lab(tmp_path, upstream.port).providers_folder
        catalog = Catalog(Config(providers_folder=folder, discovery=said == " "))
        assert (await catalog.resolve())[0].name == (found or "builtin")


async def test_a_variable_that_is_neither_yes_nor_no_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_DISCOVERY", "maybe")
    with pytest.raises(ConfigError, match="PENSTOCK_DISCOVERY must be 0 or 1, not 'maybe'"):
        await Catalog(Config()).discover()


async def test_those_who_look_at_once_share_one_look_and_what_was_seen_is_kept(
    tmp_path: Path,
) -> None:
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        catalog = Catalog(lab(tmp_path, upstream.port))
        first, *others = (asyncio.create_task(catalog.discover()) for _ in range(5))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(*others)
        await catalog.discover()
        assert first.cancelled()
        assert len(upstream.connections) == 2  # a knock, and a question
        assert catalog.default() == "lab/first"


async def test_two_engines_at_once_are_both_found_and_the_first_by_name_answers(
    tmp_path: Path,
) -> None:
    with (
        Upstream(answering({"/v1/models": owned("lab", "one")})) as a,
        Upstream(answering({"/v1/models": owned("lab", "two")})) as b,
    ):
        lab(tmp_path, b.port, "lab_b")
        catalog = Catalog(lab(tmp_path, a.port, "lab_a"))
        assert (await catalog.resolve())[1] == "one"
        assert {p.name for p in catalog.configured()} == {"builtin", "lab-a", "lab-b"}


async def test_a_moved_ollama_is_found_where_its_own_variable_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Upstream(answering(OLLAMA)) as upstream:
        monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{upstream.port}")
        monkeypatch.setenv("PENSTOCK_PROXY", f"http://127.0.0.1:{refused_port()}")
        catalog = Catalog(Config())
        provider, model = await catalog.resolve("ollama")
        assert model == "gemma3:4b"
        # Asked directly too: what a proxy calls loopback is another machine.
        assert "qwen3:8b" in [info.id for info in await provider.list_models()]


async def test_a_broken_file_of_a_user_ends_no_look(tmp_path: Path) -> None:
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        config = lab(tmp_path, upstream.port)
        broken = ENGINE.replace("{port}", str(upstream.port)) + "import nothing_of_that_name\n"
        (tmp_path / "broken.py").write_text(broken)
        assert (await Catalog(config).resolve("lab"))[1] == "first"


async def test_a_catalog_looks_from_whatever_loop_it_is_asked_in(tmp_path: Path) -> None:
    with Upstream(answering({"/v1/models": owned("lab", "first")})) as upstream:
        catalog = Catalog(lab(tmp_path, upstream.port))
        await asyncio.gather(
            catalog.discover(), asyncio.to_thread(lambda: asyncio.run(catalog.discover()))
        )
        assert catalog.default() == "lab/first"
