"""HTTP over aiohttp: pooled connections per event loop, deadlines, and one map of errors.

aiohttp's own exceptions hold request headers and URLs with keys: none of them leaves this file,
not as a cause and not as text.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from weakref import WeakKeyDictionary

import aiohttp

from penstock.errors import (
    CertificateRejected,
    ConfigError,
    ConnectionFailed,
    InvalidRequest,
    MissingExtra,
    PenstockError,
    StreamStalled,
    StreamTruncated,
    Timeout,
    UnexpectedAnswer,
)
from penstock.transport import Request, Response, Timeouts, origin

_BUFFER = 2**16
"""Bytes read ahead of a slow reader before the service is made to wait (twice this)."""


class HTTPTransport:
    """The transport that everything uses unless told otherwise.

    ``ssl_context`` replaces the system's certificate authorities (which ``SSL_CERT_FILE`` names
    too); verification is never off.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        if ssl_context is not None and ssl_context.verify_mode is not ssl.CERT_REQUIRED:
            raise ConfigError("ssl_context does not verify certificates; add the CA to it instead")
        self._ssl: ssl.SSLContext | bool = ssl_context or True

    async def send(self, request: Request) -> Response:
        socks = request.proxy if request.proxy.startswith("socks") else ""
        session = await _session(socks)
        watch = _Watch(request.timeouts)
        try:
            async with asyncio.timeout(request.timeouts.headers):
                response = await session.request(
                    request.method,
                    request.url,
                    data=request.body or None,
                    headers=request.headers,
                    proxy=None if socks else request.proxy or None,
                    ssl=self._ssl,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=request.timeouts.connect),
                )
        except Exception as error:
            raise map_error(error, request) from None
        return _HTTPResponse(response, watch)


class _Watch:
    """The deadlines of one answer, kept by a single timer."""

    __slots__ = ("_body", "_loop", "_spoken", "_start", "_timeouts", "_timer", "_waiting")

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._waiting: float | None = None
        self._spoken = False
        self._timer: asyncio.TimerHandle | None = None
        self._body: aiohttp.ClientResponse | None = None

    def guard(self, response: aiohttp.ClientResponse) -> None:
        self._body = response
        self._check()

    def wait(self) -> None:
        self._waiting = self._loop.time()

    def go_on(self) -> None:
        self._waiting = None

    def spoken(self) -> None:
        self._spoken = True

    def stop(self) -> None:
        self._body = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _deadlines(self) -> list[tuple[float, str]]:
        limits, now = self._timeouts, self._loop.time()
        found: list[tuple[float, str]] = []
        if limits.idle is not None:
            since = now if self._waiting is None else self._waiting
            found.append((since + limits.idle, f"no byte for {limits.idle:g} s (idle)"))
        if limits.first is not None and not self._spoken:
            text = f"nothing was said within {limits.first:g} s (first)"
            found.append((self._start + limits.first, text))
        if limits.total is not None:
            text = f"not finished within {limits.total:g} s (total)"
            found.append((self._start + limits.total, text))
        return found

    def _check(self) -> None:
        if self._body is None or not (deadlines := self._deadlines()):
            return
        when, why = min(deadlines)
        if when > self._loop.time():
            self._timer = self._loop.call_at(when, self._check)
            return
        body, self._body = self._body, None
        body.content.set_exception(StreamStalled(f"the stream stood still: {why}"))
        body.close()


class _HTTPResponse:
    """An aiohttp response behind the seam."""

    def __init__(self, response: aiohttp.ClientResponse, watch: _Watch) -> None:
        self.status = response.status
        self.reason = response.reason or ""
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }
        self.spoken = watch.spoken
        self._response = response
        self._watch = watch
        watch.guard(response)

    @property
    def delimited(self) -> bool:
        coding = self.headers.get("transfer-encoding", "")
        return "content-length" in self.headers or "chunked" in coding.lower()

    async def chunks(self) -> AsyncGenerator[bytes]:
        read, watch = self._response.content.readany, self._watch
        try:
            while True:
                watch.wait()
                chunk = await read()
                if not chunk:
                    return
                watch.go_on()
                yield chunk
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _map_body_error(error) from None
        finally:
            watch.stop()

    async def close(self) -> None:
        self._watch.stop()
        # An answer that was read to its end goes back to the pool; any other is cut.
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def _map_body_error(error: Exception) -> PenstockError:
    if isinstance(error, PenstockError):
        return error
    return StreamTruncated("the connection was cut before the service ended the answer")


def map_error(error: Exception, request: Request) -> PenstockError:
    """The error of ours for what ``send`` met. Anything unknown is raised as it is."""
    where = origin(request.url)
    proxy = f" through the proxy {origin(request.proxy)}" if request.proxy else ""
    match error:
        case PenstockError():
            return error
        case aiohttp.ConnectionTimeoutError():
            limit = request.timeouts.connect
            return Timeout(f"no connection to {where}{proxy} within {limit:g} s (connect)")
        case TimeoutError():
            limit = request.timeouts.headers
            return Timeout(f"{where} did not answer within {limit:g} s (headers)")
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return CertificateRejected(f"the certificate of {where} does not verify: {_tls(error)}")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return ConnectionFailed(f"TLS with {where}{proxy} failed: {_tls(error)}")
        case aiohttp.ClientHttpProxyError():
            hint = "; check its user and password" if error.status == 407 else ""
            return ConnectionFailed(f"the proxy answered {error.status}{proxy}{hint}")
        case aiohttp.ClientProxyConnectionError():
            return ConnectionFailed(f"no connection{proxy}: is it running?")
        case aiohttp.ClientConnectorDNSError():
            return ConnectionFailed(f"the name of {where} is not known; check the base_url")
        case aiohttp.ClientConnectorError():
            return ConnectionFailed(f"no connection to {where}{proxy}: {_os_reason(error)}")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigError(f"{where} is not an http or https URL; check base_url and proxy")
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return ConnectionFailed(f"{where}{proxy} closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return UnexpectedAnswer(f"{where} does not speak HTTP as it should")
        case aiohttp.ClientError() | OSError():
            return ConnectionFailed(f"the connection to {where}{proxy} failed")
        case ValueError():
            return InvalidRequest(f"a header for {where} holds a forbidden character")
        case _:
            return _map_proxy_error(error, where, proxy)


def _map_proxy_error(error: Exception, where: str, proxy: str) -> PenstockError:
    """python-socks has a tree of its own; it is only there with the extra."""
    if type(error).__module__.startswith("python_socks"):
        return ConnectionFailed(f"no connection to {where}{proxy}; check its address and user")
    raise error


def _tls(error: Exception) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "handshake")


def _os_reason(error: aiohttp.ClientConnectorError) -> str:
    return (error.os_error.strerror or "refused").lower()


# Sessions: one per event loop and SOCKS proxy. Each lives in an asynchronous generator of its
# loop, so that `asyncio.run` closes it (shutdown_asyncgens) without anybody having to.

_sessions: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[str, tuple[aiohttp.ClientSession, AsyncGenerator[object]]]
] = WeakKeyDictionary()


async def _session(socks: str) -> aiohttp.ClientSession:
    mine = _sessions.setdefault(asyncio.get_running_loop(), {})
    if found := mine.get(socks):
        return found[0]
    keeper = _keep_session(socks)
    session = await anext(keeper)
    mine[socks] = session, keeper
    return session


async def _keep_session(socks: str) -> AsyncGenerator[aiohttp.ClientSession]:
    session = aiohttp.ClientSession(
        connector=_connector(socks),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_BUFFER,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
    try:
        yield session
    finally:
        await session.close()


def _connector(socks: str) -> aiohttp.BaseConnector:
    if not socks:
        return aiohttp.TCPConnector(limit=0)
    try:
        from aiohttp_socks import ProxyConnector
    except ImportError:
        raise MissingExtra("a SOCKS proxy needs `pip install penstock[socks]`") from None
    # socks5h: the proxy resolves the name; plain socks5 asks the system first.
    url = socks.replace("socks5h://", "socks5://")
    try:
        return ProxyConnector.from_url(url, rdns=True, limit=0)
    except ValueError:
        raise ConfigError(f"proxy {origin(socks)} is not a URL of a proxy") from None
