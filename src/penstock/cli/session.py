"""``penstock chat`` without a question: a conversation, line by line.

Reading a line is synchronous, an answer runs on the event loop: so Ctrl-C while one comes cancels
that answer's task (asyncio.Runner sees to it), which closes the connection to the service, and
nothing else.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress

from penstock.cli import history, line, output, rendering, running
from penstock.cli.answer import carry, report
from penstock.cli.commands import Leave, obey
from penstock.cli.conversation import Conversation
from penstock.cli.terminal import complain, note
from penstock.cli.wording import told
from penstock.errors import PenstockError
from penstock.events import Finish


def run(args: Namespace) -> None:
    """Talk until the person leaves. Raises ``ConfigError`` before anything was said."""
    conversation = Conversation(args)
    with running.runner() as runner, suppress(EOFError, Leave):
        if not conversation.model:
            runner.run(conversation.catalog.discover())
        print(conversation.introduce())
        print("/help lists the commands; Ctrl-D leaves.")
        read = line.reader(history.file())
        while True:
            try:
                _take(read().strip(), conversation, runner, args)
            except KeyboardInterrupt:
                note("Ctrl-D or /exit leaves.")


def _take(said: str, conversation: Conversation, runner: asyncio.Runner, args: Namespace) -> None:
    if said.startswith("/"):
        print(obey(said, conversation, runner))
    elif said:
        _answer(said, conversation, runner, args)


def _answer(
    question: str, conversation: Conversation, runner: asyncio.Runner, args: Namespace
) -> None:
    try:
        with output.renderer(args) as renderer:
            finish = runner.run(_turn(conversation, question, renderer))
    except KeyboardInterrupt:
        note("[stopped]")
    except PenstockError as error:
        complain(told(error))
    else:
        report(finish, conversation, args.verbose)


async def _turn(
    conversation: Conversation, question: str, renderer: rendering.Renderer
) -> Finish | None:
    await asyncio.sleep(0)  # notice first which kept connections were closed while we read
    return await carry(conversation, question, renderer)
