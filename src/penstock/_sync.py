"""The only bridge from synchronous callers to the event loop.

One background thread runs one loop for the whole process; it starts with the first call. So a
call works anywhere: in a script, in any thread, and inside a running loop, as in a notebook.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_AHEAD = 64
"""Items that the loop may read ahead of a slow caller."""

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            thread = threading.Thread(target=_loop.run_forever, name="penstock", daemon=True)
            thread.start()
        return _loop


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run ``coroutine`` on the background loop and wait for its result.

    An interrupt (Ctrl-C) while waiting cancels it.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _background_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


class SyncStream(Generic[T]):
    """An asynchronous stream as an ordinary iterator.

    The stream starts with the first ``next``. Leaving a ``for`` loop closes it, whether or not
    somebody still holds this object; so does garbage collection. ``close()`` does it by hand,
    and so does the end of a ``with`` block.
    """

    def __init__(self, open_stream: Callable[[], AsyncIterator[T]]) -> None:
        self._open_stream = open_stream
        self._items: _Items[T] | None = None
        self._left = False

    def __iter__(self) -> Iterator[T]:
        items = self._begin()
        self._items = None  # held by the loop alone, so that `break` lets go of it
        self._left = True
        return items

    def __next__(self) -> T:
        self._items = self._begin()
        return next(self._items)

    def _begin(self) -> _Items[T]:
        if self._items is not None:
            return self._items
        if self._left:
            raise RuntimeError("this stream was left or read already; make a new call")
        return _Items(self._open_stream)

    def close(self) -> None:
        """Stop the answer and close the connection to the service."""
        self._left = True
        if self._items is not None:
            self._items.close()
            self._items = None

    def __enter__(self) -> SyncStream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_END: Any = object()


class _Items(Generic[T]):
    """One pass over the stream: a task on the loop fills a queue, the caller empties it."""

    def __init__(self, open_stream: Callable[[], AsyncIterator[T]]) -> None:
        self._loop = _background_loop()
        self._queue: queue.SimpleQueue[tuple[T, BaseException | None]] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._ended = False
        pump = _pump(open_stream, self._queue, self._room)
        self._task = asyncio.run_coroutine_threadsafe(pump, self._loop)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        try:
            item, error = self._queue.get()
        except BaseException:  # Ctrl-C while waiting
            self.close()
            raise
        if item is _END:
            self._ended = True
            raise error or StopIteration
        self._loop.call_soon_threadsafe(self._room.release)
        return item

    def close(self) -> None:
        self._ended = True
        self._task.cancel()

    def __del__(self) -> None:
        # May run in any thread, the loop's own among them: only ask, never wait.
        if not self._ended and not self._loop.is_closed():
            self._task.cancel()


async def _pump(
    open_stream: Callable[[], AsyncIterator[T]],
    items: queue.SimpleQueue[tuple[T, BaseException | None]],
    room: asyncio.Semaphore,
) -> None:
    stream = open_stream()
    try:
        async for item in stream:
            await room.acquire()
            items.put((item, None))
        items.put((_END, None))
    except BaseException as error:
        items.put((_END, error))
        if isinstance(error, asyncio.CancelledError):
            raise
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
