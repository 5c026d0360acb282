"""A file while it is being written: aside, under a name with its SHA-256, and hashed as it grows.

The name is why bytes of two versions never meet in one file: another SHA-256 is another part.
"""

from __future__ import annotations

import os
import re
from io import FileIO
from pathlib import Path
from typing import Self

from penstock.errors import ConfigError
from penstock.hub import disk
from penstock.hub.hashing import Hash
from penstock.hub.listing import File

_NAME = re.compile(r"(.+)\.[0-9a-f]{16}\.part")


class Part:
    """The beginning of a file. Its methods block; each is called by one thread at a time, and all
    raise ``ConfigError`` where the disk does not do what it should."""

    def __init__(self, target: Path, file: File) -> None:
        self.file = file
        self.hash = Hash()
        self._target = target
        self._path = target.with_name(f"{target.name}.{file.sha256[:16]}.part")
        try:
            self._remove_others()
            self._bytes = FileIO(self._path, "a+", opener=disk.itself)
        except OSError as error:
            raise disk.failure(error, target.parent, file.size) from None
        if self.held() > file.size:
            self.restart()

    def _remove_others(self) -> None:
        """Parts of other versions, which nobody will ask for again."""
        for other in parts_of(self._target):
            if other != self._path:
                other.unlink()

    @property
    def hashed(self) -> int:
        """Bytes that are written and hashed."""
        return self.hash.done

    def held(self) -> int:
        """Bytes on the disk."""
        return os.fstat(self._bytes.fileno()).st_size

    def is_whole(self) -> bool:
        return self.hashed == self.file.size

    def is_right(self) -> bool:
        """Whether all of it is there and is what the hub says it is."""
        return self.hash.is_of(self.file)

    def read_on(self) -> bool:
        """Hash the next stretch of what an earlier run left; whether there was any."""
        try:
            return self.hash.read_on(self._bytes)
        except OSError as error:
            raise self._failure(error) from None

    def append(self, data: bytes) -> None:
        """Write ``data`` at the end. What fits on the disk stays there, whatever is raised."""
        rest = memoryview(data)
        try:
            while rest:
                written = self._bytes.write(rest) or 0
                self.hash.add(rest[:written])
                rest = rest[written:]
        except OSError as error:
            raise self._failure(error) from None

    def restart(self) -> None:
        """Forget what is there."""
        self._bytes.truncate(0)
        self.hash = Hash()

    def finish(self) -> None:
        """Put the file where it belongs; only now can anybody find it."""
        try:
            os.fsync(self._bytes.fileno())
            self._bytes.close()
            self._path.replace(self._target)
        except OSError as error:
            raise self._failure(error) from None

    def delete(self) -> None:
        self._bytes.close()
        self._path.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> ConfigError:
        return disk.failure(error, self._target.parent, self.file.size - self.hashed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()


def parts_of(target: Path) -> list[Path]:
    """What earlier runs left of ``target``, in whatever version."""
    return [path for path in target.parent.glob("*.part") if target_of(path) == target]


def target_of(part: Path) -> Path | None:
    """The file that a part is the beginning of; ``None`` where the name is no part's."""
    found = _NAME.fullmatch(part.name)
    return part.with_name(found[1]) if found else None
