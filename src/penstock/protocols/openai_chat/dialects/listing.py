"""Lists of models in a service's own form, or at an address of its own."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from penstock.errors import UnexpectedAnswer
from penstock.protocols import json

T = TypeVar("T")


def read_list(body: bytes, form: type[T]) -> T:
    """A list of models in that form. Raises ``UnexpectedAnswer`` if it is none."""
    try:
        return msgspec.json.decode(body, type=form)
    except json.UNREADABLE:
        raise UnexpectedAnswer("the service's model list is not one; check base_url") from None
