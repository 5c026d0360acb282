"""``penstock chat``: one question and its answer; without a question, a session."""

from __future__ import annotations

import sys
from argparse import Namespace

from penstock.catalog import BUILTIN
from penstock.cli import output, running, terminal
from penstock.cli.answer import carry, report
from penstock.cli.conversation import Conversation
from penstock.errors import InvalidRequest


def run(args: Namespace) -> None:
    """Ask what the arguments and the pipe say. Raises ``PenstockError``."""
    if _is_interactive(args):
        from penstock.cli import session

        session.run(args)
        return
    with running.runner() as runner, output.renderer(args) as renderer:
        question = _question(args.prompt)
        conversation = Conversation(args)
        if not conversation.model:
            runner.run(conversation.catalog.discover())
            if conversation.catalog.default() == BUILTIN:
                terminal.note(conversation.introduce(briefly=True))
        finish = runner.run(carry(conversation, question, renderer))
    report(finish, conversation, args.verbose)


def _is_interactive(args: Namespace) -> bool:
    asked = args.prompt or args.json
    return not asked and _types() and sys.stdout.isatty()


def _types() -> bool:
    """Whether a person sits at stdin; a process may have none."""
    return sys.stdin is not None and sys.stdin.isatty()


def _question(words: list[str]) -> str:
    """The words of the command line, then what is piped in, an empty line between them."""
    parts = [" ".join(words), "" if words and _types() else _piped()]
    question = "\n\n".join(part for part in parts if part.strip())
    if not question:
        raise InvalidRequest("nothing is asked: give a PROMPT, or pipe text in", param="messages")
    return question


def _piped() -> str:
    try:
        return sys.stdin.buffer.read().decode() if sys.stdin is not None else ""
    except UnicodeDecodeError:
        raise InvalidRequest("what is piped in is not UTF-8 text", param="messages") from None
