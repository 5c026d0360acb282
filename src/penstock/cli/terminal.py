"""What may be written to a terminal, and how we speak on stderr."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

_TAB, _LINE_FEED, _DELETE = 0x09, 0x0A, 0x7F

_PICTURES = {
    **{c: chr(0x2400 + c) for c in range(0x20) if c not in (_TAB, _LINE_FEED)},
    **dict.fromkeys(range(0x80, 0xA0), "\N{REPLACEMENT CHARACTER}"),
    ord("\r"): None,
    _DELETE: "\N{SYMBOL FOR DELETE}",
}
"""Control characters as something to see: a model's words must not steer the terminal."""


def visible(text: str) -> str:
    """The text without anything that a terminal obeys, but line feeds and tabs.

    >>> visible("red: \\x1b[31m")
    'red: ␛[31m'
    """
    return text.translate(_PICTURES)


def in_one_line(text: str) -> str:
    """The same of a name, which ends no line either: it may be a service's."""
    return visible(text).replace("\n", "␊").replace("\t", "␉")


def prepare() -> None:
    """Let any character be written, whatever the terminal's encoding, and none be changed; a
    warning of the library's begins as what we say ourselves."""
    import logging  # after the arguments are parsed

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", newline="\n")
    if logging.lastResort is not None:  # a command that keeps a log has another form for it
        logging.lastResort.setFormatter(logging.Formatter("penstock: %(message)s"))


def command() -> str:
    """How to start this program from here: its name, or its path where the name is not found."""
    started = Path(sys.argv[0])
    if started.name != "penstock" or shutil.which("penstock"):
        return "penstock"
    return os.path.relpath(started)


def note(text: str) -> None:
    """A line on stderr."""
    print(visible(text), file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """A line on stderr that says what went wrong."""
    note(f"penstock: {text}")
