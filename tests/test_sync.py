"""Synchronous callers: anywhere, at once, and gone when they leave."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from penstock import Client, _sync, errors
from penstock._sync import SyncStream
from penstock.config import Config
from penstock.errors import PenstockError
from penstock.generator import GeneratorProvider
from penstock.providers.aura import Aura
from penstock.providers.openai_compatible import OpenAICompatible
from programs import run_script
from raw import (
    CANARY,
    CHUNKED,
    FIN,
    SOON,
    STAY,
    Connection,
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

HELLO = chunk(say("Hello"))
CLOSED = "this stream was closed while it was read; make a new call"


def stream(url: str, question: str = "Hi", **options: Any) -> Iterator[str]:
    provider = OpenAICompatible(base_url=url, timeouts={"total": 10})
    return provider.create_completion("m", question, stream=True, **options)


def echo(request: bytes) -> Script:
    """The question's words, one event each."""
    found = re.search(rb'"content":"([^"]*)"', request)
    assert found
    return spoken(*found[1].decode().split())


def latency(connection: Connection, left: float) -> None:
    """From leaving until the service sees the socket close it is never longer than ``SOON``."""
    seconds = connection.closed.result(5) - left
    print(f"left after {1000 * seconds:.1f} ms")
    assert seconds < SOON


# A synchronous call works wherever it is made.


@given(st.lists(st.integers()), st.integers(0, 5))
def test_a_stream_says_what_its_source_says_and_fails_where_it_fails(
    items: list[int], after: int
) -> None:
    async def source() -> AsyncGenerator[int]:
        for item in items:
            if item % 3 == 0:
                await asyncio.sleep(0)
            yield item
        if after:
            raise KeyError(after)

    said: list[int] = []
    with pytest.raises(KeyError, match=str(after)) if after else nullcontext():
        said.extend(SyncStream(source))
    assert said == items


def test_a_script_reads_a_stream_and_a_whole_answer() -> None:
    with Upstream(spoken("Hello", " world")) as upstream:
        assert list(stream(upstream.url)) == ["Hello", " world"]
        provider = OpenAICompatible(base_url=upstream.url)
        assert list(provider.create_completion("m", "Hi")) == ["Hello world"]


async def test_a_call_works_inside_a_running_event_loop() -> None:
    with Upstream(spoken("Hello", " world")) as upstream:
        assert list(stream(upstream.url)) == ["Hello", " world"]


def test_a_call_works_inside_a_running_uvloop() -> None:
    async def main(url: str) -> list[str]:
        return list(stream(url))

    with (
        Upstream(spoken("Hello")) as upstream,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        assert runner.run(main(upstream.url)) == ["Hello"]


def test_thirty_two_threads_get_their_own_answer_each() -> None:
    together = threading.Barrier(32)

    def ask(n: int) -> list[str]:
        together.wait()
        return list(stream(upstream.url, f"thread {n} says {n * n}"))

    with Upstream(echo) as upstream, ThreadPoolExecutor(32) as threads:
        said = list(threads.map(ask, range(32)))
    assert said == [["thread", str(n), "says", str(n * n)] for n in range(32)]
    assert [thread.name for thread in threading.enumerate()].count("penstock") == 1


def test_loops_in_many_threads_do_not_disturb_each_other() -> None:
    async def ask(n: int) -> str:
        return await OpenAICompatible(base_url=upstream.url).create_async("m", f"loop {n}")

    with Upstream(echo) as upstream, ThreadPoolExecutor(8) as threads:
        said = list(threads.map(lambda n: asyncio.run(ask(n)), range(32)))
    assert said == [f"loop{n}" for n in range(32)]


def test_nothing_is_asked_before_somebody_reads() -> None:
    with Upstream(spoken("Hello")) as upstream:
        answer = stream(upstream.url)
        assert upstream.connections == []
        assert next(answer) == "Hello"
        assert len(upstream.connections) == 1


def test_next_and_for_go_on_where_the_other_stopped() -> None:
    with Upstream(spoken("one", "two", "three")) as upstream:
        answer = stream(upstream.url)
        assert next(answer) == "one"
        assert list(answer) == ["two", "three"]


def test_the_bridge_runs_a_coroutine_and_hands_on_its_error() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise errors.RateLimited("wait")

    assert _sync.run(answer()) == 42
    with pytest.raises(errors.RateLimited, match="wait"):
        _sync.run(fail())


def test_a_synchronous_call_in_the_bridges_own_loop_is_told_not_to_wait_for_itself() -> None:
    class Careless(GeneratorProvider):
        """Calls synchronously from asynchronous code."""

        @classmethod
        async def create_async_generator(cls, **_: Any) -> AsyncIterator[str]:  # type: ignore[override]
            for text in stream("http://127.0.0.1:1"):
                yield text

    with pytest.raises(errors.ServiceError) as caught:
        list(Careless.create_completion("m", "Hi"))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "use create_async_generator" in str(caught.value.__cause__)


# Errors arrive as they are.


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ([CHUNKED, HELLO, FIN], errors.StreamTruncated),
        ([head("429 Too Many", content_length=0)], errors.RateLimited),
        ([head(content_type="text/html", content_length=0)], errors.UnexpectedAnswer),
        ([head(content_length=0)], errors.EmptyStream),
        ([FIN], errors.ConnectionFailed),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_errors_have_their_class_here_too_and_show_no_secret(
    script: Script, kind: type[PenstockError], streamed: bool
) -> None:
    with Upstream(script) as upstream:
        provider = OpenAICompatible(base_url=f"{upstream.url}/{CANARY}", api_key=f"{CANARY}-key")
        with pytest.raises(PenstockError) as caught:
            list(provider.create_completion("m", "canary", stream=streamed, proxy=None))
    assert type(caught.value) is kind
    assert_no_secret(caught.value)


def test_what_came_before_an_error_is_delivered_first() -> None:
    with Upstream([CHUNKED, HELLO, FIN]) as upstream:
        answer = stream(upstream.url)
        assert next(answer) == "Hello"
        with pytest.raises(errors.StreamTruncated):
            next(answer)
        assert list(answer) == []  # as after any generator's error


def test_a_deadline_holds_while_the_caller_waits() -> None:
    with Upstream([CHUNKED, HELLO, STAY]) as upstream:
        with pytest.raises(errors.StreamStalled, match=r"within 0\.1 s \(idle"):
            list(stream(upstream.url, timeouts={"idle": 0.1}))
        latency(upstream.connections[0], time.monotonic())


# Leaving.


def leave_by_break(answer: Iterator[str]) -> None:
    for _ in answer:
        break


def leave_by_close(answer: Any) -> None:
    next(answer)
    answer.close()


def leave_by_close_in_the_loop(answer: Any) -> None:
    for _ in answer:
        answer.close()
        return


def leave_by_with(answer: Any) -> None:
    with answer:
        next(answer)


def leave_by_with_in_the_loop(answer: Any) -> None:
    with answer:
        for _ in answer:
            return


def leave_by_an_exception(answer: Iterator[str]) -> None:
    with suppress(KeyError):
        for _ in answer:
            raise KeyError


WAYS = (
    leave_by_break,
    leave_by_close,
    leave_by_close_in_the_loop,
    leave_by_with,
    leave_by_with_in_the_loop,
    leave_by_an_exception,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_whoever_leaves_a_silent_stream_closes_its_connection(
    way: Callable[[Iterator[str]], None],
) -> None:
    with Upstream([CHUNKED, HELLO, STAY]) as upstream:
        answer = stream(upstream.url)
        way(answer)
        latency(upstream.connections[0], time.monotonic())
        with pytest.raises(RuntimeError, match="was left or read already; make a new call"):
            next(answer)
        with pytest.raises(RuntimeError, match="was left or read already; make a new call"):
            iter(answer)


def test_whoever_forgets_a_stream_closes_its_connection() -> None:
    with Upstream([CHUNKED, HELLO, STAY]) as upstream:
        answer = stream(upstream.url)
        next(answer)
        del answer
        gc.collect()
        latency(upstream.connections[0], time.monotonic())


async def test_whoever_leaves_inside_a_running_loop_closes_the_connection() -> None:
    with Upstream([CHUNKED, HELLO, STAY]) as upstream:
        leave_by_break(stream(upstream.url))
        latency(upstream.connections[0], time.monotonic())


@pytest.mark.parametrize("script", [[STAY], [CHUNKED, STAY], [CHUNKED, HELLO, STAY]])
def test_closing_from_another_thread_wakes_the_reader(script: Script) -> None:
    ends: list[BaseException] = []

    def read(answer: Iterator[str]) -> None:
        try:
            for _ in answer:
                pass
        except RuntimeError as error:
            ends.append(error)

    with Upstream(script) as upstream:
        answer: Any = stream(upstream.url)
        reader = threading.Thread(target=read, args=(answer,))
        reader.start()
        connection = upstream.asked().result(5)
        answer.close()
        left = time.monotonic()
        reader.join(5)
        latency(connection, left)
    assert [str(error) for error in ends] == [CLOSED]


def test_a_loop_that_goes_on_after_close_is_told_so() -> None:
    with Upstream([CHUNKED, HELLO, STAY]) as upstream:
        answer: Any = stream(upstream.url)
        loop = iter(answer)
        assert next(loop) == "Hello"
        answer.close()
        with pytest.raises(RuntimeError, match=CLOSED):
            next(loop)


def test_a_stream_closed_before_it_was_read_asks_nothing() -> None:
    with Upstream(spoken("Hello")) as upstream:
        answer: Any = stream(upstream.url)
        answer.close()
        with pytest.raises(RuntimeError, match="was left or read already"):
            next(answer)
        assert upstream.connections == []


def test_a_stream_read_to_its_end_cannot_be_read_again() -> None:
    with Upstream(spoken("Hello")) as upstream:
        answer = stream(upstream.url)
        assert list(answer) == ["Hello"]
        with pytest.raises(RuntimeError, match="was left or read already; make a new call"):
            list(answer)


def test_a_slow_reader_costs_bounded_memory_and_makes_the_service_wait() -> None:
    with Upstream([CHUNKED, Flood(chunk(say("x" * 1000)))]) as upstream:
        answer: Any = stream(upstream.url)
        next(answer)
        connection = upstream.connections[0]
        sent = connection.stalled.result(10)
        assert sent < 2**24
        for _ in range(2 * sent // 1000):
            next(answer)
        assert connection.sent > sent
        answer.close()
        latency(connection, time.monotonic())


# Processes.


def test_the_end_of_a_process_closes_connections_in_an_orderly_way() -> None:
    code = """
    import atexit, sys
    atexit.register(lambda: print(len(sessions.alive)))  # called last, being registered first
    from penstock.transport import sessions
    from penstock.providers.openai_compatible import OpenAICompatible
    provider = OpenAICompatible(base_url=sys.argv[1])
    print(*provider.create_completion("m", "Hi"))
    print(len(sessions.alive))
    """
    with Upstream(spoken("Hello")) as upstream:
        assert run_script(code, upstream.url) == "Hello\n1\n0\n"


def test_a_process_ends_without_a_warning_wherever_it_left_its_streams() -> None:
    code = """
    import sys
    from penstock.providers.openai_compatible import OpenAICompatible
    provider = OpenAICompatible(base_url=sys.argv[1])
    print(*provider.create_completion("m", "Hi"))
    for text in provider.create_completion("m", "Hi", stream=True):
        break
    held = provider.create_completion("m", "Hi", stream=True)
    print(next(held))
    """
    cut: Script = [CHUNKED, HELLO, STAY]
    with Upstream(spoken("Hello"), cut, cut) as upstream:
        assert run_script(code, upstream.url) == "Hello\nHello\n"
        for connection in upstream.connections:
            connection.closed.result(SOON)


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "os._exit(0)"])
def test_a_process_ends_at_once(end: str) -> None:
    code = f"""
    import os, sys, time
    from penstock.providers.openai_compatible import OpenAICompatible
    held = OpenAICompatible(base_url=sys.argv[1]).create_completion("m", "Hi", stream=True)
    print(next(held), flush=True)
    {end}
    """
    with Upstream([CHUNKED, HELLO, STAY]) as upstream, python(code, upstream.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Hello\n"
        start = time.monotonic()
        process.wait(5)
        assert time.monotonic() - start < 1  # far less; a thread that hangs on costs more
        upstream.connections[0].closed.result(SOON)
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("script", [[STAY], [CHUNKED, HELLO, STAY]], ids=["headers", "stream"])
@pytest.mark.parametrize("call", ["create_completion(stream=True)", "run"])
def test_ctrl_c_stops_a_waiting_call_at_once(script: Script, call: str) -> None:
    code = """
    import sys
    from penstock import _sync
    from penstock.providers.openai_compatible import OpenAICompatible
    provider = OpenAICompatible(base_url=sys.argv[1])
    if sys.argv[2] == "run":
        _sync.run(provider.create_async("m", "Hi"))
    for text in provider.create_completion("m", "Hi", stream=True):
        print(text, flush=True)
    """
    with Upstream(script) as upstream, python(code, upstream.url, call) as process:
        connection = upstream.asked().result(5)
        if HELLO in script and call != "run":
            assert process.stdout is not None
            assert process.stdout.readline() == "Hello\n"
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=5)
        assert time.monotonic() - start < 1
        connection.closed.result(SOON)
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert process.returncode == -signal.SIGINT


def test_after_ctrl_c_a_coroutine_is_cancelled() -> None:
    code = """
    import sys
    from penstock import _sync
    from penstock.providers.openai_compatible import OpenAICompatible
    try:
        _sync.run(OpenAICompatible(base_url=sys.argv[1]).create_async("m", "Hi"))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.stdin.read()
    """
    with Upstream([STAY]) as upstream, python(code, upstream.url) as process:
        connection = upstream.asked().result(5)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        latency(connection, time.monotonic())


def test_after_ctrl_c_the_stream_is_closed_and_the_next_call_works() -> None:
    code = """
    import sys
    from penstock.providers.openai_compatible import OpenAICompatible
    provider = OpenAICompatible(base_url=sys.argv[1])
    answer = provider.create_completion("m", "Hi", stream=True)
    try:
        next(answer)
    except KeyboardInterrupt:
        try:
            next(answer)
        except RuntimeError as error:
            print(error)
        print(*provider.create_completion("m", "Hi"))
    """
    with Upstream([STAY], spoken("Hello")) as upstream, python(code, upstream.url) as process:
        connection = upstream.asked().result(5)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=5) == (f"{CLOSED}\nHello\n", "")
        latency(connection, time.monotonic())
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_has_a_loop_of_its_own() -> None:
    code = """
    import os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork itself, since 3.12
    from penstock.providers.openai_compatible import OpenAICompatible
    provider = OpenAICompatible(base_url=sys.argv[1], timeouts={"total": 3})
    ask = lambda: print(*provider.create_completion("m", "Hi"), flush=True)
    ask()
    child = os.fork()
    ask()
    if child:
        os.waitpid(child, 0)
        ask()  # the child's end has not touched the parent's connections
    """
    with Upstream(spoken("Hello")) as upstream:
        assert run_script(code, upstream.url) == "Hello\n" * 4
        assert sorted(len(c.requests) for c in upstream.connections) == [1, 3]


class python:
    """A fresh interpreter at work; killed with the block if it is still there."""

    def __init__(self, code: str, *arguments: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_the_founding_example_runs_in_a_plain_script() -> None:
    text = "Привет, мир"
    encoded = text.encode()
    body = [chunk(encoded[:5]), chunk(encoded[5:]), b"0\r\n\r\n"]
    with Upstream([CHUNKED.replace(b"text/event-stream", b"text/plain"), *body]) as upstream:
        answer = Aura.create_completion(
            model="openchat_3.6",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            base_url=upstream.url,
        )
        assert "".join(answer) == text


def test_a_dead_service_is_told_at_once() -> None:
    with pytest.raises(errors.ConnectionFailed, match="connection refused"):
        list(stream(f"http://127.0.0.1:{refused_port()}"))


def test_a_gate_in_the_service_holds_only_its_own_caller() -> None:
    gate = Gate()
    with Upstream([CHUNKED, HELLO, gate, *spoken("late")[1:]], spoken("Hello")) as upstream:
        slow = stream(upstream.url)
        next(slow)
        assert list(stream(upstream.url)) == ["Hello"]
        gate.open()
        assert list(slow) == ["late"]


def test_a_provider_that_exits_ends_nobody_elses_calls(tmp_path: Path) -> None:
    (tmp_path / "quitter.py").write_text(
        "from penstock import GeneratorProvider\n"
        "class Quitter(GeneratorProvider):\n"
        "    @classmethod\n"
        "    async def create_async_generator(cls, model, messages, **kwargs):\n"
        "        raise SystemExit(3)\n"
        "        yield\n"
    )
    client = Client(config=Config(providers_folder=str(tmp_path)))
    with pytest.raises(SystemExit):
        client.chat("x", "quitter/x")
    assert client.chat("still here", "builtin/echo").text == "still here"
