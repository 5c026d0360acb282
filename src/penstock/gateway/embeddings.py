"""Embeddings for callers: passed on as they are where the service is asked in the same form, else
translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from penstock.gateway.translation import told
from penstock.http_provider import HTTPProvider, read_whole
from penstock.protocols import json
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.answers import check_answer
from penstock.provider import Provider

Answered = tuple[bytes, dict[str, str]]
"""The body of an answer, and the headers that say what was lost."""


async def answer(
    form: EmbeddingFormat, provider: Provider, value: Mapping[str, Any], model: str, strict: bool
) -> Answered:
    """The answer to a caller's body (``form.with_path``). Raises ``PenstockError``."""
    if isinstance(provider, HTTPProvider):
        theirs = provider.embedding_format(model)
        relayed = theirs.relayed(value, model) if type(theirs) is type(form) else None
        if theirs and relayed is not None:
            return await _relay(provider, theirs, relayed, model), {}
    request = replace(form.decode_request(value), model=model, strict=strict)
    found = await provider.embed(request)
    return json.encode(form.encode_response(found, request)), told(found.loss)


async def _relay(
    provider: HTTPProvider, form: EmbeddingFormat, body: Mapping[str, Any], model: str
) -> bytes:
    """The service's own answer, unless it is a failure after all."""
    async with provider.open_embeddings(json.encode(body), form, model) as response:
        whole = await read_whole(response)
        check_answer(whole)
        return whole
