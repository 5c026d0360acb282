"""A model in process, from the question to the answer, and what can happen between."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tiny_gguf
from engine import children
from llama_server import llama_server
from penstock import AsyncClient
from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.errors import (
    ConfigError,
    InvalidRequest,
    MissingExtra,
    StreamTruncated,
    Timeout,
    UnknownModel,
)
from penstock.events import Event, Finish, Start, TextDelta, collect
from penstock.hub.store import Manifest
from penstock.provider import question
from penstock.providers import local
from penstock.providers.local import Local
from penstock.transport import Timeouts

pytest.importorskip("xllamacpp")
_LONG = "x" * 5000
_CANCEL = 0.1
_LAG = 0.01


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No models but those of the test, and none of its engines left behind."""
    monkeypatch.setenv("PENSTOCK_MODELS", str(tmp_path / "models"))
    for name in ("CONTEXT", "SLOTS", "THREADS", "BASE_URL"):
        monkeypatch.delenv(f"PENSTOCK_LOCAL_{name}", raising=False)
    yield
    local._engines.close()
    assert children.of_this_process() == []


def ask(model: Path | str, text: str = "Hello", **options: object) -> AsyncGenerator[Event]:
    return Local().stream(question(str(model), text, {"temperature": 0, **options}))


async def spoken(events: AsyncGenerator[Event]) -> TextDelta:
    async for event in events:
        if isinstance(event, TextDelta):
            return event
    raise AssertionError("nothing was said")


def pull(model: Path, name: str, when: int = 1) -> Path:
    """Put the model where pulled ones are."""
    path = Path(os.environ["PENSTOCK_MODELS"]) / name / "tiny.gguf"
    path.parent.mkdir(parents=True)
    shutil.copy(model, path)
    manifest = Manifest(
        name=name,
        repo=name,
        file="tiny.gguf",
        revision="main",
        size=path.stat().st_size,
        sha256="0" * 64,
        when=datetime.fromtimestamp(when, UTC),
    )
    path.with_name("tiny.gguf.json").write_bytes(msgspec.json.encode(manifest))
    return path


# Answers


async def test_it_answers_as_a_stream(tiny_model: Path) -> None:
    events = [event async for event in ask(tiny_model, max_tokens=20)]
    assert isinstance(events[0], Start)
    assert events[0].model == "tiny.gguf"
    assert sum(isinstance(event, Start) for event in events) == 1
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "length"
    assert finish.usage is not None
    assert finish.usage.output == 20
    assert finish.usage.provenance == "reported"


async def test_it_answers_whole(tiny_model: Path) -> None:
    streamed = collect([event async for event in ask(tiny_model, max_tokens=20)])
    whole = collect([event async for event in ask(tiny_model, max_tokens=20, stream=False)])
    assert whole.text == streamed.text
    assert len(whole.text) >= 20


def test_it_answers_synchronous_callers_in_any_thread(tiny_model: Path) -> None:
    def answer(_: int) -> str:
        texts = Local.create_completion(str(tiny_model), "Hello", max_tokens=5, temperature=0)
        return "".join(texts)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(answer, range(8)))) == 1
    assert len(children.of_this_process()) == 1


def test_it_answers_in_one_loop_after_another(tiny_model: Path) -> None:
    said = {asyncio.run(_text(tiny_model)) for _ in range(3)}
    assert len(said) == 1
    assert len(children.of_this_process()) == 1


async def _text(model: Path) -> str:
    return collect([event async for event in ask(model, max_tokens=5)]).text


async def test_a_question_follows_right_behind_an_answer(tiny_model: Path) -> None:
    for _ in range(50):
        await _text(tiny_model)


async def test_two_conversations_interleave(tiny_model: Path) -> None:
    """The second is asked while the first speaks, which says thousands of words if it is let, and
    is answered to its end before that."""
    await _text(tiny_model)
    has_spoken = asyncio.Event()

    async def talk() -> None:
        async for event in ask(tiny_model):
            if isinstance(event, TextDelta):
                has_spoken.set()

    first = asyncio.create_task(talk())
    first.add_done_callback(lambda _: has_spoken.set())
    await has_spoken.wait()
    await _text(tiny_model)
    assert not first.done()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


async def order_of(model: Path, names: str, tokens: int) -> list[str]:
    """Who speaks when, of as many conversations at once as there are names."""
    order: list[str] = []

    async def talk(name: str) -> None:
        async for event in ask(model, name * 10, max_tokens=tokens):
            order.extend([name] * isinstance(event, TextDelta))

    await asyncio.gather(*map(talk, names))
    return order


def changes(order: list[str]) -> int:
    return sum(one != other for one, other in pairwise(order))


async def test_it_embeds_with_a_model_that_is_made_for_it(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "vectors.gguf", embeds=True)
    made = await AsyncClient().embed(["hello", "world", "x" * 1500], f"local/{path}")
    assert [len(vector) for vector in made.vectors] == [64, 64, 64]
    assert made.vectors[0] != made.vectors[1]
    assert made.usage is not None


async def test_a_model_that_is_not_made_to_embed_says_so(tiny_model: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"tiny\.gguf is not made to embed"):
        await AsyncClient().embed("hello", f"local/{tiny_model}")


# Ends


@pytest.mark.parametrize("text", ["Hello", _LONG], ids=["while it speaks", "while it reads"])
async def test_leaving_stops_it_within_100_ms(
    tiny_model: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a single slot: another question's first word proves that it has stopped. The machine
    may be busy with other things, so the best of three counts."""
    monkeypatch.setenv("PENSTOCK_LOCAL_SLOTS", "1")
    await _text(tiny_model)
    took = []
    for _ in range(3):
        async with aclosing(ask(tiny_model, text, cache_prompt=False)) as left:
            assert isinstance(await anext(left), Start)
            if text == "Hello":
                for _ in range(20):
                    assert isinstance(await anext(left), TextDelta)
            began = time.perf_counter()
        async with aclosing(ask(tiny_model, max_tokens=1)) as other:
            await spoken(other)
        took.append(time.perf_counter() - began)
    assert min(took) < _CANCEL


async def test_a_question_waits_for_its_turn(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_SLOTS", "1")
    order = await order_of(tiny_model, "abc", 100)
    assert len(order) == 300
    assert changes(order) < 10  # the last words of one may cross the first of the next on the way


async def test_a_child_killed_amid_an_answer_is_told_and_started_again(tiny_model: Path) -> None:
    answer = ask(tiny_model)
    events = [await anext(answer) for _ in range(20)]
    (pid,) = children.of_this_process()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(StreamTruncated) as caught:
        events.extend([event async for event in answer])
    assert "tiny.gguf: llama.cpp was killed (SIGKILL)" in str(caught.value)
    assert "ask again" in str(caught.value)
    assert caught.value.provider == "local"
    assert caught.value.retryable
    assert not any(isinstance(event, Finish) for event in events)
    assert await _text(tiny_model)


async def test_a_child_killed_between_two_answers_is_started_again(tiny_model: Path) -> None:
    said = await _text(tiny_model)
    (pid,) = children.of_this_process()
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while local._engines.loaded():
            await asyncio.sleep(0.005)
    assert await _text(tiny_model) == said


async def test_a_conversation_that_is_too_long_is_told_so(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", "256")
    with pytest.raises(InvalidRequest, match=r"256 tokens.*PENSTOCK_LOCAL_CONTEXT"):
        await spoken(ask(tiny_model, _LONG))
    reply = collect([event async for event in ask(tiny_model)])
    assert reply.finish is not None
    assert reply.finish.reason == "length"


async def test_conversations_do_not_take_each_others_context(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", "256")

    async def output() -> int | None:
        finish = [event async for event in ask(tiny_model)][-1]
        assert isinstance(finish, Finish)
        assert finish.usage is not None
        return finish.usage.total

    assert [*await asyncio.gather(output(), output())] == [256, 256]


async def test_loading_has_no_more_time_than_an_answer(tiny_model: Path) -> None:
    hasty = Local(timeouts=Timeouts(headers=0.0001))
    with pytest.raises(Timeout, match="was not loaded within"):
        await spoken(hasty.stream(question(str(tiny_model), "Hello", {})))
    assert await _text(tiny_model)


# The event loop


async def lag(while_running: asyncio.Task[str]) -> float:
    """Seconds by which the loop was late at worst."""
    worst = 0.0
    while not while_running.done():
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - due)
    return worst


async def test_the_loop_goes_on_while_it_computes(tmp_path: Path) -> None:
    """A lag of its making would be there every time; another program's is not: one answer without
    any is enough."""
    model = tiny_gguf.write(tmp_path / "larger.gguf", layers=4, width=256)
    await _text(model)
    lags = []
    for _ in range(20):
        answer = asyncio.create_task(Local().create_async(str(model), _LONG[:300], max_tokens=30))
        lags.append(await lag(answer))
        if lags[-1] < _LAG:
            return
    pytest.fail(f"the loop was late by {min(lags):.4f} s")


# Names


async def test_a_path_may_be_relative_or_begin_at_home(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    monkeypatch.setenv("HOME", str(tiny_model.parent))
    catalog = Catalog(Config())
    for name in ("tiny.gguf", "./tiny.gguf", "~/tiny.gguf", str(tiny_model)):
        provider, model = await catalog.resolve(f"local/{name}")
        assert provider.name == "local"
        assert await provider.create_async(model, "Hello", max_tokens=3)
    assert len(children.of_this_process()) == 1


async def test_a_pulled_model_is_asked_by_its_name(tiny_model: Path) -> None:
    pull(tiny_model, "someone/small")
    assert await _text(Path("someone/small"))
    assert [info.id for info in await Local().list_models()] == ["someone/small"]


def test_the_last_pulled_model_is_the_default(tiny_model: Path) -> None:
    provider = Catalog(Config()).get("local")
    assert not provider.is_configured()
    assert provider.default_model == ""
    pull(tiny_model, "someone/first", 1)
    assert provider.is_configured()
    assert provider.default_model == "someone/first"
    pull(tiny_model, "someone/second", 2)
    assert Catalog(Config()).get("local").default_model == "someone/second"
    assert provider.default_model == "someone/second"
    provider.default_model = "someone/first"
    assert provider.configured(timeout=3).default_model == "someone/first"


@pytest.mark.parametrize("said", ["someone/first", "someone/second"])
def test_a_default_that_was_said_stays_whatever_is_pulled(tiny_model: Path, said: str) -> None:
    pull(tiny_model, "someone/first", 1)
    pull(tiny_model, "someone/second", 2)
    provider = Catalog(_config(default_model=said)).get("local")
    pull(tiny_model, "someone/third", 3)
    assert provider.default_model == said
    assert provider.configured(timeout=3).default_model == said


async def test_models_that_were_said_are_offered_like_pulled_ones(tiny_model: Path) -> None:
    catalog = Catalog(_config(models=(str(tiny_model),)))
    assert catalog.get("local").is_configured()
    assert catalog.default() == f"local/{tiny_model}"
    pull(tiny_model, "someone/small")
    listed = [info.id for info in await catalog.list_models()]
    assert {f"local/{tiny_model}", "local/someone/small"} <= set(listed)
    assert catalog.default() == f"local/{tiny_model}"


def _config(**said: Any) -> Config:
    return Config(providers={"local": ProviderConfig(**said)}, discovery=False)


async def test_without_a_name_the_default_answers(tiny_model: Path) -> None:
    pull(tiny_model, "someone/small")
    assert await Local().create_async("", "Hello", max_tokens=3)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "no model was named, and none was pulled"),
        ("nothing-like-it", "`penstock pull` lists some to fetch"),
        ("qwen3-0.6b", "`penstock pull qwen3-0.6b` fetches it"),
        ("no/such/file.gguf", r"there is no file file\.gguf"),
        ("~nobody-of-that-name/file.gguf", r"there is no file file\.gguf"),
        ("a\x1b[2J.gguf", r"there is no file a\ufffd\[2J\.gguf"),
    ],
)
async def test_a_model_that_is_not_there_is_unknown(name: str, says: str) -> None:
    with pytest.raises(UnknownModel, match=says) as caught:
        await Local().create_async(name, "Hello")
    assert caught.value.provider == "local"


async def test_without_the_extra_it_is_not_configured_and_says_what_to_install(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(tiny_model, "someone/small")
    monkeypatch.setattr(local, "is_installed", lambda: False)
    assert not Local().is_configured()
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtra, match=r"penstock\[local\]"):
        await _text(tiny_model)


# Settings


@pytest.mark.parametrize("said", ["0", "-1", "many", "1e3", "²", "99999999999", "1" * 5000])
async def test_a_setting_that_is_no_number_is_refused(
    tiny_model: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", said)
    with pytest.raises(ConfigError, match="PENSTOCK_LOCAL_CONTEXT must be a number from 1 to"):
        await _text(tiny_model)


async def test_the_variable_of_a_provider_of_another_name_is_named(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ProviderConfig(type="local")
    provider = Catalog(Config(providers={"my-local": said})).get("my-local")
    monkeypatch.setenv("PENSTOCK_MY_LOCAL_CONTEXT", "many")
    with pytest.raises(ConfigError, match="PENSTOCK_MY_LOCAL_CONTEXT must be a number"):
        await provider.create_async(str(tiny_model), "Hello")
    monkeypatch.setenv("PENSTOCK_MY_LOCAL_CONTEXT", "256")
    with pytest.raises(InvalidRequest, match=r"256 tokens.*PENSTOCK_MY_LOCAL_CONTEXT"):
        await provider.create_async(str(tiny_model), _LONG)


async def test_a_proxy_is_never_asked_for_this_machine(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_PROXY", "http://127.0.0.1:9")
    assert await _text(tiny_model)
    there = Local(base_url="http://service.invalid/v1")
    request = await there.request("POST", "http://service.invalid/v1", b"", "*/*", "")
    assert request.proxy == "http://127.0.0.1:9"


async def test_a_server_that_runs_already_is_asked_instead(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with llama_server(tiny_model) as server:
        there = Local(base_url=server.url, api_key=server.key)
        assert there.is_configured()
        assert [info.id for info in await there.list_models()] == ["tiny"]
        assert await there.create_async("tiny", "Hello", max_tokens=3)
        monkeypatch.setenv("PENSTOCK_LOCAL_BASE_URL", server.url)
        assert await Local(api_key=server.key).create_async("tiny", "Hello", max_tokens=3)
    assert children.of_this_process() == []


async def test_a_callers_own_key_is_not_for_the_engine(tiny_model: Path) -> None:
    request = msgspec.structs.replace(
        question(str(tiny_model), "Hello", {"max_tokens": 3}), api_key="sk-of-the-caller"
    )
    assert collect([event async for event in Local().stream(request)]).text
