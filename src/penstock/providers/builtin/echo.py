"""``builtin/echo``: the last user message again, word by word; for tests and demos.

Options of the request: ``delay`` (seconds before each word, 0), ``fault`` (``cut``, ``stall``,
``error`` or ``empty``) and ``after`` (how many words come before the fault, 0).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from penstock.errors import InvalidRequest, StreamFailed, StreamTruncated
from penstock.providers.builtin.words import words
from penstock.types import ChatRequest


class _Options(Struct):
    delay: Annotated[float, Meta(ge=0, le=60)] = 0
    fault: Literal["cut", "stall", "error", "empty"] | None = None
    after: Annotated[int, Meta(ge=0)] = 0


async def echo(request: ChatRequest) -> AsyncGenerator[str]:
    """The words, or the fault that was asked for."""
    options = _options(request.extra)
    said = words(_last(request))
    if options.fault is not None:
        said = [] if options.fault == "empty" else said[: options.after]
    for word in said:
        if options.delay:
            await asyncio.sleep(options.delay)
        yield word
    match options.fault:
        case "cut":
            raise StreamTruncated("echo was asked to cut the stream")
        case "error":
            raise StreamFailed("echo was asked to fail", type="echo_error")
        case "stall":
            await asyncio.Event().wait()


def _last(request: ChatRequest) -> str:
    texts = (message.text for message in reversed(request.messages) if message.role == "user")
    return next(texts, "")


def _options(extra: Mapping[str, Any]) -> _Options:
    try:
        return msgspec.convert(dict(extra), _Options)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise InvalidRequest(f"{where.strip('`')}: {what}", param=where.strip("`")) from None
