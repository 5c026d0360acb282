"""Routes of the config: what may stand there, what is made of it, and who asks by its name."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedding_services import serve as embedding
from embedding_services import vector
from gateway.test_translation import post
from penstock import AsyncClient, Client
from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig, RouteConfig, load
from penstock.errors import ConfigError, StreamTruncated, Unavailable
from penstock.events import Finish
from penstock.faults import TEXT, serve
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.provider import Provider
from penstock.routing.balance import Balance
from penstock.routing.breaker import Breaker
from penstock.routing.drain import Drain
from penstock.routing.fallback import Fallback
from penstock.routing.hedge import Hedge
from penstock.routing.retry import Retry
from penstock.routing.routed import Routed
from penstock.routing.target import Target
from penstock.routing.within import Within
from raw import CHUNKED, DONE, LAST, Gate, Upstream, chunk, head, say, spoken
from shell import Started, run

LAB = (
    "[providers.lab]\ntype = 'openai-compatible'\nbase_url = 'http://127.0.0.1:9/v1'\n"
    "models = ['a', 'b']\n"
)
BUSY = [head("503 Busy", content_length=0)]
_numbers = itertools.count()


def written(folder: Path, text: str) -> Path:
    file = folder / "penstock.toml"
    file.write_text(LAB + text)
    return file


# What may stand there


WRONG_VALUES = {
    "fallback = []": "routes.smart.fallback must be a list of length >= 1",
    "fallback = 'lab/a'": "routes.smart.fallback must be a list, not text",
    "fallback = ['lab/a', 3]": "routes.smart.fallback[1] must be text, not a number",
    "fallbck = ['lab/a']": "routes.smart has no key fallbck; there are affinity, balance, by, ",
    "by = 'chance'": "routes.smart.by must be weight or busy or latency or cost, not 'chance'",
    "weights = [1, 0]": "routes.smart.weights[1] must be a number > 0.0",
    "weights = [1, -2]": "routes.smart.weights[1] must be a number > 0.0",
    "weights = ['1']": "routes.smart.weights[0] must be a number, not text",
    "affinity = 'no'": "routes.smart.affinity must be true or false, not text",
    "continue = 1": "routes.smart.continue must be true or false, not a number",
    "retries = 11": "routes.smart.retries must be a number <= 10",
    "retries = -1": "routes.smart.retries must be a number >= 0",
    "retries = 1.5": "routes.smart.retries must be a whole number",
    "timeout = 0": "routes.smart.timeout must be a number > 0.0",
    "timeout = 'long'": "routes.smart.timeout must be a number, not text",
    "on_leave = 'stay'": "routes.smart.on_leave must be cancel or drain or a number, not 'stay'",
    "on_leave = 0": "routes.smart.on_leave must be a number > 0.0",
}


@pytest.mark.parametrize("text", WRONG_VALUES)
def test_a_wrong_value_is_named_where_it_stands(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, f"[routes.smart]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.message.startswith(f"{file}: {WRONG_VALUES[text]}")


WRONG_ROUTES = {
    "": "routes.smart asks nobody: say fallback, balance or hedge",
    "retries = 1": "routes.smart asks nobody: say fallback, balance or hedge",
    "fallback = ['lab/a']\nhedge = ['lab/b']": (
        "routes.smart has fallback and hedge: make one of them a route of its own"
    ),
    "fallback = ['nobody/a']": "routes.smart: no provider 'nobody'",
    "fallback = ['']": "routes.smart: no provider ''",
    "fallback = ['lab']": "routes.smart: lab names no model; say lab/MODEL",
    "fallback = ['lab/']": "routes.smart: lab names no model; say lab/MODEL",
    "fallback = ['smart']": "routes.smart asks itself: smart -> smart; leave one of these out",
    "fallback = ['smart/a']": "routes.smart: smart is a route and has no models: say smart",
    "hedge = ['lab/a', 'pool']\n[routes.pool]\nbalance = ['smart']": (
        "routes.smart asks itself: smart -> pool -> smart; leave one of these out"
    ),
    "fallback = ['pool/x']\n[routes.pool]\nbalance = ['lab/a']": (
        "routes.smart: pool is a route and has no models: say pool"
    ),
    "balance = ['lab/a', 'lab/b']\nweights = [1]": (
        "routes.smart.weights: give one number above 0 for each target"
    ),
    "balance = ['lab/a']\nweights = [inf]": (
        "routes.smart.weights: give one number above 0 for each target"
    ),
    "fallback = ['lab/a']\nby = 'cost'": (
        "routes.smart.by goes with balance, not with fallback: leave it out"
    ),
    "hedge = ['lab/a']\nweights = [1]": (
        "routes.smart.weights goes with balance, not with hedge: leave it out"
    ),
    "fallback = ['lab/a']\naffinity = false": (
        "routes.smart.affinity goes with balance, not with fallback: leave it out"
    ),
    "balance = ['lab/a']\ncontinue = true": (
        "routes.smart.continue goes with fallback, not with balance: leave it out"
    ),
}


@pytest.mark.parametrize("text", WRONG_ROUTES)
def test_a_route_that_cannot_be_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, f"[routes.smart]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        Catalog(load(file)).routes.targets()
    assert caught.value.message.startswith(WRONG_ROUTES[text])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("'a/b'", "routes.a/b: a route's name has no slash; choose another"),
        ("''", "routes.: a route's name has no slash; choose another"),
        ("lab", "routes.lab is a provider's name, too; choose another"),
        ("openai", "routes.openai is a provider's name, too; choose another"),
    ],
)
def test_a_name_that_means_something_else_is_refused(tmp_path: Path, name: str, says: str) -> None:
    file = written(tmp_path, f"[routes.{name}]\nfallback = ['lab/a']\n")
    with pytest.raises(ConfigError) as caught:
        Catalog(load(file))
    assert caught.value.message.startswith(says)


@pytest.mark.parametrize("text", ["", "fallback = ['nobody/a']", "balance = ['smart']"])
def test_the_gateway_refuses_a_broken_route_when_it_starts(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, f"[routes.smart]\n{text}\n")
    done = run("serve", "--port", "0", "--config", str(file))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"routes.smart" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_broken_route_keeps_nobody_from_asking_another_model(tmp_path: Path) -> None:
    file = written(tmp_path, "[routes.smart]\nfallback = ['nobody/a']\n")
    done = run("chat", "-m", "builtin/echo", "--config", str(file), "hello")
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    done = run("chat", "-m", "smart", "--config", str(file), "hello")
    assert done.returncode == 2
    assert b"routes.smart: no provider 'nobody'" in done.stderr


# What is made of it


def layers(provider: Provider) -> list[type[Provider]]:
    """From the outermost to the first that chooses."""
    made = [type(provider)]
    while isinstance(provider, Drain | Within | Retry):
        provider = provider.targets[0]
        made.append(type(provider))
    return made


def test_a_route_is_made_of_the_parts_that_it_names(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "[routes.smart]\nfallback = ['lab/a', 'pool']\ncontinue = true\ntimeout = 30\n"
        "on_leave = 20\nretries = 1\n"
        "[routes.pool]\nbalance = ['lab/a', 'lab/b']\nby = 'busy'\nweights = [2, 1]\nretries = 0\n"
        "[routes.quick]\nhedge = ['lab/a']\non_leave = 'drain'\n",
    )
    routes = Catalog(load(file)).routes
    smart, pool, quick = (routes.get(name) for name in ("smart", "pool", "quick"))
    assert layers(smart) == [Drain, Within, Retry, Fallback]
    assert layers(pool) == [Balance]
    assert layers(quick) == [Drain, Retry, Hedge]
    assert [route.name for route in (smart, pool, quick)] == ["smart", "pool", "quick"]
    assert (smart.continues, pool.continues, quick.continues) == (True, False, False)
    assert routes.get("smart") is smart
    assert isinstance(smart, Drain)
    assert smart.most == 20
    assert isinstance(pool, Balance)
    assert [target.weight for target in pool.targets] == [2, 1]


def breakers(provider: Provider) -> Iterator[Breaker]:
    if isinstance(provider, Breaker):
        yield provider
    elif isinstance(provider, Routed):
        for target in provider.targets:
            yield from breakers(target)


def test_a_model_has_one_breaker_however_it_is_named_and_whoever_asks(tmp_path: Path) -> None:
    lab = LAB.replace("[providers.lab]", "[providers.lab]\ndefault_model = 'a'")
    file = tmp_path / "penstock.toml"
    file.write_text(
        lab
        + "[routes.one]\nfallback = ['lab/a', 'lab/b']\n[routes.two]\nhedge = ['lab', 'lab/b']\n"
    )
    routes = Catalog(load(file)).routes
    one, two = (list(breakers(routes.get(name))) for name in ("one", "two"))
    assert one == two
    assert len(set(one)) == 2
    targets = [(provider.name, model) for provider, model in routes.targets()]
    assert targets == [("lab", "a"), ("lab", "b")]
    assert all(isinstance(breaker.targets[0], Target) for breaker in one)


async def test_what_breaks_for_one_route_is_spared_by_the_other() -> None:
    with Upstream(BUSY) as busy, Upstream(spoken("one")) as well:
        bad, good = services(busy.url, well.url)
        routes = {
            "first": RouteConfig(fallback=(f"{bad[0]}/m",), retries=0),
            "second": RouteConfig(fallback=(f"{bad[0]}/m", f"{good[0]}/m"), retries=0),
        }
        client = AsyncClient(config=Config(providers=dict([bad, good]), routes=routes))
        for _ in range(5):
            with pytest.raises(Unavailable):
                await client.chat("Hi", "first")
        before = sum(len(each.requests) for each in busy.connections)
        assert (await client.chat("Hi", "second")).text == "one"
        assert sum(len(each.requests) for each in busy.connections) == before == 5


def services(*urls: str) -> list[tuple[str, ProviderConfig]]:
    """Providers, whose names are no other test's: what is measured is known by them."""
    return [
        (f"route{next(_numbers)}", ProviderConfig(type="openai-compatible", base_url=url))
        for url in urls
    ]


# Who asks


def smart(url: str, *models: str, **route: Any) -> Config:
    ((lab, said),) = services(url)
    targets = tuple(f"{lab}/{model}" for model in models)
    return Config(providers={lab: said}, routes={"smart": RouteConfig(fallback=targets, **route)})


async def test_the_client_asks_over_a_route_and_says_who_else_was_asked() -> None:
    async with serve(pace=0) as server:
        client = AsyncClient("smart", config=smart(server.url, "503", "cut-9", "ok"))
        reply = await client.chat("Say sixty words.")
        with pytest.raises(StreamTruncated):
            async for _ in client.stream("Say sixty words."):
                pass
    assert reply.text == TEXT
    assert [attempt.error for attempt in reply.attempts] == ["Unavailable", "StreamTruncated"]
    assert reply.recovered == ()


async def test_a_route_that_continues_does_so_for_the_client_too() -> None:
    async with serve(pace=0) as server:
        client = AsyncClient("smart", config=smart(server.url, "cut-9", "ok", continues=True))
        events = [event async for event in client.stream("Say sixty words.")]
    assert "".join(map(str, events)) == TEXT
    last = events[-1]
    assert isinstance(last, Finish)
    ((attempt,),) = (last.attempts,)
    assert (attempt.error, attempt.spoke) == ("StreamTruncated", True)


def test_the_synchronous_client_does_the_same() -> None:
    def ask(url: str) -> tuple[str, str]:
        client = Client("smart", config=smart(url, "503", "cut-9", "ok", continues=True))
        said = "".join(map(str, client.stream("Say sixty words.")))
        return said, client.chat("Say sixty words.").text

    async def main() -> tuple[str, str]:
        async with serve(pace=0) as server:
            return await asyncio.to_thread(ask, server.url)

    assert asyncio.run(main()) == (TEXT, TEXT)


async def test_the_default_may_be_a_route_and_routes_are_listed_first() -> None:
    async with serve(pace=0) as server:
        made = smart(server.url, "503", "ok")
        config = Config(default="smart", providers=made.providers, routes=made.routes)
        client = AsyncClient(config=config)
        assert (await client.chat("Say sixty words.")).text == TEXT
        assert (await client.models())[0].id == "smart"
        assert client.catalog.default() == "smart"


async def test_texts_are_embedded_over_a_route() -> None:
    with Upstream(BUSY) as busy, embedding("openai") as upstream:
        bad, good = services(busy.url, upstream.url)
        route = RouteConfig(fallback=(f"{bad[0]}/m", f"{good[0]}/m"), retries=0)
        config = Config(providers=dict([bad, good]), routes={"smart": route})
        found = await AsyncClient(config=config).embed(["a", "bc"], "smart")
        async with listen(Gateway(Catalog(config)), "127.0.0.1", 0) as (host, port):
            body = {"model": "smart", "input": ["a", "bc"]}
            status, _, got = await post(f"http://{host}:{port}/v1/embeddings", body)
    assert [list(each) for each in found.vectors] == [vector("a"), vector("bc")]
    assert status == 200
    assert [each["embedding"] for each in json.loads(got)["data"]] == [vector("a"), vector("bc")]


def test_the_command_line_chats_over_a_route(tmp_path: Path) -> None:
    with Upstream(BUSY) as busy, Upstream(spoken("one ", "two")) as well:
        file = tmp_path / "penstock.toml"
        file.write_text(
            "default = 'smart'\n"
            + "".join(
                f"[providers.{name}]\ntype = 'openai-compatible'\nbase_url = '{each.url}'\n"
                for name, each in (("bad", busy), ("good", well))
            )
            + "[routes.smart]\nfallback = ['bad/m', 'good/m']\n"
        )
        for command in (("chat", "-m", "smart"), ("chat",)):
            done = run(*command, "--config", str(file), "hello")
            assert (done.returncode, done.stdout) == (0, b"one two\n"), done.stderr
        done = run("providers", "--config", str(file))
        assert done.returncode == 0
        with Started("serve", "--port", "0", "--config", str(file)) as started:
            started.expect(b"smart answers: the config names it as its default.")
            started.signal(signal.SIGTERM)
            assert started.end()[0] == 0


def test_an_answer_that_is_read_on_ends_before_the_gateway_does(tmp_path: Path) -> None:
    gate, status = Gate(), tmp_path / "status.json"
    rest = [chunk(say("two", "stop")), chunk(DONE), LAST]
    with Upstream([CHUNKED, chunk(say("one ")), gate, *rest]) as upstream:
        file = tmp_path / "penstock.toml"
        file.write_text(
            f"[providers.lab]\ntype = 'openai-compatible'\nbase_url = '{upstream.url}'\n"
            "[routes.smart]\nfallback = ['lab/m']\non_leave = 'drain'\n"
        )
        command = ("serve", "--port", "0", "--config", str(file))
        with Started(*command, PENSTOCK_STATUS=str(status)) as started:
            started.expect(b"listens on http://127.0.0.1:")
            port = int(started.expect(b"\n"))
            started.expect(b"Ctrl-C stops.\n")
            _ask_and_leave(port)
            started.signal(signal.SIGTERM)
            _until_nobody_listens(port)
            gate.open()
            assert started.end()[0] == 0
    (kept,) = json.loads(status.read_bytes())["models"]
    assert (kept["provider"], kept["model"]) == ("lab", "m")
    assert [one["verdict"] for one in kept["results"]] == ["worked"]


def _ask_and_leave(port: int) -> None:
    """Amid the answer."""
    messages = [{"role": "user", "content": "hi"}]
    body = json.dumps({"model": "smart", "stream": True, "messages": messages})
    with socket.create_connection(("127.0.0.1", port), 5) as caller:
        line = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        caller.sendall(f"{line}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        said = b""
        while b"one " not in said:
            said += caller.recv(2**16)


def _until_nobody_listens(port: int) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("it listens all the same")
