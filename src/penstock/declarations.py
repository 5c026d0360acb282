"""What a provider's file declares, read from its text: nothing is loaded to find it out."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

_CLASS = re.compile(r'^class (\w+)\((\w+)\):\n    """(.*?)(?:"""|$)', re.MULTILINE)
_TEXT = re.compile(r'^    (\w+)(?:: [^=\n]+)? = "([^"\\\n]*)"', re.MULTILINE)
_ASKED = ("url", "base_url", "api_key_env", "host_env")
_READY_OTHERWISE = ("def is_configured(", "account =")


class Declared(Struct, frozen=True):
    """What stands in a file: the last class's ``base``, what it is ``about``, and its constants
    that are plain texts (``base_url``, ``api_key_env``, …). ``is_plain``: a key, or an address
    that somebody says, is all that can make it ready."""

    base: str = ""
    about: str = ""
    constants: Mapping[str, str] = {}
    is_plain: bool = False

    def __getitem__(self, name: str) -> str:
        """A constant, empty where it is not declared as a plain text."""
        return self.constants.get(name, "")


def of(kind: type) -> Declared:
    """What a class declares, where it has no text."""
    return Declared(constants={name: getattr(kind, name, "") for name in _ASKED})


@functools.cache
def read(file: Path) -> Declared:
    """What the file declares; nothing where it cannot be read, which asking for it tells."""
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return Declared()
    _, base, about = (_CLASS.findall(text) or [("", "", "")])[-1]
    constants = dict(_TEXT.findall(text))
    needs = base == "LocalEngine" or (base == "HTTPProvider" and "api_key_env" in constants)
    otherwise = any(words in text for words in _READY_OTHERWISE)
    return Declared(base, about, constants, needs and not otherwise)
