"""What became of each question that went to a service: one ``Outcome``, told once.

complete   the service ended its answer, and all of it was read
failed     the service, or the way to it, failed
timeout    a limit ran out, ours or the service's
refused    the question or the configuration was wrong
left       the caller went away before the end
drained    the caller went away, and the answer was read to its end all the same
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal, TypeAlias

from msgspec import Struct

from penstock.errors import CallerError, PenstockError, StreamStalled, Timeout
from penstock.types import Usage

logger = logging.getLogger("penstock.outcomes")

State: TypeAlias = Literal["complete", "failed", "timeout", "refused", "left", "drained"]
Kind: TypeAlias = Literal["chat", "embeddings", "models"]


class Outcome(Struct, frozen=True, repr_omit_defaults=True, kw_only=True):
    """How one question to one service ended.

    ``began``: seconds since the epoch. ``first`` and ``took``: seconds from there to the first
    spoken event (``None``: nothing was said) and to the end. ``error``: the class of the error,
    ``status`` the service's HTTP status where it refused. ``usage``: what was spent, by the service
    or, where it did not say, by our estimate; ``None``: nothing was. ``own_key``: the caller
    brought a key along. ``probe``: what was tried out, where nobody asked but us.
    """

    provider: str
    model: str = ""
    kind: Kind = "chat"
    stream: bool = False
    state: State = "complete"
    error: str = ""
    status: int | None = None
    began: float = 0.0
    first: float | None = None
    took: float = 0.0
    usage: Usage | None = None
    own_key: bool = False
    probe: str = ""


class Caller:
    """Who waits for an answer; ``left`` once nobody does any more, though it is read on."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = False


probing: ContextVar[str] = ContextVar("probing", default="")
"""What is tried out by the calls of this context; empty: they are somebody's own."""
caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""Who waits for the calls of this context, where they may be read on without."""

_listeners: list[Callable[[Outcome], None]] = []
_counting: list[Callable[[Outcome], None]] = []
"""Those of them that want to know what was spent."""


def observe(listener: Callable[[Outcome], None], *, usage: bool = True) -> Callable[[], None]:
    """Have ``listener`` told of every outcome of this process from now on, in the thread and the
    task where it happened: it must be quick. Calling what is returned ends that. ``usage``: whether
    it wants to know what was spent; where nobody does, that is not looked for."""
    lists = [_listeners, _counting] if usage else [_listeners]
    for each in lists:
        each.append(listener)

    def stop() -> None:
        for each in lists:
            if listener in each:
                each.remove(listener)

    return stop


def tell(outcome: Outcome) -> None:
    """Tell everybody who listens. Raises nothing: an answer does not fail by its listeners."""
    if logger.isEnabledFor(logging.INFO):
        who, end = f"{outcome.provider}/{outcome.model}", f"{outcome.state} {outcome.error}".strip()
        logger.info("%s: %s after %.2f s", who, end, outcome.took)
    for listener in tuple(_listeners):
        try:
            listener(outcome)
        except Exception:
            logger.exception("a listener failed")


class Record:
    """One question under way: ``end`` makes the outcome of it, once."""

    __slots__ = (
        *("_began", "_clock", "_ended", "_first"),
        *("kind", "model", "own_key", "provider", "stream"),
    )

    def __init__(
        self,
        provider: str,
        model: str,
        kind: Kind = "chat",
        stream: bool = False,
        own_key: bool = False,
    ) -> None:
        self.provider = provider
        self.model = model
        self.kind = kind
        self.stream = stream
        self.own_key = own_key
        self._began, self._clock = time.time(), time.monotonic()
        self._first: float | None = None
        self._ended = False

    def spoke(self) -> None:
        """Something was said: the first time counts."""
        if self._first is None:
            self._first = time.monotonic() - self._clock

    def end(self, error: BaseException | None, spent: Callable[[], Usage | None]) -> None:
        """Tell how it ended. ``spent`` says what it cost, where somebody wants to know."""
        if self._ended:
            return
        self._ended = True
        state = _state(error)
        tell(
            Outcome(
                provider=self.provider,
                model=self.model,
                kind=self.kind,
                stream=self.stream,
                state=state,
                error="" if error is None or state == "left" else type(error).__name__,
                status=error.status if isinstance(error, PenstockError) else None,
                began=self._began,
                first=self._first,
                took=time.monotonic() - self._clock,
                usage=spent() if _counting else None,
                own_key=self.own_key,
                probe=probing.get(),
            )
        )


def _state(error: BaseException | None) -> State:
    match error:
        case None:
            waiting = caller.get()
            return "drained" if waiting is not None and waiting.left else "complete"
        case asyncio.CancelledError() | GeneratorExit():
            return "left"
        case Timeout() | StreamStalled():
            return "timeout"
        case CallerError():
            return "refused"
        case _:
            return "failed"
