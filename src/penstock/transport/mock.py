"""``MockTransport``: answers from a function instead of a network, for tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from math import inf
from typing import TypeAlias

from penstock.errors import PenstockError
from penstock.transport import Request, Response, too_long


class MockResponse:
    """An answer made of bytes. ``chunks``: the body's pieces; an error among them is raised."""

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        chunks: Iterable[bytes | PenstockError] = (),
        reason: str = "",
        delimited: bool = True,
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers: Mapping[str, str] = dict(headers or {})
        self.delimited = delimited
        self.closed = False
        self._chunks = chunks

    async def chunks(self, most: float = inf) -> AsyncGenerator[bytes]:
        """The body's pieces, one by one."""
        left = most
        for chunk in self._chunks:
            if isinstance(chunk, PenstockError):
                raise chunk
            left -= len(chunk)
            if left < 0:
                raise too_long(most)
            yield chunk

    def spoken(self) -> None:
        """Nothing to do: no time is kept here."""

    async def close(self) -> None:
        """Note in ``closed`` that the answer was let go of."""
        self.closed = True


Handler: TypeAlias = Callable[[Request], Response | Awaitable[Response]]


class MockTransport:
    """Hands each request to ``handler`` and keeps it in ``requests``."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[Request] = []
        self._handler = handler

    async def send(self, request: Request) -> Response:
        """The handler's answer to ``request``."""
        self.requests.append(request)
        answer = self._handler(request)
        return await answer if isinstance(answer, Awaitable) else answer
