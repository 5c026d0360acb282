"""One child process: started with nothing, asked over loopback with a key, ended at once."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated

import msgspec

from penstock.engine import child
from penstock.engine.installed import INSTALL
from penstock.engine.model import Model
from penstock.errors import (
    ConfigError,
    InvalidRequest,
    MissingExtra,
    PenstockError,
    Unavailable,
    UnexpectedAnswer,
)
from penstock.types import Secret

_BATCH = 128
"""Tokens of a question that are read in one go. Between two of them llama.cpp looks whether the
asker is still there, and lets others have their turn; larger ones were no faster on a processor."""
_CACHE = 512
"""MiB of memory for what earlier conversations have computed, so that they go on faster."""
_OF_MEMORY = re.compile(r"alloc|memory", re.IGNORECASE)
_SHOWN = 200
_LINES = 50
_LINE = 2**13
"""Bytes of a line that are looked at together: the longest path, and words around it."""
_ANSWER = 2**16
"""Bytes of an answer, at most: it is one short line."""
_HEAD = re.compile(r"^[\d.]+ E +")
_ORIGIN = re.compile(r"^(?:\w+ +)?\w+: ")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FOLDERS = re.compile(r"(?<![\w./])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":]+[/\\])+")
_KEPT = ("SYSTEMROOT",) if sys.platform == "win32" else ()
"""All that a child sees of our environment: without it, Windows opens no socket."""
_PARTING = 1.0
"""Seconds in which a process that has closed its sockets is gone altogether."""


class Engine:
    """A child process for one model. Once it is loaded it listens at ``url`` (OpenAI chat, below
    ``/v1``) to whoever has ``key``."""

    def __init__(self, model: Model) -> None:
        """Start the process. Raises ``MissingExtra`` without xllamacpp, what ``Model.check``
        raises, and ``Unavailable`` where the system starts no process."""
        self.name = model.name
        self.key = Secret(secrets.token_urlsafe(32))
        self.url = ""
        packages = _packages()
        self._told = _told(model, self.key, packages)
        self._folders = (f"{model.path.parent}{os.sep}", f"{packages}{os.sep}")
        self._is_closed = False
        self._process = _spawn()
        self._words = LastWords(_pipe(self._process.stderr))

    def load(self) -> None:
        """Wait until the model is loaded. Raises ``InvalidRequest`` where it cannot be,
        ``ConfigError`` where xllamacpp is broken, ``Unavailable`` where the process was killed, for
        want of memory perhaps, and ``UnexpectedAnswer`` where it says something else."""
        said = self._ask()
        answer = _answer(said)
        if answer.unusable:
            why = self._readable(answer.unusable)
            raise ConfigError(f"xllamacpp cannot be used: {why}; install it anew: {INSTALL}")
        if not answer.port:
            raise self._unexpected(said) if said else self._failure()
        self.url = f"http://127.0.0.1:{answer.port}/v1"

    def _ask(self) -> bytes:
        """The child's answer to what it is to load; none where it ends or is closed before."""
        stdin, stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)
        with suppress(OSError, ValueError):
            stdin.write(self._told)
        with suppress(OSError, ValueError):
            return _first_line(stdout)
        return b""

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ending(self) -> str:
        """How the process ended, in words; empty if it lives. Waits for a moment, since its
        connections break before it is gone."""
        code = self._code()
        if code is None:
            return ""
        return "was closed" if self._is_closed else _in_words(code, self._cause())

    def _code(self) -> int | None:
        try:
            return self._process.wait(_PARTING)
        except subprocess.TimeoutExpired:
            return None

    def _cause(self) -> str:
        return self._readable(self._words.cause())

    def _failure(self) -> PenstockError:
        """Why it ended, or closed its stdout, before it listened."""
        code = self._code()
        if code is None:
            return self._unexpected(b"")
        if self._is_closed:
            return Unavailable(f"{self.name} was closed while it loaded; ask again")
        cause = self._cause()
        if code < 0 or _OF_MEMORY.search(cause):
            return Unavailable(
                f"{self.name} could not be loaded: llama.cpp {_in_words(code, cause)}; "
                "try a smaller model or a smaller context"
            )
        why = cause or f"llama.cpp {_in_words(code, cause)}"
        return InvalidRequest(f"{self.name} cannot be loaded: {why}", param="model")

    def _unexpected(self, said: bytes) -> UnexpectedAnswer:
        what = self._readable(said.decode(errors="replace").strip())
        did = f"answered {what!r}" if said else "closed its answer"
        return UnexpectedAnswer(
            f"{self.name} could not be loaded: llama.cpp {did} where it was to say its port; "
            f"try another file, or install xllamacpp anew: {INSTALL}"
        )

    def _readable(self, text: str) -> str:
        """Shortened, without what a terminal would obey, and of paths the last part alone."""
        for folder in self._folders:
            text = text.replace(folder, "")
        return _UNPRINTABLE.sub("\ufffd", _FOLDERS.sub("", text))[:_SHOWN]

    def close(self) -> None:
        """End the process at once; it has nothing to save."""
        self._is_closed = self._is_closed or self.is_alive
        self._process.kill()
        self._process.wait()
        self._let_go()

    def disown(self) -> None:
        """In a forked process, whose child it is not: hold no end of its pipes."""
        self._process.returncode = 0
        self._let_go()

    def _let_go(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _pipe(pipe).close()


class LastWords(threading.Thread):
    """Reads a child's stderr, so that it never waits for a reader, and keeps the last lines."""

    def __init__(self, stderr: IO[bytes]) -> None:
        super().__init__(name="penstock-engine-stderr", daemon=True)
        self._stderr = stderr
        self._lines: deque[str] = deque(maxlen=_LINES)
        self.start()

    def run(self) -> None:
        with self._stderr as lines:
            for line in iter(lambda: lines.readline(_LINE), b""):
                self._lines.append(line.decode(errors="replace"))

    def cause(self) -> str:
        """llama.cpp's first error, of which the others are consequences, or the last line that
        anybody wrote."""
        self.join(_PARTING)
        lines = [*self._lines]
        errors = [line for line in lines if _HEAD.match(line)]
        line = (errors[:1] or lines[-1:] or [""])[0]
        return _ORIGIN.sub("", _HEAD.sub("", line.strip()))


def _packages() -> str:
    """The folder that xllamacpp is in: the child looks nowhere else beyond Python's own."""
    found = find_spec("xllamacpp")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(f"running a model file needs xllamacpp: {INSTALL}")
    return str(Path(found.submodule_search_locations[0]).parent)


def _spawn() -> subprocess.Popen[bytes]:
    try:
        # A session of its own: Ctrl-C in the terminal is for us, who then close the connection.
        return subprocess.Popen(  # noqa: S603 - our own file, in the running interpreter
            [sys.executable, "-I", str(Path(child.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=os.sep,
            env=_environment(),
            start_new_session=True,
            bufsize=0,  # no locks, which a forked process would find taken
        )
    except OSError as error:
        raise Unavailable(f"the system starts no process: {error.strerror}") from None


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("it was started with pipes")
    return pipe


def _first_line(pipe: IO[bytes]) -> bytes:
    """As much of it as an answer may have. Without a buffer, ``readline`` would ask for every
    byte."""
    said = b""
    while b"\n" not in said and (more := pipe.read(_ANSWER - len(said))):
        said += more
    return said.partition(b"\n")[0]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _told(model: Model, key: Secret, packages: str) -> bytes:
    model.check()
    told = {
        "path": str(model.path),
        "name": model.name,
        "key": key,
        "packages": packages,
        "context": model.context,
        "slots": model.slots,
        "threads": model.computing_threads(),
        # Many models that embed have to read a text in one go.
        "batch": max(model.context, _BATCH) if model.embeds else _BATCH,
        "embeds": model.embeds,
        "cache": _CACHE,
    }
    return json.dumps(told).encode() + b"\n"


class _Answer(msgspec.Struct):
    """What the child says. Only a number is believed of where it listens: where prompts go is not
    for a process to say that has just read a stranger's file."""

    port: Annotated[int, msgspec.Meta(gt=0, lt=2**16)] = 0
    unusable: str = ""


def _answer(said: bytes) -> _Answer:
    try:
        return msgspec.json.decode(said, type=_Answer)
    except msgspec.DecodeError:
        return _Answer()


def _in_words(code: int, cause: str) -> str:
    name = _signal(-code) if code < 0 else ""
    if name == "SIGKILL":
        return "was killed (SIGKILL), perhaps for want of memory"
    if name == "SIGTERM":
        return "was ended from outside (SIGTERM)"
    how = f"crashed ({name})" if name else f"ended (code {code})"
    return f"{how}: {cause}" if cause else how


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have none
        return f"signal {number}"
