"""By what names a model is asked for: plain ones, and patterns for those with a date or a place.

gpt-5-mini      this name
claude-opus-4*  a name that begins so; a ``*`` in front: that ends so; both: that has it in it
^grok-4-\\d{8}$  a name in which this regular expression is found
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

_COMPACT = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
_PATH = re.compile(r"^(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/)?models/|^google/")


def fit(model: str, id: str, patterns: Iterable[str]) -> bool:
    """Whether a model, in small letters, is the one with that ``id`` and those names."""
    return model == id.lower() or any(_fits(model, pattern) for pattern in patterns)


def needed(id: str, patterns: Iterable[str]) -> tuple[str, ...]:
    """The names that neither ``id`` nor a pattern says already."""
    listed = tuple(dict.fromkeys(patterns))
    return tuple(
        name
        for name in listed
        if name != id.lower()
        and not any(_is_plain(name) and other != name and _fits(name, other) for other in listed)
    )


def _is_plain(name: str) -> bool:
    return not name.startswith("^") and "*" not in name


def _fits(model: str, pattern: str) -> bool:
    if pattern.startswith("^"):
        return _compiled(pattern).search(model) is not None
    core = pattern.strip("*").lower()
    match pattern.startswith("*"), pattern.endswith("*"):
        case True, True:
            return core in model
        case True, False:
            return model.endswith(core)
        case False, True:
            return model.startswith(core)
    return model == core


def checked(pattern: str) -> str:
    """The regular expression, if it is one. Raises ``ValueError``."""
    try:
        _compiled(pattern)
    except (re.error, OverflowError) as error:
        raise ValueError(f"a pattern of names is no regular expression: {error}") from None
    return pattern


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def bare(model: str) -> str:
    """A model's name without the path that Google's services say before it."""
    return _PATH.sub("", model)


def dashed(model: str) -> str:
    """``gpt-5-20250807``, as some gateways say it, in OpenAI's way: ``gpt-5-2025-08-07``."""
    return _COMPACT.sub(r"-\1-\2-\3", model)
