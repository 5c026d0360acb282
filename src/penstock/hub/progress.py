"""What is told while a model is being pulled: sizes are in bytes, of the whole file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct


class Checking(Struct, frozen=True):
    """What is there already is being read, ``done`` of it so far."""

    done: int
    size: int


class Loading(Struct, frozen=True):
    """``done`` bytes are on the disk."""

    done: int
    size: int


class Waiting(Struct, frozen=True):
    """A connection failed because of ``why``; the next begins in ``seconds``."""

    why: str
    seconds: float


Step: TypeAlias = Checking | Loading | Waiting
Report: TypeAlias = Callable[[Step], None]


def say_nothing(step: Step) -> None:
    """A report that nobody reads."""
