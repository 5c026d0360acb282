"""The only bridge from synchronous callers to the event loop.

One background thread runs one loop for the whole process; it starts with the first call. So a
call works anywhere: in a script, in any thread, and inside a running loop, as in a notebook.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_AHEAD = 64
"""Items that the loop may read ahead of a slow caller."""


_PARTING = 1.0
"""Seconds that the end of the process may take to close connections."""


class _Background(threading.Thread):
    """The thread and its loop."""

    def __init__(self) -> None:
        super().__init__(name="penstock", daemon=True)
        self.loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._stay())

    async def _stay(self) -> None:
        await self._leave.wait()

    def stop(self) -> None:
        """Cut every stream and close every connection."""
        self.loop.call_soon_threadsafe(self._leave.set)
        self.join(_PARTING)


_lock = threading.Lock()
_background: _Background | None = None
_before_fork: list[_Background | None] = []


def _running() -> _Background:
    global _background
    with _lock:
        if _background is None:
            background = _Background()
            background.start()
            _background = background
        return _background


@atexit.register
def _stop() -> None:
    global _background
    with _lock:
        background, _background = _background, None
    if background is not None:
        background.stop()


def _start_afresh() -> None:
    """In a forked child: the parent's thread is not there; its loop is only kept from being
    collected, since it shares its sockets with the parent."""
    global _lock, _background
    _before_fork.append(_background)
    _lock, _background = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


def _start(coroutine: Coroutine[Any, Any, T]) -> tuple[Future[T], asyncio.AbstractEventLoop]:
    background = _running()
    if threading.current_thread() is background:
        coroutine.close()
        raise RuntimeError(
            "a synchronous call from asynchronous code that a synchronous call runs would wait "
            "for itself; use create_async_generator or create_async there"
        )
    return asyncio.run_coroutine_threadsafe(coroutine, background.loop), background.loop


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run ``coroutine`` on the background loop and wait for its result.

    An interrupt (Ctrl-C) while waiting cancels it.
    """
    future, _ = _start(_contained(coroutine))
    try:
        value, error = future.result()
    except BaseException:
        future.cancel()
        raise
    if error is not None:
        raise error
    return value


async def _contained(coroutine: Coroutine[Any, Any, T]) -> tuple[T, BaseException | None]:
    """Bring ``SystemExit`` and ``KeyboardInterrupt`` to the caller: raised in a task, they would
    end the loop for everybody."""
    try:
        return await coroutine, None
    except (SystemExit, KeyboardInterrupt) as error:
        return _END, error


class SyncStream(Generic[T]):
    """An asynchronous stream as an ordinary iterator.

    The stream starts with the first ``next``. Leaving a ``for`` loop closes it, whether or not
    somebody still holds this object; so does garbage collection. ``close()`` does it by hand,
    and so does the end of a ``with`` block.
    """

    def __init__(self, open_stream: Callable[[], AsyncIterator[T]]) -> None:
        self._open_stream = open_stream
        self._items: _Items[T] | None = None
        self._read: weakref.ref[_Items[T]] | None = None
        self._left = False

    def __iter__(self) -> Iterator[T]:
        items = self._begin()
        self._items = None  # held by the loop alone, so that `break` lets go of it
        self._read = weakref.ref(items)
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
        items = self._items or (self._read() if self._read is not None else None)
        self._items = None
        if items is not None:
            items.close()

    def __enter__(self) -> SyncStream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_END: Any = object()
_CLOSED = "this stream was closed while it was read; make a new call"


class _Items(Generic[T]):
    """One pass over the stream: a task on the loop fills a queue, the caller empties it."""

    def __init__(self, open_stream: Callable[[], AsyncIterator[T]]) -> None:
        self._open_stream = open_stream
        self._queue: queue.SimpleQueue[tuple[T, BaseException | None]] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._task: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._ended = self._closed = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._closed:  # by another thread, or by Ctrl-C: not to be taken for the service's end
            raise RuntimeError(_CLOSED)
        if self._ended:
            raise StopIteration
        if self._task is None:
            self._begin()
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

    def _begin(self) -> None:
        self._task, self._loop = _start(_pump(self._open_stream, self._queue, self._room))
        if self._closed:  # just now, by another thread that did not see the task yet
            self._task.cancel()

    def close(self) -> None:
        self._ended = self._closed = True
        self._queue.put((_END, RuntimeError(_CLOSED)))  # wakes whoever waits in another thread
        if self._task is not None:
            self._task.cancel()

    def __del__(self) -> None:
        # May run in any thread, the loop's own among them: only ask, never wait.
        if self._task is not None and not self._ended and not self._loop.is_closed():
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
    except asyncio.CancelledError:
        items.put((_END, RuntimeError(_CLOSED)))
        raise
    except BaseException as error:
        items.put((_END, error))
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
