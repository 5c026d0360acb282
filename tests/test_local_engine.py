"""An engine on this machine: where it is, when it counts, and whatever it may answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import sources
from penstock.declarations import read
from penstock.errors import ConnectionFailed
from penstock.local_engine import LocalEngine
from penstock.providers.ollama import Ollama
from penstock.providers.vllm import VLLM
from raw import refused_port

ENGINES = [name for name, file in sources.own_files().items() if read(file).base == "LocalEngine"]

words = st.sampled_from(
    [
        "data",
        "models",
        "info",
        "title",
        "id",
        "model",
        "owned_by",
        "status",
        "state",
        "type",
        "value",
        "details",
        "family",
        "capabilities",
        "lmstudio",
        "endpoints",
        "remote_host",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.text() | words
answers = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=20
)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)


def test_there_are_engines() -> None:
    assert len(ENGINES) >= 7


@pytest.mark.parametrize("name", ENGINES)
@given(said=st.lists(answers, min_size=3, max_size=3))
def test_whatever_is_answered_an_engine_is_recognised_or_not(name: str, said: list[Any]) -> None:
    async def ask(_: str) -> Any:
        return left.pop() if left else None

    left, engine = list(said), sources.load_own(name)()
    assert isinstance(engine, LocalEngine)
    models = asyncio.run(engine.recognise(ask))
    assert models is None or all(isinstance(model, str) for model in models)


@pytest.mark.parametrize("name", ENGINES)
def test_it_stands_at_a_port_of_this_machine_and_wants_no_key(name: str) -> None:
    engine = sources.load_own(name)()
    assert isinstance(engine, LocalEngine)
    assert engine.home().startswith("http://127.0.0.1:")
    assert not engine.api_key_env
    assert not engine.is_configured()
    assert engine.running(["m"]).is_configured()


def test_an_engine_is_configured_where_somebody_said_its_address_or_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert VLLM(base_url="http://127.0.0.1:8000/v1").is_configured()
    assert VLLM(api_key="sk-test").is_configured()
    monkeypatch.setenv("PENSTOCK_VLLM_BASE_URL", "http://192.0.2.1:8000/v1")
    assert VLLM().is_configured()


def test_what_is_known_of_a_running_one_is_known_of_that_one_alone() -> None:
    engine = VLLM()
    running = engine.running(["first", "second"])
    assert (running.default_model, running.is_running) == ("first", True)
    assert running.configured(timeout=1).is_running
    assert (engine.default_model, engine.is_running, VLLM.is_running) == ("", False, False)
    assert engine.running([]).default_model == ""


def test_its_own_variable_moves_it_within_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11500")
    assert Ollama().endpoint == "http://127.0.0.1:11500/api/chat"
    monkeypatch.setenv("OLLAMA_HOST", "192.0.2.1:11500")
    assert Ollama().endpoint == "http://127.0.0.1:11434/api/chat"
    assert Ollama(base_url="http://192.0.2.1:1").endpoint == "http://192.0.2.1:1/api/chat"


@pytest.mark.parametrize("name", ENGINES)
def test_only_llamacpp_itself_gets_a_connection_for_each_question(name: str) -> None:
    closes = sources.load_own(name)().headers.get("Connection") == "close"  # type: ignore[attr-defined]
    assert closes == (name == "llamacpp")


async def test_an_engine_that_does_not_run_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{refused_port()}")
    with pytest.raises(ConnectionFailed) as caught:
        await Ollama.create_async("m", "Hello")
    assert caught.value.message.startswith(
        "ollama does not run: no connection to http://127.0.0.1:"
    )
    assert caught.value.message.endswith(
        "; start it, or set PENSTOCK_OLLAMA_BASE_URL to where it is"
    )
    assert caught.value.provider == "ollama"
    elsewhere = Ollama(base_url=f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(ConnectionFailed, match=r"^no connection to"):
        await elsewhere.create_async("m", "Hello")


@pytest.mark.parametrize(
    ("base_url", "proxy"),
    [
        ("", ""),
        ("http://localhost:8001/v1", ""),
        ("http://[::1]:8001/v1", ""),
        ("http://localhost/v1", ""),
        ("https://127.0.0.2:8443/v1", ""),
        ("http://gpu.example.org:8000/v1", "http://proxy.example.org"),
    ],
)
async def test_a_proxy_is_for_other_machines_alone(base_url: str, proxy: str) -> None:
    engine = VLLM(base_url=base_url or None, proxy="http://proxy.example.org")
    request = await engine.request("POST", engine.endpoint, b"", "*/*", "")
    assert request.proxy == proxy
