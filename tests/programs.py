"""Real programs for tests: found on PATH, started on a free port, ended by their process id.

A program that is missing skips the test, loudly, and fails it where ``CI=true``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def find(*names: str) -> str:
    """The path of the first of these programs that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    missing = f"not installed: {' or '.join(names)}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """The program, from when it listens on ``port``; ended with the block."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            _wait_until_it_listens(program, port)
            yield
        finally:
            program.terminate()
            try:
                program.wait(5)
            except subprocess.TimeoutExpired:
                program.kill()


def _wait_until_it_listens(program: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while program.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"{program.args!r} does not listen on {port}")


@contextmanager
def tinyproxy(folder: Path, user: str, password: str) -> Iterator[str]:
    """An HTTP proxy with Basic authentication, as ``host:port``; its log is in ``folder``."""
    program, port = find("tinyproxy"), free_port()
    config = folder / "tinyproxy.conf"
    config.write_text(
        f"Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth {user} {password}\n"
        f'LogLevel Connect\nLogFile "{folder / "tinyproxy.log"}"\n'
    )
    with running([program, "-d", "-c", str(config)], port):
        yield f"127.0.0.1:{port}"


@contextmanager
def microsocks(user: str, password: str) -> Iterator[str]:
    """A SOCKS5 proxy with user and password, as ``host:port``."""
    program, port = find("microsocks"), free_port()
    options = ["-i", "127.0.0.1", "-p", str(port), "-u", user, "-P", password]
    with running([program, *options], port):
        yield f"127.0.0.1:{port}"


QUIET = "import logging; logging.getLogger('asyncio').setLevel('ERROR')\n"
"""A slow machine is no error, though asyncio's debug mode warns of it."""


def run_script(code: str, *arguments: str, **environment: str) -> str:
    """What a fresh interpreter prints, with warnings as errors; it must have nothing to say on
    stderr."""
    options = ["-W", "error", "-X", "dev", "-c", QUIET + textwrap.dedent(code)]
    done = subprocess.run(
        [sys.executable, *options, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout
