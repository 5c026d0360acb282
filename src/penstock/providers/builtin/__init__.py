"""What answers when nothing else is configured: ``builtin/eliza`` and ``builtin/echo``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from penstock.errors import EmptyStream, PenstockError, UnknownModel
from penstock.events import Event, Finish, Start, TextDelta
from penstock.generator import within
from penstock.provider import Provider
from penstock.providers.builtin.echo import echo
from penstock.providers.builtin.visit import visit
from penstock.transport import Timeouts
from penstock.types import ChatRequest, estimate_usage

_ANSWERS = {"eliza": visit, "echo": echo}


class Builtin(Provider):
    """Conversation without a model, a key or a network.

    ``eliza`` is Weizenbaum's DOCTOR of 1966; ``echo`` says the last user message again, at a
    pace and with the faults that the request's options ask for (echo.py).
    """

    url = "https://doi.org/10.1145/365153.365168"
    models = tuple(_ANSWERS)
    default_model = "eliza"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        try:
            async with aclosing(self._answer(request)) as events:
                async for event in events:
                    yield event
        except PenstockError as error:
            error.provider = self.name
            raise

    async def _answer(self, request: ChatRequest) -> AsyncGenerator[Event]:
        model = request.model or self.default_model
        if model not in _ANSWERS:
            known = ", ".join(_ANSWERS)
            raise UnknownModel(f"no model {model!r}; builtin knows {known}", param="model")
        yield Start("", f"{self.name}/{model}")
        limits = self.settings.timeouts or Timeouts()
        asked = sum(len(message.text.encode("utf-8", "replace")) for message in request.messages)
        said = size = 0
        async with aclosing(_ANSWERS[model](request)) as words:
            async for word in within(words, limits):
                if said == request.max_tokens:
                    yield Finish("length", "length", estimate_usage(size, asked))
                    return
                said += 1
                size += len(word.encode("utf-8", "replace"))
                yield TextDelta(word)
        if not said:
            raise EmptyStream(f"{self.name}/{model} said nothing")
        yield Finish("stop", "stop", estimate_usage(size, asked))
