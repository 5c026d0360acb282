"""Errors as a person at a terminal is told of them: the library tells them to programs."""

from __future__ import annotations

import re

from penstock.cli.terminal import command
from penstock.errors import PenstockError, RateLimited, Unauthorized, UnknownModel
from penstock.settings import variable


def told(error: PenstockError) -> str:
    """What went wrong and the next step, without the words of Python."""
    name = error.provider or error.message.partition(" ")[0]
    address = variable(name, "base_url")
    text = re.sub(r",? or pass api_key=", "", error.message)
    text = text.replace("`penstock ", f"`{command()} ")
    text = text.replace("or pass base_url=", f"or {address}")
    text = re.sub(r"a base_url (that begins .*)", rf"an address \1: set {address}", text)
    return text if error.status is None else _of_a_service(error, text)


def _of_a_service(error: PenstockError, text: str) -> str:
    """A service's own words, with whose they are and what to do."""
    name = error.provider or ""
    whose = f"{name}: " if name and name not in text else ""
    return f"{whose}{text}{_step(error, name)}"


def _step(error: PenstockError, name: str) -> str:
    match error:
        case UnknownModel() if name:
            return f"; `{command()} models {name}` lists its models"
        case Unauthorized() if name:
            return f"; check the key, `{command()} providers {name}` says which"
        case RateLimited() if error.retry_after is not None:
            return f"; try again in {error.retry_after:.0f} s"
        case _:
            return ""
