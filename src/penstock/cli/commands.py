"""The session's own commands: what begins with a slash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from penstock.cli.conversation import Conversation
from penstock.cli.wording import told
from penstock.errors import PenstockError

HELP = """\
/model NAME   ask another model; without NAME: say which one answers
/system TEXT  set the system message; without TEXT: none
/new          forget what was said
/help         this list
/exit         leave, as Ctrl-D does
Ctrl-C stops an answer. Anything else is a question."""


class Leave(Exception):
    """The person is done."""


def obey(line: str, conversation: Conversation, runner: asyncio.Runner) -> str:
    """Do what the line says, and give the words to answer with. Raises ``Leave``."""
    name, _, argument = line.partition(" ")
    command = _COMMANDS.get(name)
    if command is None:
        return f"no command {name}; /help lists them"
    return command(conversation, argument.strip(), runner)


def _choose_model(conversation: Conversation, name: str, runner: asyncio.Runner) -> str:
    if name:
        try:
            runner.run(conversation.choose(name))
        except PenstockError as error:
            return f"penstock: {told(error)}"
    return conversation.introduce(briefly=True)


def _set_system(conversation: Conversation, text: str, runner: asyncio.Runner) -> str:
    conversation.system = text
    return "the system message is set" if text else "there is no system message"


def _forget(conversation: Conversation, _: str, runner: asyncio.Runner) -> str:
    conversation.turns.clear()
    return "forgotten; a new conversation begins"


def _help(conversation: Conversation, _: str, runner: asyncio.Runner) -> str:
    return HELP


def _leave(conversation: Conversation, _: str, runner: asyncio.Runner) -> str:
    raise Leave


_Command: TypeAlias = Callable[[Conversation, str, asyncio.Runner], str]

_COMMANDS: Mapping[str, _Command] = {
    "/model": _choose_model,
    "/system": _set_system,
    "/new": _forget,
    "/help": _help,
    "/exit": _leave,
}
