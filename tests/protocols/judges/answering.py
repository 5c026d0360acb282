"""A service that gives every question the same answer, for SDKs that take an HTTP client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

URL = "http://service.example"


class Answering:
    """What a mock transport calls; ``respond`` makes its library's response."""

    def __init__(self, respond: Callable[..., Any]) -> None:
        self._respond = respond
        self._status = 500
        self._type = ""
        self._body = b""

    def give(self, body: bytes, type: str = "application/json", status: int = 200) -> None:
        """Answer with these bytes from now on."""
        self._body, self._type, self._status = body, type, status

    def __call__(self, request: Any) -> Any:
        headers = {"content-type": self._type}
        return self._respond(self._status, headers=headers, content=self._body)
