"""The bridge for synchronous callers: anywhere, many at once, and closed when it is left."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from penstock import OpenAICompatible, StreamTruncated
from penstock._sync import SyncStream
from penstock.providers.builtin import Builtin
from raw import CHUNKED, FIN, STAY, Connection, Flood, Upstream, chunk, say, spoken

LEFT = 0.25


@pytest.fixture
def silent() -> Iterator[Upstream]:
    """A service that says one word and then nothing."""
    with Upstream([CHUNKED, chunk(say("one ")), STAY]) as upstream:
        yield upstream


def closes_soon(connection: Connection) -> bool:
    left = time.monotonic()
    return connection.closed.result(5) - left < LEFT


def asked(upstream: Upstream) -> SyncStream[str]:
    provider = OpenAICompatible(base_url=upstream.url)
    stream = provider.create_completion("m", "Hello", stream=True)
    assert isinstance(stream, SyncStream)
    return stream


def test_it_streams_chunk_by_chunk() -> None:
    with Upstream(spoken("При", "вет ", "🙂")) as upstream:
        assert list(asked(upstream)) == ["При", "вет ", "🙂"]


def test_without_stream_it_gives_the_whole_text_at_once() -> None:
    with Upstream(spoken("При", "вет ", "🙂")) as upstream:
        provider = OpenAICompatible(base_url=upstream.url)
        assert list(provider.create_completion("m", "Hello")) == ["Привет 🙂"]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_streams_inside_a_running_event_loop(loop: object) -> None:
    async def notebook() -> list[str]:
        return list(Builtin.create_completion("echo", "a b c", stream=True))

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        assert runner.run(notebook()) == ["a ", "b ", "c"]


def test_it_streams_in_32_threads_at_once_each_its_own_text() -> None:
    together = threading.Barrier(32)

    def one(number: int) -> bool:
        text = " ".join(str(number * 1000 + i) for i in range(50))
        together.wait(10)
        chunks = list(Builtin.create_completion("echo", text, stream=True, delay=0.001))
        return len(chunks) == 50 and "".join(chunks) == text

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(one, range(32)))


def test_break_closes_the_connection(silent: Upstream) -> None:
    for _ in asked(silent):
        break
    assert closes_soon(silent.asked().result(5))


def test_break_closes_it_even_if_the_stream_is_held(silent: Upstream) -> None:
    stream = asked(silent)
    for _ in stream:
        break
    assert closes_soon(silent.asked().result(5))
    with pytest.raises(RuntimeError, match="make a new call"):
        next(stream)


def test_close_and_the_end_of_a_with_block_close_the_connection(silent: Upstream) -> None:
    stream = asked(silent)
    assert next(stream) == "one "
    stream.close()
    assert closes_soon(silent.asked().result(5))
    with asked(silent) as stream:
        assert next(stream) == "one "
    assert closes_soon(silent.asked(1).result(5))


def test_garbage_collection_closes_the_connection(silent: Upstream) -> None:
    stream = asked(silent)
    assert next(stream) == "one "
    connection = silent.asked().result(5)
    held = [stream]
    held.append(held)  # type: ignore[arg-type] # a circle, so that only the collector finds it
    del stream, held
    gc.collect()
    assert closes_soon(connection)


def test_an_error_comes_after_what_was_said_before_it() -> None:
    with Upstream([CHUNKED, chunk(say("half ")), FIN]) as upstream:
        stream = asked(upstream)
        assert next(stream) == "half "
        with pytest.raises(StreamTruncated):
            next(stream)


def test_a_slow_reader_makes_the_service_wait() -> None:
    with Upstream([CHUNKED, Flood(chunk(say("x" * 10_000)))]) as upstream:
        stream = asked(upstream)
        next(stream)
        connection = upstream.asked().result(5)
        assert connection.stalled.result(10) < 64 * 1024 * 1024
        stream.close()


def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-X", "dev", *options, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_script_ends_at_once_and_without_a_warning() -> None:
    done = run("""
        from penstock.providers.builtin import Builtin
        for chunk in Builtin.create_completion("echo", "a b", stream=True, delay=0.01):
            print(chunk)
            break
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("a \n", "", 0)


def test_a_script_that_left_a_call_under_way_ends_without_a_warning(silent: Upstream) -> None:
    done = run(f"""
        from penstock import OpenAICompatible
        stream = OpenAICompatible(base_url={silent.url!r}).create_completion("m", "x", stream=True)
        print(next(stream))
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("one \n", "", 0)


def test_ctrl_c_stops_a_call_that_waits(silent: Upstream) -> None:
    program = f"""
from penstock import OpenAICompatible
try:
    list(OpenAICompatible(base_url={silent.url!r}).create_completion("m", "x", stream=True))
except KeyboardInterrupt:
    print("stopped")
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    connection = silent.asked().result(20)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=10)
    assert said == "stopped\n"
    assert connection.closed.result(5)


def test_synchronous_code_that_asynchronous_code_calls_on_the_bridge_says_why_it_cannot() -> None:
    async def asks_synchronously() -> None:
        list(Builtin.create_completion("echo", "x"))

    from penstock import _sync

    with pytest.raises(RuntimeError, match="create_async"):
        _sync.run(asks_synchronously())
