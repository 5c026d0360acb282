"""Errors as a person at a terminal is told of them: the library tells them to programs."""

from __future__ import annotations

import re

from penstock.errors import PenstockError
from penstock.settings import variable


def told(error: PenstockError) -> str:
    """What went wrong and the next step, without the words of Python."""
    name = error.provider or error.message.partition(" ")[0]
    address = variable(name, "base_url")
    text = re.sub(r",? or pass api_key=", "", error.message)
    text = text.replace("or pass base_url=", f"or {address}")
    return re.sub(r"a base_url (that begins .*)", rf"an address \1: set {address}", text)
