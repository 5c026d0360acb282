"""What a model's name means: ``qwen3-0.6b``, ``owner/repo``, ``owner/repo:Q8_0`` or
``owner/repo/file.gguf``.

A name becomes a path below the store's folder, and so do the hub's own names of files: neither
can ever lead out of it.
"""

from __future__ import annotations

import difflib
import re

from msgspec import Struct

from penstock.errors import InvalidRequest, UnknownModel
from penstock.hub.suggested import SUGGESTED

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_STEP = re.compile(r"[A-Za-z0-9_][\w.+=,@()-]{0,190}(?<!\.)", re.ASCII)
_QUANTISATION = re.compile(r"[A-Za-z0-9][\w.-]{0,39}", re.ASCII)
_FORMS = "a name is owner/repo, owner/repo:Q8_0 or owner/repo/file.gguf"


class Wanted(Struct, frozen=True):
    """A repo of the hub, and which of its files: the one of that name, the one of that
    quantisation, or, where neither is said, the most sensible one."""

    name: str
    repo: str
    file: str = ""
    quantisation: str = ""

    def fits(self, repo: str, file: str) -> bool:
        """Whether a file can be the one that is meant. The hub's names ignore case."""
        return (
            repo.lower() == self.repo.lower()
            and (not self.file or file.lower() == self.file.lower())
            and (not self.quantisation or is_of_quantisation(file, self.quantisation))
        )


def parse(name: str) -> Wanted:
    """What ``name`` asks for. Raises ``UnknownModel`` for a short name that is none, and
    ``InvalidRequest`` for one of no form."""
    if "/" not in name:
        return _parse_short(name)
    path, colon, quantisation = name.partition(":")
    repo, file = _split(path)
    is_repo = _REPO.fullmatch(repo) and (not colon or _QUANTISATION.fullmatch(quantisation))
    if not is_repo or (file and (colon or not is_safe(file))):
        raise InvalidRequest(f"{name!r} is no model's name; {_FORMS}", param="model")
    if file and not is_model(file):
        raise InvalidRequest(f"{file!r} is no .gguf file; {_FORMS}", param="model")
    return Wanted(_short_name(repo, file) or name, repo, file, quantisation)


def _split(path: str) -> tuple[str, str]:
    owner, _, rest = path.partition("/")
    repo, _, file = rest.partition("/")
    return f"{owner}/{repo}", file


def _parse_short(name: str) -> Wanted:
    for known in SUGGESTED:
        if known.name == name.lower():
            return Wanted(known.name, known.repo, known.file)
    names = [known.name for known in SUGGESTED]
    near = difflib.get_close_matches(name.lower(), names, n=3) or names
    raise UnknownModel(
        f"no short name {name!r}; there is {', '.join(near)}; any other {_FORMS.lstrip('a ')}",
        param="model",
    )


def _short_name(repo: str, file: str) -> str:
    """The short name of a file that has one."""
    named = Wanted("", repo, file)
    return next((s.name for s in SUGGESTED if file and named.fits(s.repo, s.file)), "")


def is_safe(path: str) -> bool:
    """Whether a path of the hub's stays below the folder that it is put into, on any system."""
    return all(_STEP.fullmatch(step) for step in path.split("/"))


def is_model(file: str) -> bool:
    """Whether a file is one that llama.cpp runs."""
    return file.lower().endswith(".gguf")


def is_of_quantisation(file: str, quantisation: str) -> bool:
    """Whether the file's name ends with that quantisation, as publishers write it."""
    stem = file.lower().removesuffix(".gguf")
    return bool(re.search(rf"(?:^|[-._/]){re.escape(quantisation.lower())}$", stem))
