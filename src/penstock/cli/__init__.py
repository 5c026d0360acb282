"""The command line: ``penstock chat``, ``serve``, ``providers``, ``models``, ``status``, ``pull``,
``faults``.

arguments.py   the options of every command
chat.py        one question, one answer; conversation.py asks, answer.py carries it to the screen
session.py     the interactive session; commands.py, line.py and history.py are its parts
rendering.py   what events look like: text or JSON lines; markdown.py with rich; output.py chooses
serve.py       the gateway; hello.py asks it one question
providers.py   providers; about.py what one is, route.py what a route is
models.py      models, their limits and prices
pull.py        a model from a hub; bar.py shows how far it is, table.py and sizes.py what there is
status.py      what is working, as measured
faults.py      a service that fails on purpose
running.py     the event loop; terminal.py what may be written to a terminal; wording.py how errors
               are told there; default.py which model answers when none is named, and why

Nothing that takes time to import is imported before the arguments are parsed.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from penstock.cli import arguments, terminal
from penstock.errors import CallerError, PenstockError

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all is well; the service or the writing failed; the question or a setting is wrong;
Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. ``argv``: the arguments, else the process's own."""
    args = arguments.parse(argv)
    terminal.prepare()
    try:
        _run(args)
    except PenstockError as error:
        from penstock.cli.wording import told

        terminal.complain(told(error))
        return WRONG if isinstance(error, CallerError) else FAILED
    except KeyboardInterrupt:
        terminal.complain("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
    except OSError as error:
        _discard_output()
        terminal.complain(_refused(error))
        return FAILED
    return OK


def _run(args: Namespace) -> None:
    match args.command:
        case "chat":
            from penstock.cli import chat
            from penstock.health import file

            with file.kept():
                chat.run(args)
        case "serve":
            from penstock.cli import serve

            serve.run(args)
        case "pull":
            from penstock.cli import pull

            pull.run(args)
        case "models":
            from penstock.cli import models

            models.run(args)
        case "status":
            from penstock.cli import status

            status.run(args)
        case "faults":
            from penstock.cli import faults

            faults.run(args)
        case _:
            from penstock.cli import providers

            providers.run(args)
    sys.stdout.flush()


def _refused(error: OSError) -> str:
    """What the system did not let us do; without a file's name it is the writing."""
    why = (error.strerror or "it failed").lower()
    return f"{error.filename}: {why}" if error.filename else f"the answer cannot be written: {why}"


def _discard_output() -> None:
    """The reader has left (``| head -1``), or the disk is full: what is still buffered must not be
    complained about again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
