"""Continuation: another service goes on with an answer that was cut amid its text.

It is asked the same question, and given what was said: as the beginning of its own answer
(prefilled), where its model takes that (``Provider.prefills``); else as its answer so far, with an
instruction to go on. Who refuses the first is asked in the second way, now and from then on. Where
nothing but white space was said, the question is asked as it was.

Reasoning is not passed on: it was another's. The longest answer that was asked for is shortened by
what was said, as far as that can be estimated.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from msgspec.structs import replace

from penstock.errors import EmptyStream, InvalidRequest, PenstockError, UnknownModel
from penstock.events import Event
from penstock.http_provider import HTTPProvider
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.protocols.openai_chat.request_decode import NAME as OPENAI
from penstock.provider import Call, Provider, T
from penstock.routing.joint import Joint
from penstock.routing.routed import heard
from penstock.routing.seam import Seam, ending, instructed, prefilled
from penstock.routing.spoken import Spoken
from penstock.types import ChatRequest, Message, TextPart, ToolCallPart, estimate_usage

GO_ON = (
    "Your answer above was cut off by a technical fault. Go on with it exactly after its last "
    "character, as if nothing had happened: add no introduction and no remark about the "
    "interruption, and keep to its language and its form."
)
"""What a model is told that cannot be given the beginning as its own."""
AGAIN = "Begin with its last words once more, exactly as they stand: {}"
"""And this, so that it hits what stands between two words; what it says again is left out."""

_LONGEST = "max_completion_tokens"
_MARK = {"prefix": True}
"""What Mistral and DeepSeek want with such a beginning, in OpenAI chat's messages; dialects say it
otherwise where it is said otherwise."""


@dataclass(slots=True)
class Continued(Call[T]):
    """A call whose answer, once something was ``spoken``, is asked for from there on."""

    spoken: Spoken = field(default_factory=Spoken)

    def can_go_on(self, error: PenstockError) -> bool:
        """Whether another service can take up the answer that ``error`` has cut."""
        return error.elsewhere and bool(self.spoken) and self.spoken.can_go_on(self.request())


def continued(call: Call[T], refusing: set[tuple[str, str]]) -> Continued[T]:
    """``call``, to be asked again after its answer was cut. ``refusing``: the providers and models
    that are not given the beginning as their own; it grows.

    Of routes within routes each hears what passes it: what the outer one hears may be late, where
    a ``Drain`` between them reads ahead."""
    spoken = call.spoken.copy() if isinstance(call, Continued) else Spoken()

    def ask(provider: Provider, model: str) -> AsyncGenerator[T]:
        if not spoken:
            return call.ask(provider, model)
        rest = _Rest(call, spoken, refusing)
        # Only events are ever spoken, so that T is Event here.
        return cast("AsyncGenerator[T]", rest.ask(provider, model))

    return Continued(ask, call.request, call.model, call.deadline, call.attempts, spoken)


class _Rest:
    """What is left of an answer, to be asked for at one service."""

    def __init__(self, call: Call[Any], spoken: Spoken, refusing: set[tuple[str, str]]) -> None:
        self._call, self._spoken, self._refusing = call, spoken, refusing
        self._said = spoken.text

    async def ask(self, provider: Provider, model: str) -> AsyncGenerator[Event]:
        """Its events as parts of the answer that was begun. Nothing comes before something new was
        said, as always."""
        request = _shorter(replace(self._call.request(), model=model), self._said)
        who = (provider.name, model)
        ways: list[_Way] = [self._prefilled, self._instructed]
        if not self._said.strip():
            ways = [self._prefilled]
        elif who in self._refusing or _thinks(request) or not provider.prefills(model):
            ways = [self._instructed]
        async with aclosing(self._asked(ways, provider, request)) as events:
            async for event in events:
                yield event

    async def _asked(
        self, ways: list[_Way], provider: Provider, request: ChatRequest
    ) -> AsyncGenerator[Event]:
        """The events of the first way that the service does not refuse."""
        for number, way in enumerate(ways, 1):
            events = self._joined(*way(provider, request), provider)
            try:
                first = await anext(events)
            except InvalidRequest as error:
                if number == len(ways) or isinstance(error, UnknownModel):
                    raise
                continue
            if number > 1:  # it was the way that was refused, not the question
                self._refusing.add((provider.name, request.model))
            async with aclosing(events):
                yield first
                async for event in events:
                    yield event
            return

    async def _joined(
        self, request: ChatRequest, seam: Seam, provider: Provider
    ) -> AsyncGenerator[Event]:
        joint = Joint(self._spoken, seam, self._call.attempts)
        spoke = False
        asked = heard(provider.stream(request), self._call.attempts, provider.name)
        async with aclosing(asked) as events:
            async for event in events:
                for part in joint.feed(event):
                    spoke = True
                    yield part
        if not spoke:
            text = "the continuation ended before it said anything; try again"
            raise EmptyStream(text, provider=provider.name)

    def _prefilled(self, provider: Provider, request: ChatRequest) -> tuple[ChatRequest, Seam]:
        """What was said as the beginning of the model's own answer."""
        beginning = self._said.rstrip()
        if not beginning:
            return request, prefilled(self._said)
        request = _with_turn(request, beginning, _MARK)
        echoes = isinstance(provider, HTTPProvider) and provider.echoes
        return request, prefilled(self._said, request.messages[-1].text if echoes else "")

    def _instructed(self, provider: Provider, request: ChatRequest) -> tuple[ChatRequest, Seam]:
        """What was said as the model's answer so far, and that it shall go on."""
        request = _with_turn(request, self._said)
        last = ending(self._said)
        told = Message("user", (TextPart(f"{GO_ON} {AGAIN.format(last)}" if last else GO_ON),))
        return replace(request, messages=(*request.messages, told)), instructed(self._said)


_Way = Callable[[Provider, ChatRequest], "tuple[ChatRequest, Seam]"]


def _with_turn(request: ChatRequest, text: str, mark: dict[str, Any] | None = None) -> ChatRequest:
    """The question with what was said to it as the last turn, behind what the caller may have put
    into the model's mouth."""
    *before, last = request.messages or (Message("user"),)
    if last.role != "assistant" or any(isinstance(part, ToolCallPart) for part in last.content):
        before, last = [*before, last], Message("assistant")
    metadata = dict(last.metadata or {})
    if mark:
        metadata[OPENAI] = kept_for(OPENAI, metadata) | mark
    turn = Message("assistant", (*last.content, TextPart(text)), metadata or None)
    return replace(request, messages=(*before, turn))


def _shorter(request: ChatRequest, said: str) -> ChatRequest:
    """The question for an answer that is shorter by what was said; a reasoning model's budget, for
    which there has to be room, stays."""
    most = request.max_tokens
    if most is None:
        return request
    spent = estimate_usage(len(said.encode(errors="replace"))).output or 0
    least = max(request.reasoning_budget or 0, 0) + 1
    left = min(most, max(most - spent, least))
    kept = kept_for(OPENAI, request.metadata)
    metadata = request.metadata
    if _LONGEST in (raw := kept.get(RAW, {})):  # it goes before the field
        metadata = {**(metadata or {}), OPENAI: {**kept, RAW: {**raw, _LONGEST: left}}}
    return replace(request, max_tokens=left, metadata=metadata)


def _thinks(request: ChatRequest) -> bool:
    """Whether reasoning is asked for, beside which Claude and llama.cpp refuse a beginning
    (https://platform.claude.com/docs/en/build-with-claude/extended-thinking,
    https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md)."""
    return bool(request.reasoning_budget) or request.reasoning_effort not in (None, "none")
