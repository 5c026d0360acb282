"""A request's body as the question that it asks, read leniently: what is asked does not matter."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.faults.paths import Place
from penstock.faults.reading import Request
from penstock.protocols import json
from penstock.protocols.loss import RAW
from penstock.types import ChatRequest

_LARGE = 2**20
"""Bytes that are not read where they would keep others waiting."""


async def read(place: Place, request: Request) -> ChatRequest:
    """The question. Raises ``InvalidRequest``."""
    if len(request.body) > _LARGE:
        return await asyncio.to_thread(_read, place, request)
    return _read(place, request)


def _read(place: Place, request: Request) -> ChatRequest:
    protocol = place.protocol
    body = protocol.with_path({**place.said, **_object(request.body)}, request.target)
    model, stream = protocol.peek(body)
    try:
        question = protocol.decode_request(body)
    except InvalidRequest:  # a service would refuse it; here it shall be answered
        question = ChatRequest(metadata={protocol.family: {RAW: body}})
    return replace(question, model=model, stream=stream)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        raise InvalidRequest("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value
