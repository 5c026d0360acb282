"""A repo's files as the hub lists them, and which of them a name means.

``GET /api/models/{repo}/revision/{revision}?blobs=true`` tells in one answer the commit that the
revision is at, and each file's size and SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from penstock.errors import InvalidRequest, UnexpectedAnswer
from penstock.hub import names
from penstock.hub.names import Wanted

_PREFERRED = ("Q4_K_M", "Q8_0")
_SHOWN = 12
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_NO_CHAT = re.compile(r"(?:^|[-._/])(?:mmproj|imatrix)(?:[-._]|$)", re.IGNORECASE)


class File(Struct, frozen=True):
    """A file on the hub; ``size`` in bytes, ``sha256`` in hexadecimal digits."""

    name: str
    size: int
    sha256: str


class Listing(Struct, frozen=True):
    """A repo at one commit, with its model files."""

    commit: str
    files: tuple[File, ...]


class _Large(Struct):
    sha256: str
    size: Annotated[int, Meta(le=2**63 - 1)]  # as disks have it


class _Sibling(Struct):
    rfilename: str
    lfs: _Large | None = None


class _Info(Struct):
    sha: str
    siblings: list[_Sibling] = field(default_factory=list)


def read(body: bytes) -> Listing:
    """The hub's answer. Raises ``UnexpectedAnswer`` where it is none.

    Files whose names would not be safe here, or whose SHA-256 is not told, are not listed.
    """
    try:
        info = msgspec.json.decode(body, type=_Info)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        info = _Info("")
    if not _COMMIT.fullmatch(info.sha):
        raise UnexpectedAnswer("what answers is not a hub; check HF_ENDPOINT and the network")
    return Listing(info.sha, tuple(_files(info.siblings)))


def _files(siblings: Iterable[_Sibling]) -> Iterable[File]:
    for sibling in siblings:
        name, large = sibling.rfilename, sibling.lfs
        if large is None or large.size <= 0 or not _SHA256.fullmatch(large.sha256):
            continue
        if names.is_model(name) and names.is_safe(name):
            yield File(name, large.size, large.sha256)


def choose(files: Sequence[File], wanted: Wanted) -> File:
    """The file that is meant: of several, the one in Q4_K_M, else Q8_0, else the smallest.

    Raises ``InvalidRequest``, with the names there are, where none fits, where several do, or
    where the model is split over files.
    """
    fitting = [file for file in files if wanted.fits(wanted.repo, file.name)]
    whole = [file for file in fitting if _is_whole(file.name)]
    if not whole:
        raise _none(files, wanted, is_split=bool(fitting))
    found = whole if wanted.file or wanted.quantisation else _sensible(whole)
    if len(found) > 1:
        raise InvalidRequest(
            f"several files of {wanted.repo} fit; name one: {_shown(found, wanted.repo)}",
            param="model",
        )
    return found[0]


def _is_whole(name: str) -> bool:
    """Whether the file is a model of its own: neither split nor an addition to another."""
    return not _SPLIT.search(name) and not _NO_CHAT.search(name)


def _sensible(files: Sequence[File]) -> Sequence[File]:
    for quantisation in _PREFERRED:
        if found := [f for f in files if names.is_of_quantisation(f.name, quantisation)]:
            return found
    return [min(files, key=lambda file: (file.size, file.name))]


def _none(files: Sequence[File], wanted: Wanted, *, is_split: bool) -> InvalidRequest:
    whole = [file for file in files if _is_whole(file.name)]
    what = wanted.file or wanted.quantisation or "GGUF file"
    why = f"{what} of {wanted.repo} is split over files" if is_split else ""
    why = why or f"{wanted.repo} has no {what}"
    instead = f"; there is {_shown(whole, wanted.repo)}" if whole else "; look for another repo"
    return InvalidRequest(f"{why}{instead}", param="model")


def _shown(files: Sequence[File], repo: str) -> str:
    shown = ", ".join(f"{repo}/{file.name}" for file in files[:_SHOWN])
    return shown if len(files) <= _SHOWN else f"{shown} and {len(files) - _SHOWN} more"
