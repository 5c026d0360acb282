"""The easy way to write a provider: one generator, and everything else follows from it.

A subclass writes one of the three projections itself, as a class method; whichever it is,
``stream`` is lifted from it. The founding framework's base classes are other names of this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from inspect import getattr_static
from typing import Any

from penstock.errors import (
    EmptyStream,
    PenstockError,
    ServiceError,
    StreamStalled,
    error_for_status,
)
from penstock.events import Event, Finish, Start, TextDelta
from penstock.outcomes import Record
from penstock.protocols.openai_chat.request_encode import encode_request
from penstock.provider import Provider
from penstock.transport import Timeouts
from penstock.types import ChatRequest, estimate_usage

_END: Any = object()


class GeneratorProvider(Provider):
    """Write ``create_async_generator`` (yields ``str``), ``create_async`` (returns the text) or
    ``create_completion`` (a synchronous iterator of ``str``).

        class Shout(GeneratorProvider):
            \"\"\"Says it louder.\"\"\"

            @classmethod
            async def create_async_generator(cls, model, messages, **kwargs):
                yield messages[-1]["content"].upper()

    The generator's normal end is the end of the answer; an exception is a failure. ``proxy``,
    ``api_key`` and ``base_url`` are passed only where they are set.
    """

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        limits = self.settings.timeouts or Timeouts()
        chunks = self._chunks(request)
        asked = sum(len(message.text.encode("utf-8", "replace")) for message in request.messages)
        size = 0
        record = Record(self.name, request.model, stream=request.stream)
        ended: BaseException | None = None
        try:
            yield Start("", request.model)
            async for text in within(chunks, limits):
                record.spoke()
                size += len(text.encode("utf-8", "replace"))
                yield TextDelta(text)
            if not size:
                raise EmptyStream(f"{self.name} answered with nothing; try again")
        except PenstockError as error:
            error.provider = error.provider or self.name
            ended = error
            raise
        except Exception as error:
            ended = _mapped(error, self.name)
            raise ended from (None if _is_foreign(error) else error)
        except BaseException as error:
            ended = error
            raise
        finally:
            await chunks.aclose()
            record.end(ended, lambda: estimate_usage(size, asked))
        yield Finish("stop", None, estimate_usage(size, asked))

    async def _chunks(self, request: ChatRequest) -> AsyncGenerator[str]:
        """The author's own code, whichever of the three it is."""
        options = encode_request(request)
        options.pop("stream", None)
        for name in ("proxy", "api_key", "base_url"):
            if value := getattr(request, name, "") or getattr(self.settings, name):
                options[name] = str(value)
        arguments = {"model": request.model, **options}
        if self._wrote("create_async_generator"):
            source: AsyncIterator[str] = self.create_async_generator(**arguments)
            try:
                async for text in source:
                    if text:
                        yield text
            finally:
                close = getattr(source, "aclose", None)
                if close is not None:
                    await close()
        elif self._wrote("create_async"):
            yield await self.create_async(**arguments)
        else:
            arguments["stream"] = request.stream
            async for text in _in_thread(lambda: iter(self.create_completion(**arguments))):
                yield text

    def _wrote(self, name: str) -> bool:
        return getattr_static(type(self), name) is not getattr_static(Provider, name)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        written = ("create_async_generator", "create_async", "create_completion", "stream")
        here = (getattr_static(cls, name) for name in written)
        base = (getattr_static(GeneratorProvider, name) for name in written)
        if all(mine is theirs for mine, theirs in zip(here, base, strict=True)):
            raise TypeError(f"{cls.__name__} must write create_async_generator")


AbstractProvider = GeneratorProvider
AsyncProvider = GeneratorProvider
AsyncGeneratorProvider = GeneratorProvider


async def within(chunks: AsyncIterator[str], limits: Timeouts) -> AsyncGenerator[str]:
    """The chunks, each within its deadline (``first``, then ``idle``), all within ``total``."""
    loop = asyncio.get_running_loop()
    end = None if limits.total is None else loop.time() + limits.total
    limit, name = limits.first, "first"
    while True:
        until = None if limit is None else loop.time() + limit
        if end is not None and (until is None or end < until):
            until, limit, name = end, limits.total, "total"
        try:
            async with asyncio.timeout_at(until) as deadline:
                text = await anext(chunks, _END)
        except TimeoutError:
            if not deadline.expired():
                raise
            text = f"the stream stood still for {limit:g} s ({name})"
            raise StreamStalled(text, limit=name) from None
        if text is _END:
            return
        yield text
        limit, name = limits.idle, "idle"


async def _in_thread(start: Any) -> AsyncGenerator[str]:
    """A synchronous iterator, read in a thread so that the loop goes on."""
    source: Iterator[str] = await asyncio.to_thread(start)
    try:
        while (text := await asyncio.to_thread(next, source, _END)) is not _END:
            if text:
                yield text
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            with suppress(ValueError):  # it is running in its thread still, and stops by itself
                close()


def _is_foreign(error: Exception) -> bool:
    """Whether it is an HTTP library's: those hold headers, and so keys."""
    return type(error).__module__.partition(".")[0] in ("aiohttp", "httpx", "requests", "urllib3")


def _mapped(error: Exception, name: str) -> PenstockError:
    status = getattr(error, "status", None)
    if isinstance(status, int) and status >= 300:
        return error_for_status(status)(
            f"{name} was answered {status}", provider=name, status=status
        )
    kind = type(error).__name__
    return ServiceError(f"{name} failed with {kind}; its traceback says where", provider=name)
