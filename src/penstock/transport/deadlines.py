"""The deadlines of one call, kept by a single timer."""

from __future__ import annotations

import asyncio
import math

import aiohttp

from penstock.errors import StreamStalled, Timeout
from penstock.transport import Timeouts
from penstock.transport.answer import cut

_STALLED = {
    "idle": "not a byte came",
    "first": "nothing was said",
    "progress": "nothing was said",
    "total": "the answer did not end",
}


class Watch:
    """Begins with the call; ``guard`` it when the headers are there, ``stop`` it at the end.

    The timer is set once, for the nearest deadline there can be; when it rings it looks what is due
    and sets itself again. So a chunk costs no timer, only two looks at the clock. What is due ends
    the call: before the headers by cancelling the task that waits for them, then by an error in the
    body and the end of its connection.
    """

    __slots__ = (
        "_body",
        "_cancelled",
        "_cancelling",
        "_loop",
        "_seen",
        "_silence",
        "_since",
        "_spoken",
        "_start",
        "_task",
        "_timeouts",
        "_timer",
    )

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._loop = loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._start = loop.time()
        self._since: float | None = None
        self._seen = 0
        self._silence = 0.0
        self._spoken = False
        self._cancelled = ""
        self._body: aiohttp.ClientResponse | None = None
        limits = (
            *(timeouts.headers, timeouts.first, timeouts.idle),
            *(timeouts.progress, timeouts.total),
        )
        nearest = min((limit for limit in limits if limit is not None), default=None)
        self._timer = None if nearest is None else loop.call_later(nearest, self._ring)

    def guard(self, response: aiohttp.ClientResponse) -> None:
        """The headers are there; from now on the body is watched."""
        self._body = response
        self._task = None

    def wait(self, content: aiohttp.StreamReader) -> None:
        """The reader waits for bytes."""
        self._since, self._seen = self._loop.time(), content.total_bytes

    def go_on(self) -> None:
        """The reader has got some; until it waits again, it is our turn."""
        if self._since is not None:
            self._silence += self._loop.time() - self._since
            self._since = None

    def spoken(self) -> None:
        """Something was said in these bytes."""
        self._spoken = True
        self._silence = 0.0

    def stop(self) -> None:
        """No deadline counts any more."""
        self._body = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def expired(self, where: str) -> Timeout | None:
        """What ended the wait for the headers, if this watch cancelled the task and nobody else did
        as well."""
        task, self._task = self._task, None
        if not self._cancelled or task is None or task.uncancel() > self._cancelling:
            return None
        limit, seconds = self._cancelled, getattr(self._timeouts, self._cancelled)
        return Timeout(f"{where} did not answer within {seconds:g} s ({limit})", limit=limit)

    def _is_ours(self) -> bool:
        """Whether it is our turn: nobody waits, or bytes lie there that nobody took yet."""
        body = self._body
        return self._since is None or (body is not None and body.content.total_bytes > self._seen)

    def _due(self) -> tuple[float, str, float]:
        """When the next deadline is, its name, and its limit in seconds. A limit whose time has
        not begun may begin now, so that the timer never rings too late for it."""
        limits, start, now = self._timeouts, self._start, self._loop.time()
        found: list[tuple[float, str, float]] = []
        if limits.headers is not None and self._task is not None:
            found.append((start + limits.headers, "headers", limits.headers))
        if limits.first is not None and not self._spoken:
            found.append((self._spared(start + limits.first), "first", limits.first))
        if limits.idle is not None:
            since = now if self._since is None or self._is_ours() else self._since
            found.append((since + limits.idle, "idle", limits.idle))
        if limits.progress is not None:
            found.append((self._progress_due(limits.progress, now), "progress", limits.progress))
        if limits.total is not None:
            found.append((start + limits.total, "total", limits.total))
        return min(found, default=(math.inf, "", 0))

    def _progress_due(self, limit: float, now: float) -> float:
        if not self._spoken:
            return now + limit
        since = now if self._since is None else self._since
        return self._spared(since + limit - self._silence)

    def _spared(self, when: float) -> float:
        """Not yet, where it is our turn: the reader may find that something was said."""
        body_is_ours = self._task is None and self._is_ours()
        return max(when, self._loop.time() + 0.1) if body_is_ours else when

    def _ring(self) -> None:
        when, name, limit = self._due()
        if when > self._loop.time():
            self._timer = None if when == math.inf else self._loop.call_at(when, self._ring)
        elif self._task is not None:
            self._cancelled = name
            self._task.cancel()
        elif self._body is not None:
            body, self._body = self._body, None
            text = f"the stream stood still: {_STALLED[name]} within {limit:g} s ({name})"
            body.content.set_exception(StreamStalled(text, limit=name))
            cut(body)
