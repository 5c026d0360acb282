"""The program in the child, run by itself, with an engine that we write for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.engine import child

_ENGINE = """
import os
class Any:
    def __getattr__(self, name): return self.__dict__.setdefault(name, Any())
CommonParams = Any
class Server:
    listening_address = "http://127.0.0.1:4321"
    def __init__(self, parameters):
        {loading}
"""


@contextmanager
def started(folder: Path, engine: str) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "xllamacpp.py").write_text(engine)
    told = {
        "path": "m.gguf",
        "name": "m",
        "key": "k",
        "packages": str(folder),
        "context": 8,
        "slots": 2,
        "threads": 1,
        "batch": 8,
        "embeds": False,
        "cache": 0,
    }
    with subprocess.Popen(
        [sys.executable, "-I", "-S", child.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def end_stdin(process: subprocess.Popen[bytes]) -> int:
    assert process.stdin is not None
    process.stdin.close()
    return process.wait(5)


def test_it_answers_with_its_port_and_ends_with_its_stdin(tmp_path: Path) -> None:
    with started(tmp_path, _ENGINE.format(loading="pass")) as process:
        assert json.loads(answer(process)) == {"port": 4321}
        assert process.poll() is None
        end_stdin(process)


def test_what_an_engine_prints_is_no_answer(tmp_path: Path) -> None:
    loading = r"os.write(1, b'{\"port\": 1}\n'); print('hello', flush=True)"
    with started(tmp_path, _ENGINE.format(loading=loading)) as process:
        assert json.loads(answer(process)) == {"port": 4321}
        assert process.stderr is not None
        assert process.stderr.readline() == b'{"port": 1}\n'


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends once it is loaded")
def test_it_ends_with_its_stdin_while_it_loads_and_no_python_runs(tmp_path: Path) -> None:
    loading = "os.write(2, b'now\\n'); sum(range(10**12))"
    with started(tmp_path, _ENGINE.format(loading=loading)) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"now\n"
        assert end_stdin(process) == -signal.SIGIO


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("raise ImportError('no libcuda.so.1')", "ImportError: no libcuda.so.1"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("CommonParams = None", "AttributeError: module 'xllamacpp' has no attribute 'Server'"),
        ("raise OSError('x' * 10**6)", "OSError: " + "x" * 1991),
    ],
)
def test_an_engine_that_cannot_be_used_is_told(tmp_path: Path, engine: str, why: str) -> None:
    with started(tmp_path, engine) as process:
        assert json.loads(answer(process)) == {"unusable": why}
        assert process.wait(5) == 0


def test_a_model_that_cannot_be_loaded_is_no_answer(tmp_path: Path) -> None:
    loading = "os.write(2, b'why\\n'); raise RuntimeError('failed')"
    with started(tmp_path, _ENGINE.format(loading=loading)) as process:
        assert answer(process) == b""
        assert process.wait(5) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b"why\n"


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    loading = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)"
    with started(tmp_path, _ENGINE.format(loading=loading)) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"(0, 0)\n"
