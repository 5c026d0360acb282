"""Lists of models, in whatever form a service has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from penstock.errors import UnexpectedAnswer
from penstock.protocols import json

T = TypeVar("T")


def read_list(body: bytes, form: type[T]) -> T:
    """A list of models in that form. Raises ``UnexpectedAnswer`` if it is none."""
    with reading():
        return msgspec.json.decode(body, type=form)


@contextmanager
def reading() -> Iterator[None]:
    """Whatever reading a list raises within the block is an ``UnexpectedAnswer``."""
    try:
        yield
    except (*json.UNREADABLE, KeyError, TypeError):
        raise UnexpectedAnswer("the service's model list is not one; check base_url") from None
