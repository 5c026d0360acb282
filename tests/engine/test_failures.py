"""Whose fault it is that a model does not run, and what the message says: real children, some with
an xllamacpp that is broken."""

from __future__ import annotations

import os
import re
import sys
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import tiny_gguf
from engine import children
from penstock import AsyncClient
from penstock.engine import Engine, Model
from penstock.engine import process as engine_process
from penstock.errors import (
    ConfigError,
    InvalidRequest,
    PenstockError,
    Unavailable,
    UnexpectedAnswer,
)
from penstock.providers import local

pytest.importorskip("xllamacpp")
_ANSWER = 3
"""The descriptor of the child's answer: the first that it opens."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings but those of the test, and none of its engines left behind."""
    for name in ("CONTEXT", "SLOTS", "THREADS", "BASE_URL"):
        monkeypatch.delenv(f"PENSTOCK_LOCAL_{name}", raising=False)
    yield
    local._engines.close()
    assert children.of_this_process() == []


Install = Callable[[str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have the child find an xllamacpp of this content, and no other; returns its folder."""
    venv.create(tmp_path / "bare", symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare/bin/python"))
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    packages = tmp_path / "some packages"
    monkeypatch.syspath_prepend(packages)

    def install(content: str) -> Path:
        folder = packages / "xllamacpp"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(content)
        return folder

    return install


@contextmanager
def started(path: Path) -> Iterator[Engine]:
    engine = Engine(Model(path, context=512))
    try:
        yield engine
    finally:
        engine.close()


def failure(path: Path) -> PenstockError:
    """What loading fails with; it never tells where the file or the package are."""
    with started(path) as engine, pytest.raises(PenstockError) as caught:
        engine.load()
    said = str(caught.value)
    assert str(path.parent) not in said
    assert "packages" not in said
    assert len(said) < 500
    assert said.isprintable()
    return caught.value


# A package that is broken

_OTHER_PARAMETERS = """
class Server: pass
class CommonParams: __slots__ = ()
"""
_NUMBERS = """
class Any:
    def __getattr__(self, name): return self.__dict__.setdefault(name, Any())
    def __setattr__(self, name, value):
        if name == "n_ctx": raise OverflowError("value too large to convert to int32_t")
Server = CommonParams = Any
"""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("raise ImportError('no \x1b[2Jlib')", "ImportError: no \ufffd[2Jlib"),
        ("raise OSError(2, 'No such file', __file__)", "[Errno 2] No such file: 'xllamacpp/__in"),
        ("raise OSError('/opt/cuda/lib64/libcuda.so: no ELF')", "OSError: libcuda.so: no ELF"),
        ("def", "SyntaxError: invalid syntax (__init__.py, line 1)"),
        ("raise RuntimeError('wrong processor')", "RuntimeError: wrong processor"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("", "AttributeError: module 'xllamacpp' has no attribute 'Server'"),
        (_OTHER_PARAMETERS, "'CommonParams' object has no attribute 'model'"),
        (_NUMBERS, "OverflowError: value too large"),
    ],
)
def test_a_broken_package_is_a_matter_of_the_installation(
    tiny_model: Path, install: Install, content: str, why: str
) -> None:
    install(content)
    error = failure(tiny_model)
    assert isinstance(error, ConfigError)
    assert str(error).startswith("xllamacpp cannot be used: ")
    assert why in str(error)
    assert "install it anew: `pip install" in str(error)


def test_a_package_that_ends_the_process_is_said_to(tiny_model: Path, install: Install) -> None:
    install("import os; os._exit(0)")
    assert str(failure(tiny_model)) == "tiny.gguf cannot be loaded: llama.cpp ended (code 0)"


# A child that says something else


def saying(what: bytes, then: str = "time.sleep(60)") -> str:
    return f"import os, time\nos.write({_ANSWER}, {what!r})\n{then}\n"


@pytest.mark.parametrize("said", [b"hello", b"[1]", b'{"port": "80"}', b"\xff\x1b[2J", b"{}"])
def test_an_answer_that_is_none_is_told_and_no_kill_of_ours(
    tiny_model: Path, install: Install, said: bytes
) -> None:
    install(saying(said + b"\n"))
    error = failure(tiny_model)
    assert isinstance(error, UnexpectedAnswer)
    shown = said.decode(errors="replace").replace("\x1b", "\ufffd")
    assert f"llama.cpp answered {shown!r}" in str(error)
    assert "SIGKILL" not in str(error)
    assert "try another file" in str(error)


def test_a_child_that_closes_its_answer_and_lives_is_told_so(
    tiny_model: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "_PARTING", 0.01)
    install(saying(b"", f"os.close({_ANSWER}); time.sleep(60)"))
    error = failure(tiny_model)
    assert isinstance(error, UnexpectedAnswer)
    assert "llama.cpp closed its answer where it was to say its port" in str(error)


def test_an_answer_without_an_end_is_read_no_further(tiny_model: Path, install: Install) -> None:
    """The child goes on writing for as long as it is let."""
    install(saying(b"", f"while True: os.write({_ANSWER}, b'x' * 5000)"))
    error = failure(tiny_model)
    assert isinstance(error, UnexpectedAnswer)
    assert "answered 'xxx" in str(error)


def test_an_answer_may_come_in_pieces() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as pipe, os.fdopen(write, "wb", buffering=0) as end:
        end.write(b'{"port"')
        end.write(b": 1}\nmore")
        assert engine_process._first_line(pipe) == b'{"port": 1}'


def test_one_that_is_closed_while_it_loads_was_not_out_of_memory(
    tiny_model: Path, install: Install
) -> None:
    install("import time; time.sleep(60)")
    with started(tiny_model) as engine, ThreadPoolExecutor(1) as pool:
        loading = pool.submit(engine.load)
        engine.close()
        with pytest.raises(Unavailable, match="was closed while it loaded; ask again"):
            loading.result()
        assert engine.ending() == "was closed"


# Paths


def test_of_a_path_in_llama_cpps_words_the_name_is_shown(
    tiny_model: Path, tmp_path: Path, install: Install
) -> None:
    folder = tmp_path / "of my own"
    folder.mkdir()
    path = folder / "tiny.gguf"
    path.write_bytes(tiny_model.read_bytes())
    words = f"0.00.1 E gguf: failed to open '{path}', see /etc/ssl/cert.pem and https://a.b/c/d\n"
    install(f"import os\nos.write(2, {words.encode()!r})\nos._exit(1)")
    error = str(failure(path))
    assert error.endswith("failed to open 'tiny.gguf', see cert.pem and https://a.b/c/d")


def test_a_path_of_any_length_is_hidden_whole(
    tiny_model: Path, tmp_path: Path, install: Install
) -> None:
    folder = tmp_path.joinpath(*("a folder " * 20 for _ in range(5)))
    folder.mkdir(parents=True)
    path = folder / "tiny.gguf"
    path.write_bytes(tiny_model.read_bytes())
    words = f"0.00.1 E gguf: failed to open '{path}'\n"
    install(f"import os\nos.write(2, {words.encode()!r})\nos._exit(1)")
    assert str(failure(path)) == "tiny.gguf cannot be loaded: failed to open 'tiny.gguf'"


# Texts that are too long


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("models") / "emb.gguf", embeds=True)


async def embedded(text: str, path: Path) -> int | None:
    made = await AsyncClient().embed(text, f"local/{path}")
    return made.usage.input if made.usage else None


async def test_a_text_may_be_as_long_as_the_context(
    embedder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", "4096")
    assert await embedded("the " * 1000, embedder) == 4001


@pytest.mark.parametrize("context", ["8", "100", "256"])
async def test_a_small_context_embeds_too(
    embedder: Path, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", context)
    assert await embedded("hello", embedder)


async def test_a_context_of_one_token_is_none_for_a_text(
    embedder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", "1")
    with pytest.raises(InvalidRequest, match="6 tokens"):
        await embedded("hello", embedder)


@pytest.mark.parametrize("context", ["4096", "16384"], ids=["the setting's", "the model's"])
async def test_a_text_that_is_too_long_is_the_callers_fault(
    embedder: Path, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", context)
    with pytest.raises(InvalidRequest, match=r"12001 tokens.*PENSTOCK_LOCAL_CONTEXT") as caught:
        await embedded("the " * 3000, embedder)
    assert not caught.value.retryable
    assert caught.value.http_status == 400
    assert caught.value.provider == "local"
    assert await embedded("hello", embedder)


# Settings that are too large


@pytest.mark.parametrize(
    ("context", "slots", "says"),
    [
        ("10000000", "10000000", "PENSTOCK_LOCAL_CONTEXT times PENSTOCK_LOCAL_SLOTS must be less"),
        ("10000000", "215", "PENSTOCK_LOCAL_CONTEXT times PENSTOCK_LOCAL_SLOTS must be less"),
        ("256", "257", "PENSTOCK_LOCAL_SLOTS must be a number from 1 to 256"),
    ],
)
async def test_settings_that_llama_cpp_cannot_count_are_named(
    tiny_model: Path, context: str, slots: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_CONTEXT", context)
    monkeypatch.setenv("PENSTOCK_LOCAL_SLOTS", slots)
    with pytest.raises(ConfigError, match=re.escape(says)):
        await AsyncClient().chat("Hello", f"local/{tiny_model}")
