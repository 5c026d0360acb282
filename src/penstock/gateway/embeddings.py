"""Embeddings for callers: passed on as they are where the service is asked in the same form, else
translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from penstock import embedding
from penstock.errors import InvalidRequest
from penstock.exchange import VECTORS, read_whole
from penstock.gateway.translation import told
from penstock.http_provider import HTTPProvider
from penstock.protocols import json
from penstock.protocols.embeddings import CallerFormat
from penstock.protocols.embeddings.answers import check_answer
from penstock.protocols.embeddings.batches import split
from penstock.provider import Provider
from penstock.types import EmbeddingRequest

Answered: TypeAlias = tuple[bytes, dict[str, str]]
"""The body of an answer, and the headers that say what was lost."""

Asked: TypeAlias = EmbeddingRequest | InvalidRequest
"""What a caller asks, or what we do not understand of it."""


async def answer(
    form: CallerFormat, provider: Provider, value: Mapping[str, Any], model: str, strict: bool
) -> Answered:
    """The answer to a caller's body (``form.with_path``). Raises ``PenstockError``."""
    asked = _read(form, value)
    if isinstance(asked, EmbeddingRequest):
        asked = replace(asked, model=model, strict=strict)
    if isinstance(provider, HTTPProvider):
        theirs = provider.embedding_format(model)
        if isinstance(theirs, CallerFormat) and type(theirs) is type(form) and _fits(asked, theirs):
            return await _relay(provider, theirs, value, model, asked)
    if isinstance(asked, InvalidRequest):
        raise asked
    found = await provider.embed(asked)
    return json.encode(form.encode_response(found, asked)), told(found.loss)


def _read(form: CallerFormat, value: Mapping[str, Any]) -> Asked:
    try:
        return form.decode_request(value)
    except InvalidRequest as error:
        return error


def _fits(asked: Asked, form: CallerFormat) -> bool:
    """Whether it is one request of the service; what we cannot read is for the service to judge."""
    return isinstance(asked, InvalidRequest) or len(split(asked, form)) == 1


async def _relay(
    provider: HTTPProvider, form: CallerFormat, value: Mapping[str, Any], model: str, asked: Asked
) -> Answered:
    """The service's own answer, unless it is none after all."""
    body = json.encode(form.relayed(value, model))
    async with provider.open_embeddings(body, form, model) as response:
        whole = await read_whole(response, VECTORS)
        lost = await _lost(form, whole, asked)
    if lost and isinstance(asked, EmbeddingRequest) and asked.strict:
        raise InvalidRequest(
            f"{provider.name} took no notice of {lost[0]}; leave it out or ask without strict",
            param=lost[0],
        )
    return whole, told(lost)


async def _lost(form: CallerFormat, whole: bytes, asked: Asked) -> tuple[str, ...]:
    """What the service took no notice of. Raises where its answer is none; of an answer to words
    of its own no more is known than how many vectors it has."""
    if isinstance(asked, EmbeddingRequest) and form.is_plain(asked):
        return embedding.unheeded(asked, await embedding.decode(form, whole, asked))
    count = len(asked.input) if isinstance(asked, EmbeddingRequest) else None
    check_answer(whole, form.vectors, count)
    return ()
