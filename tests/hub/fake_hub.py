"""A hub of one repo on real sockets: it lists its files, and sends who asks for one to another
origin, where the bytes are.

    with FakeHub({"tiny-Q8_0.gguf": content}, models) as hub:
        hub.faults = [hub.cut(at=300)]
        pulled = await pull("owner/repo", Hub(hub.url), pause=no_pause)

Each request for bytes takes the next fault; where none is left it is answered as it should be.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeAlias

from raw import FIN, STAY, Connection, Script, Step, Upstream, head

COMMIT = "a" * 40
REPO = "owner/repo"
BINARY = "application/octet-stream"

Fault: TypeAlias = Callable[[bytes, int], Script]
"""From the whole file and where the answer should begin to what is sent."""


def content(size: int = 1_000_000, seed: int = 1) -> bytes:
    """A model's bytes, as good as any."""
    return random.Random(seed).randbytes(size)


class FakeHub:
    """``files``: the names and bytes it has, which may change; ``models``: the folder they are
    pulled into; ``told``: SHA-256 that are not theirs; ``redirect``: where requests for files are
    sent, else to its own second origin."""

    def __init__(self, files: dict[str, bytes], models: Path) -> None:
        self.files = files
        self.models = models
        self.told: dict[str, str] = {}
        self.commit = COMMIT
        self.faults: list[Fault] = []
        self.listings: list[Script] = []
        self.gate: list[Script] = []
        self.redirect: Callable[[str], str] | None = None
        self.asked: list[bytes] = []
        self.served: list[bytes] = []
        self._hub = Upstream(self._answer)
        self._bytes = Upstream(self._serve)
        self._stack = ExitStack()
        self.url = self._hub.url
        self.elsewhere = self._bytes.url

    @property
    def ranges(self) -> list[str]:
        """What each request for bytes asked for: ``bytes=300-``, or empty for all of it."""
        return [header(request, "range") for request in self.served]

    def cut(self, at: int) -> Fault:
        """The connection ends after so many bytes of the file, once they are on the disk: of what
        is still on its way then, nobody knows how much will be read."""
        return lambda data, start: [begin(data, start), data[start:at], _Held(self, at), FIN]

    def cut_ignoring_range(self, at: int) -> Fault:
        """As ``cut``, always from the file's first byte on."""
        return lambda data, start: [begin(data, 0), data[:at], _Held(self, at), FIN]

    def held(self) -> int:
        """Bytes of the one part on the disk."""
        return max((part.stat().st_size for part in self.models.rglob("*.part")), default=0)

    def listing(self) -> bytes:
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": "b",
                "lfs": {"sha256": self._sha256(name), "size": len(data), "pointerSize": 134},
            }
            for name, data in self.files.items()
        ]
        readme = {"rfilename": "README.md", "size": 3, "blobId": "c"}
        return json.dumps(
            {"id": REPO, "sha": self.commit, "siblings": [readme, *siblings]}
        ).encode()

    def _sha256(self, name: str) -> str:
        return self.told.get(name) or hashlib.sha256(self.files[name]).hexdigest()

    def _answer(self, request: bytes) -> Script:
        self.asked.append(request)
        path = request.split()[1].decode()
        if path == f"/api/models/{REPO}/revision/main?blobs=true":
            return self.listings.pop(0) if self.listings else whole(self.listing())
        begin = f"/{REPO}/resolve/{self.commit}/"
        if self.gate:
            return self.gate.pop(0)
        if not path.startswith(begin):
            return refuse("404 Not Found", "RepoNotFound")
        name = path.removeprefix(begin)
        target = (
            self.redirect(name) if self.redirect else f"{self.elsewhere}/{name}?signature=s%2Bs"
        )
        return redirect(target)

    def _serve(self, request: bytes) -> Script:
        self.served.append(request)
        name = request.split()[1].decode().lstrip("/").partition("?")[0]
        begin = header(request, "range")
        start = int(begin.removeprefix("bytes=").removesuffix("-")) if begin else 0
        fault = self.faults.pop(0) if self.faults else serve
        return fault(self.files[name], start)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._hub)
        self._stack.enter_context(self._bytes)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Held(Step):
    """Waits until so many bytes are on the disk."""

    def __init__(self, hub: FakeHub, size: int) -> None:
        self._hub, self._size = hub, size

    async def play(self, connection: Connection) -> None:
        while self._hub.held() < self._size:
            await asyncio.sleep(0.001)


def header(request: bytes, name: str) -> str:
    """A header of a request, empty where it is not said."""
    for line in request.decode().split("\r\n"):
        key, _, value = line.partition(": ")
        if key.lower() == name:
            return value
    return ""


def whole(body: bytes, content_type: str = "application/json", status: str = "200 OK") -> Script:
    return [head(status, content_type, content_length=len(body)), body]


def refuse(status: str, code: str = "", **headers: str) -> Script:
    said = {"x_error_code": code} if code else {}
    return [head(status, "application/json", content_length=2, **said, **headers), b"{}"]


def redirect(location: str, status: str = "302 Found") -> Script:
    return [head(status, "text/plain", content_length=0, location=location)]


def html(data: bytes, start: int) -> Script:
    """A page, as hotels and companies put before the network."""
    return whole(b"<html>log in</html>", "text/html; charset=utf-8")


# What can become of a file's bytes.


def begin(data: bytes, start: int) -> bytes:
    """The head of an answer as it should be."""
    if not start:
        return head("200 OK", BINARY, content_length=len(data), accept_ranges="bytes")
    said = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return head("206 Partial Content", BINARY, content_length=len(data) - start, content_range=said)


def serve(data: bytes, start: int) -> Script:
    return [begin(data, start), data[start:]]


def stand_still(at: int) -> Fault:
    """Nothing comes after so many bytes of the file."""
    return lambda data, start: [begin(data, start), data[start:at], STAY]


def spoil(at: int) -> Fault:
    """One byte of the file is another."""

    def answer(data: bytes, start: int) -> Script:
        bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        return [begin(data, start), bad[start:]]

    return answer


def ignore_range(data: bytes, start: int) -> Script:
    """All of it, whatever was asked for."""
    return [begin(data, 0), data]


def say(status: str, **headers: str) -> Fault:
    """An answer without the file."""
    return lambda data, start: refuse(status, **headers)
