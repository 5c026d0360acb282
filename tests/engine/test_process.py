"""One real child: what it is given, who may ask it, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from engine import children
from penstock.engine import Engine, Model, is_installed
from penstock.engine import process as engine_process
from penstock.errors import (
    ConfigError,
    InvalidRequest,
    MissingExtra,
    PenstockError,
    Unavailable,
)

pytest.importorskip("xllamacpp")
_QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 3}


@contextmanager
def loaded(path: Path) -> Iterator[tuple[Engine, int]]:
    before = children.of_this_process()
    engine = Engine(Model(path, context=512))
    try:
        engine.load()
        (pid,) = set(children.of_this_process()) - {*before}
        yield engine, pid
    finally:
        engine.close()


async def status(engine: Engine, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{engine.url}/chat/completions", json=_QUESTION) as response:
            return response.status


async def test_it_answers_who_has_the_key_and_nobody_else(tiny_model: Path) -> None:
    with loaded(tiny_model) as (engine, _):
        assert await status(engine, engine.key) == 200
        assert await status(engine, "wrong") == 401
        assert engine.url.startswith("http://127.0.0.1:")
        assert engine.key not in repr(engine.__dict__["key"])


async def test_nothing_but_chat_can_be_asked_without_the_key(tiny_model: Path) -> None:
    with loaded(tiny_model) as (engine, _):
        async with aiohttp.ClientSession() as session:
            for path in ("/models", "/../props", "/../slots", "/../metrics", "/../tools"):
                async with session.get(engine.url + path) as response:
                    assert response.status == 401, path


def test_the_child_is_given_nothing_of_ours(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    secret = tmp_path / "secret"
    with secret.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        with loaded(tiny_model) as (engine, pid):
            said = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"sk-of-the-user" not in said
            assert {name.partition(b"=")[0] for name in said.split(b"\0")} <= {b"", b"LC_CTYPE"}
            assert engine.key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
            held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
            assert str(secret) not in held
            assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
            assert os.getsid(pid) == pid
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert "Max core file size        0 " in limits


def test_an_environment_is_empty() -> None:
    assert engine_process._environment() == {}


def test_it_lives_until_it_is_closed(tiny_model: Path) -> None:
    with loaded(tiny_model) as (engine, pid):
        assert engine.is_alive
        engine.close()
        engine.close()
        assert not children.is_running(pid)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, r"was killed \(SIGKILL\), perhaps for want of memory"),
        (signal.SIGTERM, r"was ended from outside \(SIGTERM\)"),
        (signal.SIGSEGV, r"crashed \(SIGSEGV\)"),
        (signal.SIGABRT, r"crashed \(SIGABRT\)"),
    ],
)
def test_it_says_how_it_ended(tiny_model: Path, number: signal.Signals, words: str) -> None:
    with loaded(tiny_model) as (engine, pid):
        os.kill(pid, number)
        assert re.match(words, engine.ending())


def test_a_living_one_has_no_ending(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "_PARTING", 0.01)
    with loaded(tiny_model) as (engine, _):
        assert engine.ending() == ""


def failure(path: Path) -> PenstockError:
    with pytest.raises(PenstockError) as caught, loaded(path):
        pass
    assert children.of_this_process() == []
    assert str(path.parent) not in str(caught.value)
    return caught.value


def test_a_cut_file_is_said_to_be_cut(tiny_model: Path, tmp_path: Path) -> None:
    whole, path = tiny_model.read_bytes(), tmp_path / "cut.gguf"
    path.write_bytes(whole[: len(whole) // 2])
    error = failure(path)
    assert isinstance(error, InvalidRequest)
    assert str(error).startswith("cut.gguf cannot be loaded: error loading model: tensor ")
    assert "model is corrupted or incomplete" in str(error)


@pytest.mark.parametrize("length", [4, 8, 24, 100, 1000])
def test_a_file_with_a_broken_head_cannot_be_loaded(
    tiny_model: Path, tmp_path: Path, length: int
) -> None:
    path = tmp_path / "head.gguf"
    path.write_bytes(tiny_model.read_bytes()[:length])
    error = failure(path)
    assert isinstance(error, InvalidRequest)
    assert str(error).startswith("head.gguf cannot be loaded: ")
    assert len(str(error)) < 250
    assert "\n" not in str(error)


def test_a_child_that_is_killed_while_it_loads_is_no_fault_of_the_file(
    tiny_model: Path,
) -> None:
    engine = Engine(Model(tiny_model))
    (pid,) = children.of_this_process()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match=r"SIGKILL.*try a smaller model") as caught:
        engine.load()
    engine.close()
    assert caught.value.retryable


def test_without_xllamacpp_the_extra_is_named(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtra, match=r"penstock\[local\].*scripts/setup local"):
        Engine(Model(tiny_model))
    assert not is_installed()


@pytest.mark.parametrize(
    "said", [b"", b"x\n", b"{}", b'{"port": 0}', b'{"port": "80"}', b'{"port": 70000}', b"[1]"]
)
def test_an_answer_without_a_port_is_none(said: bytes) -> None:
    assert engine_process._answer(said).port == 0


def test_what_cannot_be_imported_is_a_matter_of_the_installation(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", symlinks=True)  # a Python that finds no other xllamacpp
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare/bin/python"))
    broken = tmp_path / "xllamacpp"
    broken.mkdir()
    (broken / "__init__.py").write_text(r"raise ImportError('no \x1b[2Jlib')")
    monkeypatch.delitem(sys.modules, "xllamacpp")
    monkeypatch.syspath_prepend(tmp_path)
    engine = Engine(Model(tiny_model))
    with pytest.raises(ConfigError, match="cannot be used: ImportError: no \ufffd"):
        engine.load()
    engine.close()


_PARENT = """
import sys, time
from pathlib import Path
from penstock.engine import Engine, Model
engine = Engine(Model(Path(sys.argv[1])))
engine.load()
print(engine._process.pid, flush=True)
{then}
"""


def parent(model: Path, then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PARENT.format(then=then), str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_child_ends_with_its_parent(tiny_model: Path, number: signal.Signals) -> None:
    with parent(tiny_model, "time.sleep(60)") as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert children.is_running(pid)
        process.send_signal(number)
        process.wait(5)
    assert children.gone(pid)


def test_the_child_ends_with_a_parent_that_forgot_it(tiny_model: Path) -> None:
    with parent(tiny_model, "import os; os._exit(0)") as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
    assert children.gone(pid)
