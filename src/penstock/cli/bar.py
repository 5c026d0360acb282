"""How far a pull is, on stderr: one line drawn again and again on a terminal, else a line at every
tenth."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable

from penstock.cli.sizes import size_of
from penstock.cli.terminal import note, visible
from penstock.hub.progress import Checking, Loading, Step, Waiting

_EVERY = 0.1
_MEMORY = 10.0
_WIDTH = 20
_TENTHS = 10


class Bar:
    """What is told of one pull, shown. ``clock``: seconds, for the speed of the last ten."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.has_loaded = False
        self._name = name
        self._clock = clock
        self._is_drawn = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._last: tuple[str, float, int] = ("", -_EVERY, -1)
        self._seen: deque[tuple[float, int]] = deque()

    def show(self, step: Step) -> None:
        """The next step of the pull."""
        match step:
            case Waiting(why, seconds):  # what its advice says is done here
                self.end()
                note(f"penstock: {why.partition(';')[0]}; again in {seconds:g} s")
                self._seen.clear()
            case Checking(done, size):
                self._show("checking", done, size, "")
            case Loading(done, size):
                self.has_loaded = True
                self._note_speed(done)
                self._show("pulling", done, size, self._pace(size - done))

    def end(self) -> None:
        """Leave the line that was drawn; what follows begins on one of its own."""
        if self._is_drawn and self._last[0]:
            print(file=sys.stderr, flush=True)
        self._last = ("", -_EVERY, self._last[2])

    def _show(self, doing: str, done: int, size: int, pace: str) -> None:
        now, tenth = self._clock(), done * _TENTHS // size
        before, when, shown = self._last
        if self._is_drawn:
            if doing == before and now - when < _EVERY and done < size:
                return
            self._draw(doing, done, size, pace)
        elif doing == before and tenth <= shown:
            return
        else:
            note(f"{doing} {self._name}: {_share(done, size)}{pace}")
        self._last = (doing, now, tenth)

    def _draw(self, doing: str, done: int, size: int, pace: str) -> None:
        full = done * _WIDTH // size
        bar = "█" * full + "░" * (_WIDTH - full)
        state = f"  {bar}  {_share(done, size)}{pace}"
        room = shutil.get_terminal_size().columns - 1 - len("^C")  # which the terminal adds
        line = f"{doing} {_short(visible(self._name), room - len(doing) - 1 - len(state))}{state}"
        print(f"\r{line[:room]}\x1b[K", end="", file=sys.stderr, flush=True)

    def _note_speed(self, done: int) -> None:
        now = self._clock()
        if self._seen and done < self._seen[-1][1]:  # it began anew
            self._seen.clear()
        self._seen.append((now, done))
        while self._seen[0][0] < now - _MEMORY:
            self._seen.popleft()

    def _pace(self, missing: int) -> str:
        """The speed and the time left, once there is something to tell them by."""
        (begun, before), (now, done) = self._seen[0], self._seen[-1]
        if now - begun < 1 or done <= before or not missing:
            return ""
        speed = (done - before) / (now - begun)
        return f", {speed / 1e6:.1f} MB/s, {_clock_time(missing / speed)} left"


def _short(name: str, room: int) -> str:
    """The end of a name that is too long, where one differs from another."""
    return name if len(name) <= room else f"…{name[len(name) - max(room - 1, 0) :]}"


def _share(done: int, size: int) -> str:
    return f"{done * 100 // size} % of {size_of(size)}"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
