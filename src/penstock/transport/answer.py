"""aiohttp's own answer, with an end to its heads, and a way to cut it off at once."""

from __future__ import annotations

import asyncio

import aiohttp

_HEADS = 100
"""How many heads an answer may have: interim ones (RFC 9110, section 15.2), then its own."""


class Answer(aiohttp.ClientResponse):
    """aiohttp's own, to which a service may not say for ever that it is about to answer (1xx)."""

    _interim = 0
    _awaited: asyncio.Future[bool] | None = None

    # aiohttp looks here after each interim head, so that counting costs an ordinary answer nothing.
    @property
    def _continue(self) -> asyncio.Future[bool] | None:
        self._interim += 1
        if self._interim == _HEADS:
            raise aiohttp.ClientResponseError(self.request_info, self.history)
        return self._awaited

    @_continue.setter
    def _continue(self, awaited: asyncio.Future[bool] | None) -> None:
        self._awaited = awaited


def cut(response: aiohttp.ClientResponse) -> None:
    """Close the connection at once, whatever of the question still waits to be sent."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()
