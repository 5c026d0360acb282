"""Files of accounts: read where they are named, or where they usually lie. What names one is never
shown, for people put the secret itself there."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import ConfigError

_LONGEST = 1024 * 1024


def read_file(path: str, variable: str) -> str:
    """The text of the file that a variable names. Raises ``ConfigError`` naming the variable."""
    text = read_usual(path)
    if text is None:
        raise ConfigError(f"{variable} names no file that can be read; set it to a path")
    return text


def read_usual(path: str) -> str | None:
    """The text of a file where it usually lies; ``None``: it does not, or is not for us."""
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except (OSError, ValueError, RuntimeError):  # no such file, no such name, no such home
        return None
