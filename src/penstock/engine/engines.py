"""Which models are loaded, who uses them, and when they go.

One child per model and way to run it. Whoever needs one that is being loaded waits for the same
loading. One that nobody uses is ended after ``idle`` seconds, or at once when another model needs
its place; one in use is never ended.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager

from penstock.engine.model import Model
from penstock.engine.process import Engine
from penstock.errors import PenstockError

IDLE = 300.0
MOST = 2

CallOff = Callable[[], None]
Later = Callable[[float, Callable[[], None]], CallOff]
"""Has a function called after so many seconds, from any thread, unless it is called off before."""


def in_a_thread(seconds: float, call: Callable[[], None]) -> CallOff:
    """Have ``call`` called then, in a thread that keeps no process alive."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer.cancel


class Engines:
    """Loaded models, for any number of event loops and threads.

    At most ``most`` stay loaded, each for ``idle`` seconds after its last use. More are loaded
    only while all of them are in use. ``later`` waits for those seconds.
    """

    def __init__(self, idle: float = IDLE, most: int = MOST, later: Later = in_a_thread) -> None:
        self._idle = idle
        self._most = most
        self._later = later
        self._lock = threading.Lock()
        self._places: dict[Model, _Place] = {}
        """In the order in which they were used last."""

    @asynccontextmanager
    async def running(self, model: Model) -> AsyncGenerator[Engine]:
        """The engine of ``model``, loaded if it was not, kept while the block runs.

        Raises what ``Engine`` raises. Who leaves while it loads lets the loading go on.
        """
        place = self._enter(model)
        try:
            yield await place.engine()
        finally:
            self._leave(model, place)

    def loaded(self) -> list[Model]:
        """The models that have a child, the one that was used last at the end."""
        with self._lock:
            return [model for model, place in self._places.items() if not place.is_over()]

    def close(self) -> None:
        """End every child, also one that still loads or answers."""
        with self._lock:
            places = [*self._places.values()]
            self._places.clear()
        for place in places:
            place.close()

    def disown(self) -> None:
        """In a forked process: the children are not ours, and must not outlive their parent
        because we hold on to their pipes."""
        self._lock = threading.Lock()
        for place in self._places.values():
            place.disown()
        self._places.clear()

    def _enter(self, model: Model) -> _Place:
        with self._lock:
            place = self._places.pop(model, None)
            if place is None or place.is_over():
                ended = self._make_room() + ([] if place is None else [place])
                place = _Place(model, ended)
            self._places[model] = place
            place.enter()
            return place

    def _make_room(self) -> list[_Place]:
        """Take as many as are too many off the list, those first that were used longest ago."""
        unused = [model for model, place in self._places.items() if not place.users]
        too_many = max(0, len(self._places) + 1 - self._most)
        return [self._places.pop(model) for model in unused[:too_many]]

    def _leave(self, model: Model, place: _Place) -> None:
        with self._lock:
            place.users -= 1
            if place.users:
                return
            is_listed = self._places.get(model) is place
            if is_listed:
                del self._places[model]
            stays = is_listed and not place.is_over() and len(self._places) < self._most
            if stays:
                self._places[model] = place
            seconds = self._idle if stays else 0
            place.call_off = self._later(seconds, lambda: self._end(model, place))

    def _end(self, model: Model, place: _Place) -> None:
        """End one that nobody uses."""
        with self._lock:
            if place.users:
                return
            if self._places.get(model) is place:
                del self._places[model]
        place.close()


class _Place:
    """One model's child, from before it is started until after it has ended."""

    def __init__(self, model: Model, before: list[_Place]) -> None:
        """Start loading, in a thread, once the children ``before`` have ended and given their
        memory back."""
        self.users = 0
        self.call_off: CallOff = _nothing
        """Calls off the end that it has been given."""
        self._child: Engine | None = None
        self._is_closed = False
        self._started: Future[Engine | PenstockError] = Future()
        self._started.set_running_or_notify_cancel()  # who stops waiting does not stop the loading
        load = threading.Thread(target=self._load, args=(model, before), daemon=True)
        load.name = "penstock-engine-load"
        load.start()

    def _load(self, model: Model, before: list[_Place]) -> None:
        try:
            for place in before:
                place.close()
            self._child = child = Engine(model)
            if self._is_closed:
                child.close()
            child.load()
            self._started.set_result(child)
        except PenstockError as error:
            self.close()
            self._started.set_result(error)
        except BaseException as error:
            self.close()
            self._started.set_exception(error)

    async def engine(self) -> Engine:
        """Wait until it is loaded. Every waiter is raised an error of its own."""
        found = await asyncio.wrap_future(self._started)
        if isinstance(found, PenstockError):
            raise copy.copy(found)
        return found

    def is_over(self) -> bool:
        """Whether it failed to load, or ended."""
        if not self._started.done():
            return False
        return self._child is None or not self._child.is_alive

    def enter(self) -> None:
        self.users += 1
        self.call_off()

    def close(self) -> None:
        self._is_closed = True
        self.call_off()
        if self._child is not None:
            self._child.close()

    def disown(self) -> None:
        if self._child is not None:
            self._child.disown()


def _nothing() -> None:
    """Calls off what was never begun."""
