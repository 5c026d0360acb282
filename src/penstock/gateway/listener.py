"""The sockets towards callers: aiohttp's server, and nothing above it knows that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError, RawRequestMessage

from penstock.errors import ConfigError, InvalidRequest, PenstockError
from penstock.gateway.answer import Answer, Asked, Streamed, failure
from penstock.gateway.guard import check_address
from penstock.gateway.handler import Gateway, logger

_MAX_BODY = 32 * 1024 * 1024
_BACKLOG = 4096
_SLOW = 32 * 1024
"""Bytes that wait for a caller to read them, from which on the next write has a deadline."""
_WRITE_LIMIT = 30.0
"""Seconds for a caller who reads nothing."""


class _TooLarge(InvalidRequest):
    http_status = 413


@asynccontextmanager
async def listen(gateway: Gateway, host: str, port: int) -> AsyncGenerator[tuple[str, int]]:
    """Answer callers at ``host:port`` (0: any free port) inside the block; gives the address.

    Raises ``ConfigError`` for an address that is not loopback or is taken.
    """
    check_address(host)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await _answer(gateway, request)

    server = web.Server(
        answer, request_factory=_request, handler_cancellation=True, access_log=None
    )
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else "it cannot be used"
            raise ConfigError(f"{host}:{port}: {reason}; choose another --port") from None
        address = runner.addresses[0]
        gateway.address = address[0], address[1]
        yield gateway.address
    finally:
        await runner.cleanup()


def _request(
    message: RawRequestMessage, payload: Any, protocol: Any, writer: Any, task: Any
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=_MAX_BODY
    )


async def _answer(gateway: Gateway, request: web.BaseRequest) -> web.StreamResponse:
    try:
        if "Expect" in request.headers:
            await _encourage(request)
        body = await request.read() if request.body_exists else b""
    except web.HTTPRequestEntityTooLarge:
        too_large = _TooLarge(f"the body is larger than {_MAX_BODY} bytes")
        return _whole(failure(gateway.plain.protocol, too_large))
    except (web.RequestPayloadError, HttpProcessingError):
        unreadable = InvalidRequest("the body cannot be read; check its length and its encoding")
        return _whole(failure(gateway.plain.protocol, unreadable))
    asked = Asked(request.method, request.path, request.headers, body, request.path_qs)
    answer = await gateway.handle(asked)
    if isinstance(answer.body, bytes):
        return _whole(answer)
    return await _stream(request, answer, answer.body)


async def _encourage(request: web.BaseRequest) -> None:
    """A caller who waits for ``100 Continue`` before it sends its body gets it."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        writer = request.writer
        await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.output_size = 0


def _whole(answer: Answer) -> web.Response:
    body = answer.body if isinstance(answer.body, bytes) else b""
    return web.Response(
        status=answer.status, reason=answer.reason, headers=answer.headers, body=body
    )


async def _stream(
    request: web.BaseRequest, answer: Answer, streamed: Streamed
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    async with aclosing(streamed.rest) as chunks:
        await response.prepare(request)
        transport = request.transport
        if transport is None:  # the caller has left
            return response
        write = response.write
        try:
            try:
                await _patiently(write, streamed.first)
                async for chunk in chunks:
                    if transport.get_write_buffer_size() + len(chunk) < _SLOW:
                        await write(chunk)
                    else:
                        await _patiently(write, chunk)
            except PenstockError as error:
                logger.warning("answer cut: %s", error.message)
                await _patiently(write, streamed.tell(error))
                transport.close()  # what was written goes out; the last chunk never
        except TimeoutError:
            transport.abort()
    return response


async def _patiently(write: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
    """Write to a caller who may read slowly, or not at all. Raises ``TimeoutError``."""
    async with asyncio.timeout(_WRITE_LIMIT):
        await write(data)
