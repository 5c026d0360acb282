"""Variables of the environment in a provider's declaration: ``A|B`` and ``https://{HOST}/v1``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from penstock.errors import ConfigError
from penstock.transport import is_loopback

_PLAIN = re.compile(r"[!-~]+").fullmatch
_HOLE = re.compile(r"\{([A-Z0-9_|]+)(?::([^{}]*))?\}")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What may stand within an address: a name or a number, nothing that leads elsewhere."""


def names(said: str) -> list[str]:
    """``A|B`` as a list."""
    return said.split("|") if said else []


def value(name: str) -> str:
    """What a variable says, without the space around it; empty where that is nothing."""
    return os.environ.get(name, "").strip()


def which(said: str) -> str:
    """The first variable of ``A|B`` that says something; empty where none does."""
    return next((name for name in names(said) if value(name)), "")


def first(said: str) -> str:
    """The value of the first variable of ``A|B`` that says something; empty where none does."""
    return value(which(said))


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
    value = (first(hole[1]) or hole[2] or "").strip()
    named = hole[1].replace("|", " or ")
    if hole.start() == 0:
        return _address(value, named)
    if not re.fullmatch(_NAME, value):
        raise ConfigError(f"{named} must be a name: letters, digits, . _ -")
    return value


def _address(value: str, named: str) -> str:
    """A whole address, without what belongs behind its path; https, or http on this machine."""
    url = value.rstrip("/") if "://" in value else f"https://{value.rstrip('/')}"
    try:
        parts = urlsplit(url)
        is_one = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    is_safe = is_one and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))
    if not is_safe or parts.query or parts.fragment or "@" in parts.netloc or not _PLAIN(url):
        raise ConfigError(f"{named} must be an address, as https://host.example and no more")
    return url
