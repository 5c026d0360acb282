"""penstock as a person runs it: in a process of its own, through pipes or at a real terminal.

done = run("chat", "-m", "builtin/echo", "hello")
with Terminal("chat") as terminal:
    terminal.expect("> ")
    terminal.type("hello\r")
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from served import clean_environment

WITHIN = 10.0
"""Seconds until a test gives up; far less is the rule."""

EXTRAS = ("rich", "prompt_toolkit", "uvloop")

_BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""

# Makes the pty the controlling terminal, so that Ctrl-C becomes a signal, then becomes penstock.
_ATTACH = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "penstock", *sys.argv[1:]])
"""

COMMAND = [sys.executable, "-m", "penstock"]


def environment(folder: Path, without: tuple[str, ...] = (), **more: str) -> dict[str, str]:
    """Variables under which nothing is configured, and the packages ``without`` are missing."""
    (folder / "sitecustomize.py").write_text(_BLOCKER.format(blocked=set(without)))
    package = os.environ.get("PYTHONPATH", "")
    paths = [str(folder), *(str(Path(path).resolve()) for path in package.split(":") if path)]
    return {
        **clean_environment(),
        "HOME": str(folder),
        "PYTHONPATH": ":".join(paths),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "TERM": "xterm",
        "PYTHONWARNINGS": "error",
        "PYTHONUNBUFFERED": "",
        **more,
    }


def run(
    *args: str, stdin: bytes = b"", without: tuple[str, ...] = (), **more: str
) -> subprocess.CompletedProcess[bytes]:
    """What a command writes, and how it ends."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [*COMMAND, *args],
            input=stdin,
            capture_output=True,
            timeout=WITHIN,
            cwd=folder,
            env=environment(Path(folder), without, **more),
        )


class Started:
    """A command under way, its output behind pipes."""

    def __init__(self, *args: str, without: tuple[str, ...] = (), **more: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self.process = subprocess.Popen(
            [*COMMAND, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(folder, without, **more),
        )
        self._seen = b""

    def expect(self, text: bytes) -> bytes:
        """What stdout says until ``text``, which must come soon."""
        assert self.process.stdout is not None
        self._seen, before = _read_until(self.process.stdout.fileno(), text, self._seen)
        return before

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Ctrl-C until it ends. A signal between Python's last look and the system call that
        waits is not lost, but slept over (python/cpython#112585): then a second one wakes it."""
        for _ in range(int(WITHIN / _PATIENCE)):
            self.signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_PATIENCE)
                return

    def end(self) -> tuple[int, bytes, bytes]:
        """The exit code, and what was left to read on stdout and stderr."""
        out, err = self.process.communicate(timeout=WITHIN)
        return self.process.returncode, self._seen + out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self._folder.cleanup()


class Terminal:
    """A command at a terminal of 24 lines and 80 columns."""

    def __init__(
        self, *args: str, folder: Path, without: tuple[str, ...] = (), **more: str
    ) -> None:
        self._screen, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ATTACH, *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=folder,
            env=environment(folder, without, **more),
        )
        os.close(theirs)
        self._seen = b""

    def expect(self, text: str) -> str:
        """What is shown until ``text``, which must come soon; colours and cursor left out."""
        self._seen, before = _read_until(self._screen, text.encode(), self._seen, _SEQUENCE)
        return before.decode()

    def prompt(self) -> str:
        """What is shown until the next prompt."""
        return self.expect("\n> ")

    def interrupt(self, until: str) -> str:
        """Ctrl-C until that is shown; again only where one was slept over, as in ``Started``."""
        for _ in range(int(WITHIN / _PATIENCE)):
            self.type("\x03")
            ready, _, _ = select.select([self._screen], [], [], _PATIENCE)
            if ready:
                break
        return self.expect(until)

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def ask(self, line: str) -> str:
        """What is shown from typing the line to the next prompt."""
        self.type(f"{line}\r")
        return self.prompt()

    def end(self) -> tuple[int, str]:
        """The exit code, and all that was shown last, colours and cursor too."""
        rest, self._seen = self._seen, b""
        try:
            while data := _read(self._screen, time.monotonic() + WITHIN):
                rest += data
        except OSError:  # Linux says so when the other side of a pty is closed
            pass
        return self.process.wait(WITHIN), rest.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


_PATIENCE = 2.0
_NOTHING = re.compile(rb"(?!)")
_STEP_RIGHT = b"\x08\x1b[2C"
"""How prompt_toolkit writes a blank."""
_SEQUENCE = re.compile(rb"\x08?\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>])")


def _shown(sequence: re.Match[bytes]) -> bytes:
    return b" " if sequence[0] == _STEP_RIGHT else b""


def _read_until(
    source: int, text: bytes, seen: bytes, left_out: re.Pattern[bytes] = _NOTHING
) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + WITHIN
    while text not in seen:
        try:
            data = _read(source, deadline)
        except OSError:
            data = b""
        assert data, f"no {text!r} in {seen!r}"
        seen = left_out.sub(_shown, seen + data)
    before, _, after = seen.partition(text)
    return after, before


def _read(source: int, deadline: float) -> bytes:
    """What there is, nothing at the end or past the deadline."""
    ready, _, _ = select.select([source], [], [], max(0, deadline - time.monotonic()))
    return os.read(source, 2**16) if ready else b""
