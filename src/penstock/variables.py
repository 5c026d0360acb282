"""Variables of the environment in a provider's declaration: ``A|B`` and ``https://{HOST}/v1``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from penstock.errors import ConfigError

_HOLE = re.compile(r"\{([A-Z0-9_|]+)(?::([^{}]*))?\}")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What may stand within an address: a name or a number, nothing that leads elsewhere."""


def names(said: str) -> list[str]:
    """``A|B`` as a list."""
    return said.split("|") if said else []


def first(said: str) -> str:
    """The value of the first variable of ``A|B`` that is set; empty where none is."""
    return next((value for name in names(said) if (value := os.environ.get(name, ""))), "")


def fill(template: str) -> str:
    """An address whose ``{A|B}`` and ``{A|B:default}`` are filled from the environment; empty where
    one is missing.

    A hole at the start takes a whole address (``https://`` is put before a bare host), any other a
    name or a number. Raises ``ConfigError`` for a value that is something else.
    """
    if any(missing(template)):
        return ""
    return _HOLE.sub(_value, template)


def missing(template: str) -> Iterator[str]:
    """The variables, as ``A|B``, that an address lacks."""
    for hole in _HOLE.finditer(template):
        if hole[2] is None and not first(hole[1]):
            yield hole[1]


def covers(template: str, url: str) -> bool:
    """Whether ``url`` is such an address, whatever names its holes have; never by a hole at the
    start, which would be any address."""
    holes = [hole.span() for hole in _HOLE.finditer(template)]
    if not holes or holes[0][0] == 0:
        return bool(url) and url == fill(template)
    ends = [0, *(end for _, end in holes)]
    starts = [*(start for start, _ in holes), len(template)]
    pieces = (re.escape(template[end:start]) for end, start in zip(ends, starts, strict=True))
    return re.fullmatch(_NAME.join(pieces), url) is not None


def _value(hole: re.Match[str]) -> str:
    value = first(hole[1]) or hole[2] or ""
    if hole.start() == 0:
        address = value.strip().rstrip("/")
        return address if "://" in address else f"https://{address}"
    if not re.fullmatch(_NAME, value):
        raise ConfigError(f"{hole[1].replace('|', ' or ')} must be a name: letters, digits, . _ -")
    return value
