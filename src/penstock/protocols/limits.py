"""Limits that a service's list of models states, where what it states is one."""

from __future__ import annotations


def tokens(*said: object) -> int | None:
    """The first whole number above 0; ``None`` where there is none."""
    return next((number for value in said if (number := _count(value))), None)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value > 0 and value % 1 == 0 else None
