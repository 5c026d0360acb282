"""``Routed``: what every provider made of providers shares."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Self

from msgspec.structs import replace

from penstock.errors import ConfigError, EmptyStream, PenstockError, StreamTruncated
from penstock.events import SPOKEN, Attempt, Event, Finish, ReasoningDelta, Reply, TextDelta
from penstock.provider import Call, Provider, T
from penstock.types import ChatRequest, EmbeddingRequest, Embeddings

_OWN = ("base_url", "api_key", "webdriver")
"""Settings of one service, which no other may be given."""


class Routed(Provider):
    """Asks its ``targets`` in a way of its own, which is ``through``.

    Settings given to it, or to a call, are given to each target, but for those of one service
    alone: a key is sent to nobody else.
    """

    is_route = True

    def __init__(self, targets: Iterable[Provider]) -> None:
        super().__init__()
        self.targets = tuple(targets)
        if not self.targets:
            raise ConfigError(f"{type(self).__name__} needs a provider to ask")
        self.name = f"{type(self).name}({', '.join(target.name for target in self.targets)})"

    def configured(self, **given: Any) -> Self:
        if own := [name for name in _OWN if given.get(name)]:
            raise ConfigError(f"{own[0]} is one service's own: give it to a target of the route")
        if not given:
            return self
        other = copy.copy(self)
        other.targets = tuple(target.configured(**given) for target in self.targets)
        return other

    def through(self, call: Call[T]) -> AsyncGenerator[T]:
        raise NotImplementedError

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        attempts: list[Attempt] = []  # not the call, which holds ``ask``

        def ask(provider: Provider, model: str) -> AsyncGenerator[Event]:
            return heard(provider.stream(replace(request, model=model)), attempts, provider.name)

        return self.through(Call(ask, lambda: request, request.model, attempts=attempts))

    async def answer(self, request: ChatRequest) -> Reply:
        """The whole answer; nothing of it is given away before its end, so that a cut one is asked
        for again as if it had not begun."""
        call: Call[Reply]

        async def ask(provider: Provider, model: str) -> AsyncGenerator[Reply]:
            reply = await provider.answer(replace(request, model=model))
            yield reply

        whole = replace(request, stream=False)  # for those who measure how long that takes
        call = Call(ask, lambda: whole, request.model)
        reply = await self._only(call)
        finish = reply.finish and replace(reply.finish, attempts=tuple(call.attempts))
        return replace(reply, finish=finish) if call.attempts else reply

    @property
    def continues(self) -> bool:
        """Whether an answer that was cut may go on at another target."""
        return any(isinstance(target, Routed) and target.continues for target in self.targets)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        async def ask(provider: Provider, model: str) -> AsyncGenerator[Embeddings]:
            found = await provider.embed(replace(request, model=model))
            yield found

        asked = ChatRequest(model=request.model, api_key=request.api_key)
        return await self._only(Call(ask, lambda: asked, request.model))

    async def _only(self, call: Call[T]) -> T:
        """What the call comes to, where that is one item. It is read to its end, so that those on
        the way see that it did not fail."""
        async with aclosing(self.through(call)) as items:
            (item,) = [item async for item in items]
            return item

    def is_configured(self) -> bool:
        return any(target.is_configured() for target in self.targets)

    def is_failing(self, model: str) -> bool:
        return all(target.is_failing(model) for target in self.targets)

    def serves(self, model: str) -> bool:
        return all(target.serves(model) for target in self.targets)


async def heard(
    events: AsyncGenerator[Event], attempts: Sequence[Attempt], name: str = ""
) -> AsyncGenerator[Event]:
    """The events, none before the first that says something; ``Finish`` tells of the ``attempts``
    on the way. Raises ``EmptyStream`` and ``StreamTruncated`` where a provider ``name`` just stops.

    Whatever comes after ``Finish`` is no part of the answer, not even a failure. It is read all the
    same, so that a connection can be used again.
    """
    waiting: list[Event] | None = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Finish):
                break
            if waiting is None:
                yield event
            elif _says(event):
                for early in (*waiting, event):
                    yield early
                waiting = None
            else:
                waiting.append(event)
        else:
            raise _unended(waiting is None, name)
        for early in waiting or ():
            yield early
        yield replace(event, attempts=tuple(attempts)) if attempts else event
        with suppress(PenstockError):
            async for _ in events:
                pass


def _says(event: Event) -> bool:
    match event:
        case TextDelta("", metadata=None) | ReasoningDelta("", signature="", metadata=None):
            return False
    return isinstance(event, SPOKEN)


def _unended(spoke: bool, name: str) -> PenstockError:
    if spoke:
        return StreamTruncated("the answer stopped without an end; try again", provider=name)
    return EmptyStream("the answer ended before it said anything; try again", provider=name)
