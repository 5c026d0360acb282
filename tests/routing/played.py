"""A target without a network: it plays one script after the other, the last one for ever."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from penstock.errors import PenstockError
from penstock.events import Event, Finish, Start, TextDelta
from penstock.provider import Call, Provider
from penstock.routing.routed import Routed, heard
from penstock.types import ChatRequest, Message, TextPart

Step: TypeAlias = Event | Exception | Callable[[], Awaitable[object]]
Script: TypeAlias = Sequence[Step]

HI = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))


class Played(Provider):
    """Events come, errors are raised (a class makes a new one each time), functions are awaited.

    ``asked``: how often; ``left``: how often its answer was closed before the script's end.
    """

    def __init__(
        self, *scripts: Sequence[Step | type[PenstockError]], name: str = "played"
    ) -> None:
        super().__init__()
        self.name = name
        self.scripts = list(scripts)
        self.asked = 0
        self.left = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.asked += 1
        try:
            for step in script:
                if isinstance(step, type):
                    raise step(f"{step.__name__} it is", provider=self.name)
                if isinstance(step, Exception):
                    raise step
                if callable(step):
                    await step()
                else:
                    yield step
        except (GeneratorExit, BaseException) as error:
            self.left += not isinstance(error, PenstockError)
            raise


def said(*texts: str) -> list[Event]:
    """A whole answer."""
    return [Start("1", "m"), *(TextDelta(text) for text in texts), Finish("stop")]


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def read(route: Provider, request: ChatRequest = HI) -> str:
    """The text of an answer that ended well, over exactly one ``Start`` and one ``Finish``."""
    events = [event async for event in route.stream(request)]
    assert sum(isinstance(event, Start) for event in events) <= 1
    assert isinstance(events[-1], Finish)
    return "".join(str(event) for event in events)


T = TypeVar("T")


def call_with(deadline: float | None = None, request: ChatRequest = HI) -> Call[Event]:
    """A question by the hand of a route."""
    call: Call[Event]

    def ask(provider: Provider, model: str) -> AsyncGenerator[Event]:
        return heard(provider.stream(request), call.attempts)

    call = Call(ask, lambda: request, request.model, deadline)
    return call


async def through(route: Routed, call: Call[Event]) -> list[Event]:
    """What comes of ``call`` on ``route``."""
    return [event async for event in route.through(call)]
