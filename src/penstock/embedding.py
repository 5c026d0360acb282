"""A call for embeddings: the request that it stands for, and several requests as one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.batches import estimated, join, split
from penstock.protocols.request_body import read_body
from penstock.types import EmbeddingRequest, Embeddings, Input, Purpose

Texts: TypeAlias = str | Iterable[str | Sequence[int]]
"""One text, or several; a text may come as the numbers of its tokens."""

AT_ONCE = 4
"""Requests of one call that are under way together."""

_LARGE = 1024 * 1024
"""Bytes of an answer that takes long enough to read for others to wait."""

_NAMED = ("dimensions", "purpose", "strict")
_PURPOSES = ", ".join(filter(None, get_args(Purpose)))


def question(texts: Texts, model: str, options: Mapping[str, Any]) -> EmbeddingRequest:
    """The request that a call stands for. Raises ``InvalidRequest`` naming the field."""
    named = {name: options[name] for name in _NAMED if options.get(name) is not None}
    extra = {name: value for name, value in options.items() if name not in _NAMED}
    said = {"model": model, "input": _inputs(texts), "extra": extra, **named}
    try:
        return read_body(said, EmbeddingRequest)
    except InvalidRequest as error:
        if error.param != "purpose":
            raise
        raise InvalidRequest(f"purpose must be one of {_PURPOSES}", param="purpose") from None


def _inputs(texts: Texts) -> tuple[Input, ...]:
    wrong = InvalidRequest("texts must be one string or a list of strings", param="texts")
    if isinstance(texts, Mapping | bytes) or not isinstance(texts, Iterable):
        raise wrong
    several = (texts,) if isinstance(texts, str) else tuple(texts)
    if not several:
        raise InvalidRequest("texts is empty: send at least one", param="texts")
    try:
        return msgspec.convert(several, tuple[Input, ...])
    except msgspec.ValidationError:
        raise wrong from None


class Embedder(Protocol):
    """What is known of a provider here."""

    name: str
    embedding_model: str


def model_of(provider: Embedder, asked: str, found: str) -> str:
    """The model that a call means: a provider's name alone, or no name at all, stands for the one
    that it embeds with, not for ``found``, which it chats with. Raises ``InvalidRequest`` where
    nobody knows one; a provider that has none at all says so itself, when it is asked."""
    if asked not in ("", provider.name):
        return found
    if not provider.embedding_model and getattr(provider, "embeddings", None) is not None:
        known = f"as {provider.name}/MODEL or openai/text-embedding-3-small"
        raise InvalidRequest(f"name a model that makes vectors, {known}", param="model")
    return provider.embedding_model


def unheeded(request: EmbeddingRequest, answer: Embeddings) -> tuple[str, ...]:
    """What the service was told and took no notice of, as services do that know no ``dimensions``.
    Eight dimensions of one bit each may come as one number."""
    wanted, given = request.dimensions, len(answer.vectors[0])
    return ("dimensions",) if wanted and given not in (wanted, wanted // 8) else ()


async def decode(form: EmbeddingFormat, body: bytes, request: EmbeddingRequest) -> Embeddings:
    """``form.decode_response``; of a large answer in a thread, so that the loop goes on."""
    if len(body) < _LARGE:
        return form.decode_response(body, request)
    return await asyncio.to_thread(form.decode_response, body, request)


async def ask_all(
    request: EmbeddingRequest,
    form: EmbeddingFormat,
    ask: Callable[[EmbeddingRequest], Awaitable[Embeddings]],
) -> Embeddings:
    """``request`` in as many requests as it takes, a few at a time. The first failure is the
    call's; what else was under way is cancelled."""
    parts = split(request, form)
    answers = [await ask(request)] if len(parts) == 1 else await _gather(parts, ask)
    answer = join(answers)
    return answer if answer.usage else replace(answer, usage=estimated(request))


async def _gather(
    parts: Sequence[EmbeddingRequest], ask: Callable[[EmbeddingRequest], Awaitable[Embeddings]]
) -> list[Embeddings]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(part: EmbeddingRequest) -> Embeddings:
        async with places:
            return await ask(part)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(part)) for part in parts]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
