"""``AsyncStream``: what the streaming calls return, an asynchronous iterator one can leave."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class AsyncStream(Generic[T]):
    """A stream that starts when it is first read and closes when it is left.

    ``async for`` reads it; leaving the loop (``break``, an exception) closes the connection to
    the service, whether or not somebody still holds this object. ``anext``, ``aclose`` and
    ``async with`` work too, and so does ``await``, which gives the stream itself: code written
    as ``async for chunk in await provider.create_async_generator(...)`` runs.
    """

    def __init__(self, open_stream: Callable[[], AsyncGenerator[T]]) -> None:
        self._open_stream: Callable[[], AsyncGenerator[T]] | None = open_stream
        self._held: AsyncGenerator[T] | None = None
        self._read: weakref.ref[AsyncGenerator[T]] | None = None

    def __aiter__(self) -> AsyncIterator[T]:
        # The loop alone holds the generator from here on, so that `break` lets go of it, and
        # reading costs nothing: there is no layer of ours between the two.
        stream, self._held = self._begin(), None
        self._read = weakref.ref(stream)
        return stream

    async def __anext__(self) -> T:
        self._held = self._begin()
        return await anext(self._held)

    def _begin(self) -> AsyncGenerator[T]:
        if self._held is not None:
            return self._held
        if self._open_stream is None:
            raise RuntimeError("this stream was left or read already; make a new call")
        stream, self._open_stream = self._open_stream(), None
        return stream

    async def aclose(self) -> None:
        """Stop the answer and close the connection to the service."""
        self._open_stream = None
        stream = self._held or (self._read() if self._read is not None else None)
        self._held = None
        if stream is not None:
            await stream.aclose()

    def __await__(self) -> Generator[Any, None, AsyncStream[T]]:
        yield from ()
        return self

    async def __aenter__(self) -> AsyncStream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
