"""Every service at its own address: a proxy that stands in for whoever is asked behind it.

    with Vendors(answer) as vendors:
        provider.configured(proxy=vendors.url, transport=vendors.transport)
        ...
        (seen,) = vendors.seen

The client opens a tunnel (``CONNECT api.vendor.com:443``) and speaks TLS through it, to a
certificate for that very host; what is kept is what a vendor's socket would have read.
"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Self

import trustme
from msgspec import Struct

from penstock.transport.http import HTTPTransport

_WAIT = 10.0


class Seen(Struct):
    """One request, byte for byte, and the address that it was sent to."""

    origin: str
    raw: bytes

    @property
    def line(self) -> str:
        return self.raw.partition(b"\r\n")[0].decode()

    @property
    def url(self) -> str:
        """Where it went: of a plain request to a proxy the line says it all."""
        target = self.line.split(" ")[1]
        return target if target.startswith("http://") else self.origin + target

    @property
    def headers(self) -> dict[str, str]:
        """By lower case names."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        pairs = (line.split(": ", 1) for line in lines)
        return {name.lower(): value for name, value in pairs}

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


class Vendors:
    """Answers every request with the bytes ``answer``, head and all."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self._authority = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        trusting = ssl.create_default_context()
        self._authority.configure_trust(trusting)
        self.transport = HTTPTransport(trusting)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_WAIT)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection.settimeout(_WAIT)
            with connection:
                self._attend(connection)

    def _attend(self, connection: socket.socket) -> None:
        asked = _read_request(connection)
        if not asked.startswith(b"CONNECT "):
            self._answer(connection, "", asked)
            return
        host, _, port = asked.split(b" ")[1].decode().rpartition(":")
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self._context(host).wrap_socket(connection, server_side=True) as inside:
            origin = f"https://{host}" if port == "443" else f"https://{host}:{port}"
            self._answer(inside, origin, _read_request(inside))

    def _answer(self, connection: socket.socket, origin: str, asked: bytes) -> None:
        self.seen.append(Seen(origin, asked))
        connection.sendall(self.answer)

    def _context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            self._contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(host).configure_cert(self._contexts[host])
        return self._contexts[host]


def _read_request(connection: socket.socket) -> bytes:
    read = b""
    while True:
        head, end, body = read.partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            return read
        data = connection.recv(65536)
        if not data:
            raise AssertionError(f"the client left amid its request: {read[:200]!r}")
        read += data


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
