"""What a provider's file declares, read from its text: nothing is loaded to find it out.

A text is believed only where it says all there is to know. Who is not sure of that asks the class.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

_CLASS = re.compile(
    r"^class (\w+)(?:\(([\w, ]*)\))?:\n"
    r'(?:    """((?s:.*?))"""[ \t]*(?:#.*)?\n)?'
    r"((?:(?:[ \t].*)?\n)*)",
    re.MULTILINE,
)
_FILE_DOC = re.compile(r'"""(.*?)"""', re.DOTALL)
_ANY_CLASS = re.compile(r"^class ", re.MULTILINE)
_MEMBER = re.compile(r"^    (?:async )?(?:def )?(\w[\w, ]*?) *(?:[:=(]|$)", re.MULTILINE)
_TEXT = re.compile(
    r"""^    (\w+)(?:: [^=\n]+)? = (["'])([^"'\\\n]*)\2[ \t]*(?:#.*)?$""", re.MULTILINE
)
_ASKED = ("url", "base_url", "api_key_env", "host_env")
_MENTION = re.compile(r"\b(base_url|api_key_env|host_env)\b")
_ENGINE = "LocalEngine"
_SERVICE = "HTTPProvider"
_WRITTEN = ("AbstractProvider", "AsyncGeneratorProvider", "AsyncProvider", "GeneratorProvider")
_BASES = {_ENGINE, _SERVICE, "Provider", *_WRITTEN}
"""Classes that declare no address and no key themselves."""
_HARMLESS = {
    *_ASKED,
    *("answers_unasked", "default_model", "embedding_model", "embeddings", "headers"),
    *("key_header", "models", "owner", "protocol", "small_model"),
    *("encode_request", "recognise"),
    *("echoes", "prefilled", "prefills"),
}
"""What a class may have without being ready, or not, for another reason than its key."""


class Declared(Struct, frozen=True):
    """What stands in a file: its class's bases, what it is ``about``, and its constants that are
    plain texts (``base_url``, ``api_key_env``, …). ``is_plain``: a key, or an address that somebody
    says, is all that can make it ready. ``is_whole``: its class has no other key, and no other
    address on this machine."""

    base: str = ""
    about: str = ""
    constants: Mapping[str, str] = {}
    is_plain: bool = False
    is_whole: bool = False

    def __getitem__(self, name: str) -> str:
        """A constant, empty where it is not declared as a plain text."""
        return self.constants.get(name, "")


def of(kind: type) -> Declared:
    """What a class declares, where its text is none or is not enough."""
    about = (kind.__doc__ or "").partition("\n")[0]
    constants = {name: getattr(kind, name, "") for name in _ASKED}
    return Declared("", about, constants, is_whole=True)


@functools.cache
def read(file: Path) -> Declared:
    """What the file declares; nothing where it cannot be read, which asking for it tells."""
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return Declared()
    name = file.parent.name if file.stem == "__init__" else file.stem
    found = _class(f"{text}\n", name)
    if found is None:
        return Declared()
    base, doc, body = found
    return _declared(base, doc or _words(text), body, {*_MENTION.findall(text)})


def _words(text: str) -> str:
    """What the file says it is, where its class does not: up to the page that it names."""
    said = _FILE_DOC.match(text)
    first = said[1].partition("\n\n")[0].partition("https://")[0] if said else ""
    return " ".join(first.split())


def _class(text: str, name: str) -> tuple[str, str, str] | None:
    """The bases, the docstring and the rest of the class that the file is for: the only one, or the
    one named like it. ``None`` where the text does not make that clear."""
    classes = _CLASS.findall(text)
    if len(classes) != len(_ANY_CLASS.findall(text)):
        return None
    alike = [c for c in classes if c[0].lower() == name.replace("_", "").replace("-", "").lower()]
    found = alike or classes
    return found[0][1:] if len(found) == 1 else None


def _declared(base: str, doc: str, body: str, mentioned: set[str]) -> Declared:
    constants = {name: text for name, _, text in _TEXT.findall(body)}
    members = {name for said in _MEMBER.findall(body) for name in re.split(r"\W+", said)}
    unsaid = mentioned - constants.keys()
    bases = {*re.split(r"\W+", base)}
    is_known = bases <= _BASES
    is_engine = _ENGINE in bases
    has_key = "api_key_env" in constants
    # Of an unknown base only the key counts: who has one is no engine of this machine.
    is_whole = not unsaid & {"api_key_env", "host_env"} and (
        "base_url" in constants if is_engine else is_known or has_key
    )
    is_plain = (
        not unsaid and members <= _HARMLESS and (base == _ENGINE or (base == _SERVICE and has_key))
    )
    return Declared(base, doc.partition("\n")[0], constants, is_plain and is_whole, is_whole)
