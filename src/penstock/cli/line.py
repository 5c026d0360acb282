"""Reading a line with its history under the arrow keys: prompt_toolkit, else readline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from penstock.cli import history

PROMPT = "> "

ReadLine: TypeAlias = Callable[[], str]
"""One line. Raises ``EOFError`` (Ctrl-D) and ``KeyboardInterrupt`` (Ctrl-C)."""


def reader(path: Path) -> ReadLine:
    """The best there is; ``path`` holds the history."""
    try:
        return _prompt_toolkit(path)
    except ModuleNotFoundError:  # it comes with the extra
        return _readline(path)


def _prompt_toolkit(path: Path) -> ReadLine:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

    class FileHistory(History):
        def load_history_strings(self) -> Iterable[str]:
            return reversed(history.entries(path))

        def store_string(self, string: str) -> None:
            history.add(path, string)

    session: PromptSession[str] = PromptSession(history=FileHistory())
    return lambda: session.prompt(PROMPT)


def _readline(path: Path) -> ReadLine:
    try:
        import readline
    except ModuleNotFoundError:  # Windows: the console has a history of its own
        return lambda: input(PROMPT)
    readline.clear_history()
    for entry in history.entries(path):
        readline.add_history(entry)

    def read() -> str:
        try:
            line = input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()  # the cursor still stands behind the prompt
            raise
        history.add(path, line)
        return line

    return read
