"""How the tests of this folder ask: through two providers, of services made of raw bytes."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme

from penstock.errors import PenstockError
from penstock.http_provider import HTTPProvider
from penstock.providers.aura import Aura
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport import Timeouts
from penstock.transport.http import HTTPTransport
from raw import CANARY, SOON, Connection, Gate, Script, chunk, say, soon

PATIENT = Timeouts(connect=5, headers=5, first=5, idle=5, progress=5, total=10)

Provider = type[HTTPProvider]
PROVIDERS: tuple[Provider, ...] = (OpenAICompatible, Aura)

HELLO = chunk(say("Hello"))
PING = chunk(b": ping\n\n")


async def ask(provider: Provider, url: str, **settings: Any) -> list[str]:
    """All text chunks of an answer."""
    given = {"base_url": url, "timeouts": PATIENT, **settings}
    stream = provider(**given).create_async_generator("m", f"{CANARY}-question")
    return [text async for text in stream]


async def failure(provider: Provider, url: str, **settings: Any) -> PenstockError:
    """The error that a call ends in."""
    with pytest.raises(PenstockError) as caught:
        await ask(provider, url, **settings)
    return caught.value


async def end_of(stream: AsyncIterator[str], script: Script) -> PenstockError:
    """The error that a stream ends in; once it has spoken, the script's gates are opened."""
    try:
        async for _ in stream:
            for step in script:
                if isinstance(step, Gate):
                    step.open()
    except PenstockError as error:
        return error
    raise AssertionError("the stream ended clean")


def authority_and_context(
    *names: str, expires: datetime.datetime | None = None
) -> tuple[trustme.CA, ssl.SSLContext]:
    """A certificate authority of our own, and what a service needs that it has certified."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=expires).configure_cert(context)
    return authority, context


def trusting(authority: trustme.CA) -> HTTPTransport:
    """A transport that believes that authority, too."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return HTTPTransport(ssl_context=context)


async def latency(connection: Connection, left: float) -> None:
    """From leaving until the service sees the socket close it is never longer than ``SOON``."""
    seconds = await soon(connection.closed) - left
    print(f"left after {1000 * seconds:.1f} ms")
    assert seconds < SOON
