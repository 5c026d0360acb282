"""What events look like: bare text or lines of JSON (markdown.py adds Markdown).

A renderer is a context: inside it, ``render`` takes the events as they come; leaving it ends the
output, however the answer ended.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from typing import Self

import msgspec

from penstock.cli.terminal import visible
from penstock.errors import PenstockError
from penstock.events import Event, TextDelta
from penstock.protocols import json


class Renderer(ABC):
    """Writes one answer to stdout."""

    @abstractmethod
    def render(self, event: Event) -> None:
        """Show the next event."""

    @abstractmethod
    def end(self, error: BaseException | None) -> None:
        """Nothing more comes; ``error`` is why, where the answer did not end well."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.end(error)


class PlainText(Renderer):
    """The text as it comes, and a newline at the end where it has none.

    A pipe or a file gets every character; a terminal none of those that would steer it.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._last = "\n"

    def render(self, event: Event) -> None:
        if isinstance(event, TextDelta) and event.text:
            sys.stdout.write(visible(event.text) if self._terminal else event.text)
            sys.stdout.flush()
            self._last = event.text[-1]

    def end(self, error: BaseException | None) -> None:
        if self._last != "\n":
            sys.stdout.write("\n")
            sys.stdout.flush()


class JSONLines(Renderer):
    """Every event, and the error where there is one, as an object with a ``type``."""

    def render(self, event: Event) -> None:
        said = msgspec.structs.asdict(event)
        if not said.get("loss", True):
            del said["loss"]  # worth a word only where something was lost
        _write_line({"type": _snake(event), **said})

    def end(self, error: BaseException | None) -> None:
        if isinstance(error, PenstockError):
            _write_line({"type": "error", "error": _snake(error), "message": error.message})


def _write_line(value: dict[str, object]) -> None:
    sys.stdout.write(json.encode(value).decode() + "\n")
    sys.stdout.flush()


def _snake(value: object) -> str:
    """``TextDelta`` -> text_delta"""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(value).__name__).lower()
