"""A model file and how it is to be run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from msgspec import Struct

from penstock.errors import InvalidRequest, UnknownModel

_MAGIC = b"GGUF"
"""The first bytes of every file of the format
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""

CONTEXT = 8192
SLOTS = 2


class Model(Struct, frozen=True):
    """The file at ``path``, absolute.

    ``context``: tokens of one conversation, its question and its answer together. ``slots``: how
    many conversations are answered at the same time; more of them wait for their turn. There is
    memory for ``context * slots`` tokens, so that none takes the place of another.
    ``threads``: of computation; 0 leaves one processor to the rest of the program.
    ``embeds``: it makes vectors of texts, for which it must be made, instead of answering.
    """

    path: Path
    context: int = CONTEXT
    slots: int = SLOTS
    threads: int = 0
    embeds: bool = False

    @property
    def name(self) -> str:
        """The file's name, for messages: no more of the path, nothing that a terminal obeys."""
        return "".join(c if c.isprintable() else "\ufffd" for c in self.path.name)

    def check(self) -> None:
        """Raise ``UnknownModel`` where there is no such file, ``InvalidRequest`` where it is no
        GGUF file or may not be read."""
        try:
            head = _head(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise UnknownModel(
                f"there is no file {self.name}; check the path", param="model"
            ) from None
        except UnicodeEncodeError:
            why = "its path is not UTF-8; give it another name"
            raise InvalidRequest(f"{self.name} cannot be read: {why}", param="model") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a path"
            raise InvalidRequest(f"{self.name} cannot be read: {why}", param="model") from None
        if head is None:
            raise InvalidRequest(f"{self.name} is not a regular file", param="model")
        if head != _MAGIC:
            raise InvalidRequest(f"{self.name} is not a GGUF file", param="model")

    def computing_threads(self) -> int:
        """``threads``, or one less than there are processors."""
        return self.threads or max(1, _processors() - 1)


def _head(path: Path) -> bytes | None:
    """The first bytes; none of a folder, a device or a FIFO, for which a reader may wait for
    ever."""
    str(path).encode()  # llama.cpp is told of it in UTF-8
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as file:
        return file.read(len(_MAGIC))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # those that this process may use; not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
