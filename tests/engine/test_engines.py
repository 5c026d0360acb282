"""Which models are loaded: one child each, shared, and gone when nobody needs it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine import children
from penstock.engine import Engines, Model
from penstock.errors import InvalidRequest, PenstockError

pytest.importorskip("xllamacpp")


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    yield made
    made.close()
    assert children.of_this_process() == []


@pytest.fixture
def models(tiny_model: Path, tmp_path: Path) -> list[Model]:
    """Four files, and how to run them in little memory."""
    paths = [shutil.copy(tiny_model, tmp_path / f"{name}.gguf") for name in "abcd"]
    return [Model(Path(path), context=256) for path in paths]


async def use(engines: Engines, model: Model) -> str:
    async with engines.running(model) as engine:
        return engine.url


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in another thread or process."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_all_who_ask_at_once_share_one_loading(engines: Engines, models: list[Model]) -> None:
    urls = await asyncio.gather(*(use(engines, models[0]) for _ in range(10)))
    assert len(set(urls)) == 1
    assert len(children.of_this_process()) == 1
    assert await use(engines, models[0]) == urls[0]


def test_event_loops_in_several_threads_share_it(engines: Engines, models: list[Model]) -> None:
    urls: list[str] = []

    def ask() -> None:
        urls.append(asyncio.run(use(engines, models[0])))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 5
    assert len(set(urls)) == 1
    assert len(children.of_this_process()) == 1


async def test_another_way_to_run_it_is_another_engine(
    engines: Engines, models: list[Model]
) -> None:
    other = Model(models[0].path, context=512)
    assert await use(engines, models[0]) != await use(engines, other)


class Clock:
    """Stands still; ``ring`` lets the seconds pass."""

    def __init__(self) -> None:
        self.due: dict[Callable[[], None], float] = {}

    def __call__(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        def call_off() -> None:
            self.due.pop(call, None)

        self.due[call] = seconds
        return call_off

    def ring(self) -> None:
        for call in [*self.due]:
            del self.due[call]
            call()


async def test_one_that_nobody_uses_is_ended_after_a_while(models: list[Model]) -> None:
    clock = Clock()
    engines = Engines(idle=30, later=clock)
    async with engines.running(models[0]) as engine:
        assert not clock.due
    assert engine.is_alive
    assert [*clock.due.values()] == [30]
    clock.ring()
    assert children.of_this_process() == []
    assert engines.loaded() == []
    assert await use(engines, models[0]) != engine.url
    engines.close()
    assert not clock.due


async def test_the_seconds_pass_in_a_thread(models: list[Model]) -> None:
    engines = Engines(idle=0.01)
    await use(engines, models[0])
    await until(lambda: children.of_this_process() == [])
    assert engines.loaded() == []


async def test_a_new_use_keeps_it(models: list[Model]) -> None:
    clock = Clock()
    engines = Engines(idle=30, later=clock)
    url = await use(engines, models[0])
    (too_late,) = clock.due
    async with engines.running(models[0]) as engine:
        assert not clock.due
        too_late()  # it had begun when it was called off
        assert engine.is_alive
        assert engine.url == url
    assert [*clock.due.values()] == [30]
    assert engine.is_alive
    engines.close()


async def test_the_one_not_used_for_longest_makes_room(
    engines: Engines, models: list[Model]
) -> None:
    a, b, c, _ = models
    await use(engines, a)
    await use(engines, b)
    await use(engines, a)
    await use(engines, c)
    assert engines.loaded() == [a, c]
    assert len(children.of_this_process()) == 2


async def test_one_in_use_is_never_ended(engines: Engines, models: list[Model]) -> None:
    async with AsyncExitStack() as stack:
        used = [await stack.enter_async_context(engines.running(m)) for m in models]
        assert all(engine.is_alive for engine in used)
        assert len(engines.loaded()) == 4
    await until(lambda: len(children.of_this_process()) == 2)


async def test_after_a_crash_it_is_started_again(engines: Engines, models: list[Model]) -> None:
    url = await use(engines, models[0])
    (pid,) = children.of_this_process()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: engines.loaded() == [])
    assert await use(engines, models[0]) != url


async def test_a_failure_is_told_to_all_who_wait_and_tried_again_by_the_next(
    engines: Engines, models: list[Model]
) -> None:
    model = models[0]
    whole = model.path.read_bytes()
    model.path.write_bytes(whole[:1000])
    failed = await asyncio.gather(*(use(engines, model) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(error, InvalidRequest) for error in failed)
    assert len({id(error) for error in failed}) == 5
    assert engines.loaded() == []
    model.path.write_bytes(whole)
    assert await use(engines, model)


async def test_who_stops_waiting_does_not_stop_the_loading(
    engines: Engines, models: list[Model]
) -> None:
    left = asyncio.create_task(use(engines, models[0]))
    stays = asyncio.create_task(use(engines, models[0]))
    await asyncio.sleep(0)
    left.cancel()
    assert await stays
    with pytest.raises(asyncio.CancelledError):
        await left
    assert len(children.of_this_process()) == 1


async def test_closing_ends_one_that_still_loads(engines: Engines, models: list[Model]) -> None:
    waiting = asyncio.create_task(use(engines, models[0]))
    await asyncio.sleep(0)
    engines.close()
    with pytest.raises(PenstockError):
        await waiting
    await until(lambda: children.of_this_process() == [])


_FORKING = """
import asyncio, os, sys, time
from pathlib import Path
from penstock.engine import Engines, Model

engines = Engines()
os.register_at_fork(after_in_child=engines.disown)

async def use():
    async with engines.running(Model(Path(sys.argv[1]), context=256)) as engine:
        return engine._process.pid

pid = asyncio.run(use())
forked = os.fork()
if forked == 0:
    os.close(1)
    assert engines.loaded() == []
    time.sleep(60)
print(pid, forked, flush=True)
time.sleep(60)
"""


def test_a_forked_process_does_not_keep_it_alive(models: list[Model]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _FORKING, str(models[0].path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid, forked = map(int, process.stdout.readline().split())
        assert children.is_running(pid)
        process.kill()
        process.wait(5)
    assert children.gone(pid)
    assert children.is_running(forked)
    os.kill(forked, signal.SIGKILL)
