"""HTTP over aiohttp: a request goes out, and its answer's body comes back chunk by chunk.

answer.py      aiohttp's own answer, bounded
sessions.py    pooled connections, for each event loop its own
deadlines.py   one timer for all limits of a call
failures.py    aiohttp's errors -> ours; proxies.py those of proxies
unpacking.py   what came compressed

aiohttp's own exceptions hold request headers and URLs with keys: none of them leaves this file,
not as a cause and not as text.
"""

from __future__ import annotations

import asyncio
import functools
import io
import math
import re
import ssl
from collections.abc import AsyncGenerator, Mapping

import aiohttp
import yarl

from penstock.errors import ConfigError, MalformedStream, PenstockError, StreamTruncated
from penstock.transport import Request, Response, origin, proxies, too_long
from penstock.transport.answer import cut
from penstock.transport.deadlines import Watch
from penstock.transport.failures import BROKEN, CUT, map_body_error, map_error
from penstock.transport.sessions import session
from penstock.transport.unpacking import unpacker

_LARGE = 2**20
"""Bytes of a question from which it is sent piece by piece, so that the loop goes on."""


class HTTPTransport:
    """The transport that everything uses unless told otherwise.

    ``ssl_context`` replaces the system's certificate authorities (which ``SSL_CERT_FILE`` names
    too); verification is never off.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        if ssl_context is not None and not (
            ssl_context.verify_mode is ssl.CERT_REQUIRED and ssl_context.check_hostname
        ):
            raise ConfigError("ssl_context does not verify certificates; add the CA to it instead")
        self._ssl: ssl.SSLContext | bool = ssl_context or True

    async def send(self, request: Request) -> Response:
        """Send ``request`` and wait for the answer's headers. Raises ``PenstockError``."""
        proxies.check(request.proxy)
        socks = request.proxy if request.proxy.startswith("socks") else ""
        pool = await session(socks, request.headers.get("Connection") == "close")
        # A loop that was blocked, by input() perhaps, has not seen yet which of the pooled
        # connections the services have closed meanwhile. This lets it look.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watch = Watch(request.timeouts)
        try:
            response = await pool.request(
                request.method,
                _exactly(request.url),
                data=_data(request.body),
                headers=request.headers,
                proxy=None if socks else request.proxy or None,
                ssl=self._ssl,
                allow_redirects=False,
                timeout=_connect_timeout(request.timeouts.connect),
            )
        except asyncio.CancelledError:
            watch.stop()
            if timeout := watch.expired(origin(request.url)):
                raise timeout from None
            raise
        except Exception as error:
            watch.stop()
            failed = [map_error(error, request)]
        else:
            if not proxies.answered(response, request):
                return _HTTPResponse(response, watch)
            watch.stop()
            response.close()
            failed = [proxies.refused(response.status, request)]
        raise failed.pop()  # out here, so that aiohttp's error, full of headers, is not its context


_ESCAPED = re.compile(r"[!-~]+")
"""An address that leaves nothing to escape; another would break the request's first line."""


def _exactly(url: str) -> str | yarl.URL:
    """The address with the escapes that it has, which may be signed; aiohttp would choose anew."""
    return yarl.URL(url, encoded=True) if "%" in url and _ESCAPED.fullmatch(url) else url


def _data(body: bytes) -> bytes | io.BytesIO | None:
    return io.BytesIO(body) if len(body) > _LARGE else body or None


@functools.lru_cache
def _connect_timeout(seconds: float | None) -> aiohttp.ClientTimeout:
    """``connect`` is all of it: the name, every address tried, TLS, the proxy's handshake.
    (``sock_connect`` would be one address.)"""
    return aiohttp.ClientTimeout(total=None, connect=seconds)


class _HTTPResponse:
    """An aiohttp response behind the seam."""

    def __init__(self, response: aiohttp.ClientResponse, watch: Watch) -> None:
        self.status = response.status
        self.reason = response.reason or ""
        self.headers: Mapping[str, str] = response.headers
        self.spoken = watch.spoken
        self._response = response
        self._watch = watch
        watch.guard(response)
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        self._closed = None if protocol is None else protocol.closed
        if self._closed is not None:
            self._closed.remove_done_callback(_look_away)
            self._closed.add_done_callback(self._lost)

    @property
    def delimited(self) -> bool:
        coding = self.headers.get("transfer-encoding", "")
        return "content-length" in self.headers or "chunked" in coding.lower()

    async def chunks(self, most: float = math.inf) -> AsyncGenerator[bytes]:
        content, watch = self._response.content, self._watch
        packed = unpacker(self.headers.get("content-encoding", ""))
        read, left = content.readany, most
        try:
            while True:
                watch.wait(content)
                chunk = await read()
                if not chunk:
                    break
                watch.go_on()
                for piece in (chunk,) if packed is None else packed.feed(chunk):
                    left -= len(piece)
                    if left < 0:
                        raise too_long(most)
                    yield piece
            if error := content.exception():  # what `_lost` has found
                raise error
            if packed is not None:
                packed.close()
            return
        except PenstockError as error:
            failed = [error]
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failed = [map_body_error(error)]
        finally:
            watch.stop()
        # aiohttp tells of an error of its own before it hands on what came before that.
        if content.exception() is not None and (came := content._read_nowait(-1)):
            for piece in (came,) if packed is None else packed.feed(came):
                yield piece
        raise failed.pop()  # out here for the same reason as in `send`

    async def close(self) -> None:
        self._watch.stop()
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
            self._closed.add_done_callback(_look_away)
            self._closed = None
        # An answer that was read to its end goes back to the pool; any other is cut.
        if self._response.content.at_eof():
            self._response.release()
        else:
            cut(self._response)

    def _lost(self, closed: asyncio.Future[None]) -> None:
        """The connection is gone. aiohttp takes a reset for the end of a body that has no other,
        and after broken framing it leaves the reader waiting."""
        content = self._response.content
        was_reset = not closed.cancelled() and closed.exception() is not None
        if was_reset and not self.delimited:
            content.set_exception(StreamTruncated(CUT))
        elif not content.is_eof() and content.exception() is None:
            content.set_exception(MalformedStream(BROKEN))


def _look_away(closed: asyncio.Future[None]) -> None:
    """A connection that nobody uses may be lost without a word in the log."""
    if not closed.cancelled():
        closed.exception()
