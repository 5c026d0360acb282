"""HTTP over aiohttp: pooled connections per event loop, deadlines, and one map of errors.

aiohttp's own exceptions hold request headers and URLs with keys: none of them leaves this file,
not as a cause and not as text.
"""

from __future__ import annotations

import asyncio
import functools
import io
import math
import os
import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import yarl
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from penstock.errors import (
    CertificateRejected,
    ConfigError,
    ConnectionFailed,
    InvalidRequest,
    MalformedStream,
    MissingExtra,
    PenstockError,
    StreamStalled,
    StreamTruncated,
    Timeout,
    UnexpectedAnswer,
)
from penstock.transport import Request, Response, Timeouts, origin, too_long
from penstock.transport.unpacking import unpacker

_BUFFER = 2**16
"""Bytes read ahead of a slow reader before the service is made to wait (twice this)."""
_LARGE = 2**20
"""Bytes of a question from which it is sent piece by piece, so that the loop goes on."""
_HEADS = 100
"""How many heads an answer may have: interim ones (RFC 9110, section 15.2), then its own."""
_PROXIES = ("http", "https", "socks5", "socks5h")
_CUT = "the connection was cut before the service ended the answer"
_BROKEN = "the answer's HTTP framing is broken"


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
        _check_proxy(request.proxy)
        socks = request.proxy if request.proxy.startswith("socks") else ""
        session = await _session(socks, request.headers.get("Connection") == "close")
        # A loop that was blocked, by input() perhaps, has not seen yet which of the pooled
        # connections the services have closed meanwhile. This lets it look.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watch = _Watch(request.timeouts)
        try:
            response = await session.request(
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
            if limit := watch.expired():
                seconds = getattr(request.timeouts, limit)
                text = f"{origin(request.url)} did not answer within {seconds:g} s ({limit})"
                raise Timeout(text, limit=limit) from None
            raise
        except Exception as error:
            watch.stop()
            failed = [map_error(error, request)]
        else:
            if not _is_the_proxys(response, request):
                return _HTTPResponse(response, watch)
            watch.stop()
            response.close()
            failed = [_proxy_refused(response.status, request)]
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


class _Watch:
    """The deadlines of one call, kept by a single timer.

    It is set once, for the nearest deadline there can be; when it rings it looks what is due
    and sets itself again. So a chunk costs no timer, only two looks at the clock.
    """

    __slots__ = (
        "_body",
        "_cancelled",
        "_cancelling",
        "_loop",
        "_seen",
        "_silence",
        "_since",
        "_spoken",
        "_start",
        "_task",
        "_timeouts",
        "_timer",
    )

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._loop = loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._start = loop.time()
        self._since: float | None = None
        self._seen = 0
        self._silence = 0.0
        self._spoken = False
        self._cancelled = ""
        self._body: aiohttp.ClientResponse | None = None
        limits = (
            *(timeouts.headers, timeouts.first, timeouts.idle),
            *(timeouts.progress, timeouts.total),
        )
        nearest = min((limit for limit in limits if limit is not None), default=None)
        self._timer = None if nearest is None else loop.call_later(nearest, self._ring)

    def guard(self, response: aiohttp.ClientResponse) -> None:
        """The headers are there; from now on the body is watched."""
        self._body = response
        self._task = None

    def wait(self, content: aiohttp.StreamReader) -> None:
        self._since, self._seen = self._loop.time(), content.total_bytes

    def go_on(self) -> None:
        if self._since is not None:
            self._silence += self._loop.time() - self._since
            self._since = None

    def spoken(self) -> None:
        self._spoken = True
        self._silence = 0.0

    def stop(self) -> None:
        self._body = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def expired(self) -> str:
        """Which limit it was, if this watch cancelled the task and nobody else did as well."""
        task, self._task = self._task, None
        alone = self._cancelled and task is not None and task.uncancel() <= self._cancelling
        return self._cancelled if alone else ""

    def _is_ours(self) -> bool:
        """Whether it is our turn: nobody waits, or bytes lie there that nobody took yet."""
        body = self._body
        return self._since is None or (body is not None and body.content.total_bytes > self._seen)

    def _due(self) -> tuple[float, str, float]:
        """When the next deadline is, its name, and its limit in seconds. A limit whose time has
        not begun may begin now, so that the timer never rings too late for it."""
        limits, start, now = self._timeouts, self._start, self._loop.time()
        found: list[tuple[float, str, float]] = []
        if limits.headers is not None and self._task is not None:
            found.append((start + limits.headers, "headers", limits.headers))
        if limits.first is not None and not self._spoken:
            found.append((self._spared(start + limits.first), "first", limits.first))
        if limits.idle is not None:
            since = now if self._since is None or self._is_ours() else self._since
            found.append((since + limits.idle, "idle", limits.idle))
        if limits.progress is not None:
            found.append((self._progress_due(limits.progress, now), "progress", limits.progress))
        if limits.total is not None:
            found.append((start + limits.total, "total", limits.total))
        return min(found, default=(math.inf, "", 0))

    def _progress_due(self, limit: float, now: float) -> float:
        if not self._spoken:
            return now + limit
        since = now if self._since is None else self._since
        return self._spared(since + limit - self._silence)

    def _spared(self, when: float) -> float:
        """Not yet, where it is our turn: the reader may find that something was said."""
        body_is_ours = self._task is None and self._is_ours()
        return max(when, self._loop.time() + 0.1) if body_is_ours else when

    def _ring(self) -> None:
        when, name, limit = self._due()
        if when > self._loop.time():
            self._timer = None if when == math.inf else self._loop.call_at(when, self._ring)
        elif self._task is not None:
            self._cancelled = name
            self._task.cancel()
        elif self._body is not None:
            body, self._body = self._body, None
            text = f"the stream stood still: {_STALLED[name]} within {limit:g} s ({name})"
            body.content.set_exception(StreamStalled(text, limit=name))
            _cut(body)


_STALLED = {
    "idle": "not a byte came",
    "first": "nothing was said",
    "progress": "nothing was said",
    "total": "the answer did not end",
}


class _Answer(aiohttp.ClientResponse):
    """aiohttp's own, to which a service may not say for ever that it is about to answer (1xx)."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol: Any = connection.protocol
        read_head, left = protocol.read, iter(range(_HEADS))

        async def read() -> Any:
            if next(left, None) is None:
                raise HttpProcessingError(code=502)
            return await read_head()

        protocol.read = read
        try:
            return await super().start(connection)
        finally:
            del protocol.read  # the class has its own


class _HTTPResponse:
    """An aiohttp response behind the seam."""

    def __init__(self, response: aiohttp.ClientResponse, watch: _Watch) -> None:
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
            failed = [_map_body_error(error)]
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
            _cut(self._response)

    def _lost(self, closed: asyncio.Future[None]) -> None:
        """The connection is gone. aiohttp takes a reset for the end of a body that has no other,
        and after broken framing it leaves the reader waiting."""
        content = self._response.content
        was_reset = not closed.cancelled() and closed.exception() is not None
        if was_reset and not self.delimited:
            content.set_exception(StreamTruncated(_CUT))
        elif not content.is_eof() and content.exception() is None:
            content.set_exception(MalformedStream(_BROKEN))


def _look_away(closed: asyncio.Future[None]) -> None:
    """A connection that nobody uses may be lost without a word in the log."""
    if not closed.cancelled():
        closed.exception()


def _cut(response: aiohttp.ClientResponse) -> None:
    """Close the connection at once, whatever of the question still waits to be sent."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _map_body_error(error: Exception) -> PenstockError:
    if isinstance(error, RuntimeError):
        return MalformedStream(_BROKEN)
    return StreamTruncated(_CUT)


def map_error(error: Exception, request: Request) -> Exception:
    """The error of ours for what ``send`` met; anything unknown as it is."""
    where = origin(request.url)
    proxy = f" through the proxy {origin(request.proxy)}" if request.proxy else ""
    match error:
        case PenstockError():
            return error
        case _ if type(error).__module__.partition(".")[0] in ("aiohttp_socks", "python_socks"):
            return _map_socks_error(error, request)
        case aiohttp.ConnectionTimeoutError():
            limit = request.timeouts.connect
            text = f"no connection to {where}{proxy} within {limit:g} s (connect)"
            return Timeout(text, limit="connect")
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            whose = _whose(error, request)
            return CertificateRejected(f"the certificate of {whose} does not verify: {_tls(error)}")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return ConnectionFailed(f"TLS with {_whose(error, request)} failed: {_tls(error)}")
        case aiohttp.ClientHttpProxyError():
            return _proxy_refused(error.status, request)
        case aiohttp.ClientConnectorDNSError():
            return ConnectionFailed(
                f"the name of {_whose(error, request)} is not known; check it, and whether this "
                "machine is online"
            )
        case aiohttp.ClientProxyConnectionError():
            return _proxy_silent(request)
        case aiohttp.ClientConnectorError(os_error=ConnectionResetError(errno=None)) if (
            request.url.startswith("https:")
        ):
            # asyncio's own, which the kernel knows nothing of: the end came amid a handshake.
            return ConnectionFailed(f"TLS with {_whose(error, request)} failed: it was cut short")
        case aiohttp.ClientConnectorError():
            return ConnectionFailed(f"no connection to {where}{proxy}: {_os_reason(error)}")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigError("the base_url is not a whole http or https URL; check it")
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return ConnectionFailed(f"{where}{proxy} closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return UnexpectedAnswer(f"{where} does not speak HTTP as it should")
        case aiohttp.ClientError() | OSError():
            return ConnectionFailed(f"the connection to {where}{proxy} failed")
        case UnicodeError():
            return ConfigError(f"{where} is not a name that can be looked up; check the base_url")
        case ValueError() if urlsplit(request.url).username is not None:
            return ConfigError("the base_url holds a user beside the key; keep one of the two")
        case ValueError():
            return InvalidRequest(
                f"a header for {where} holds a forbidden character; check the key for line ends"
            )
        case _:
            return error


def _map_socks_error(error: Exception, request: Request) -> PenstockError:
    """aiohttp-socks and python-socks have trees of their own; they come with the extra."""
    where, proxy = origin(request.url), origin(request.proxy)
    kind = type(error).__name__
    if kind == "ProxyTimeoutError":
        text = f"no connection to {where} through the proxy {proxy} in time (connect)"
        return Timeout(text, limit="connect")
    if kind == "ProxyConnectionError":
        return _proxy_silent(request)
    if "authentication" in str(error):
        return ConnectionFailed(f"the proxy {proxy} refused us; check its user and password")
    return ConnectionFailed(f"the proxy {proxy} could not connect to {where}")


def _is_the_proxys(response: aiohttp.ClientResponse, request: Request) -> bool:
    """Whether a proxy answered in the service's place that it does not know us. tinyproxy says 401
    where it should say 407; no chat service asks for Basic authentication."""
    if not request.proxy or request.proxy.startswith("socks"):
        return False
    basic = response.headers.get("www-authenticate", "").lower().startswith("basic")
    plain = request.url.startswith("http:")
    return response.status == 407 or (response.status == 401 and basic and plain)


def _proxy_refused(status: int, request: Request) -> PenstockError:
    hint = "; check its user and password" if status in (401, 407) else ""
    return ConnectionFailed(f"the proxy {origin(request.proxy)} answered {status}{hint}")


def _proxy_silent(request: Request) -> PenstockError:
    return ConnectionFailed(f"no connection to the proxy {origin(request.proxy)}; is it running?")


def _whose(error: Exception, request: Request) -> str:
    """Who could not be reached: the service, or the proxy on the way to it."""
    proxy = urlsplit(request.proxy)
    is_proxy = request.proxy and getattr(error, "host", None) == proxy.hostname
    return f"the proxy {origin(request.proxy)}" if is_proxy else origin(request.url)


def _tls(error: Exception) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "handshake")


def _os_reason(error: aiohttp.ClientConnectorError) -> str:
    code = error.os_error.errno
    return os.strerror(code).lower() if code else "refused"


# Sessions: one per event loop and SOCKS proxy. Each lives in an asynchronous generator of its
# loop, so that `asyncio.run` closes it (shutdown_asyncgens) without anybody having to.

_Place: TypeAlias = tuple[asyncio.AbstractEventLoop, str, bool]
_sessions: dict[_Place, tuple[aiohttp.ClientSession, AsyncGenerator[object]]] = {}


async def _session(socks: str, once: bool) -> aiohttp.ClientSession:
    """The session of this loop and proxy. ``once``: its connections serve one question each, as
    they must who said ``Connection: close`` (RFC 9112, section 9.6); aiohttp would keep them."""
    place = asyncio.get_running_loop(), socks, once
    if found := _sessions.get(place):
        return found[0]
    for old in [old for old in list(_sessions) if old[0].is_closed()]:
        if left := _sessions.pop(old, None):  # its loop was closed without shutdown_asyncgens
            await left[0].close()
    keeper = _keep_session(place)
    session = await anext(keeper)
    _sessions[place] = session, keeper
    return session


async def _keep_session(place: _Place) -> AsyncGenerator[aiohttp.ClientSession]:
    session = aiohttp.ClientSession(
        connector=_connector(place[1], place[2]),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_BUFFER,
        response_class=_Answer,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
    try:
        yield session
    finally:
        _sessions.pop(place, None)
        await session.close()


def _disown() -> None:
    """In a forked child: the parent's connections are never touched again, not even by the end of
    the process. Closing one here would take it off the poll set that both processes share."""
    import ctypes

    for session, _ in _sessions.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)


def _connector(socks: str, once: bool) -> aiohttp.BaseConnector:
    if not socks:
        return aiohttp.TCPConnector(limit=0, force_close=once)
    try:
        from aiohttp_socks import ProxyConnector
    except ImportError:
        raise MissingExtra("a SOCKS proxy needs `pip install penstock[socks]`") from None
    # The proxy resolves the name, in socks5 as in socks5h: nothing leaks to the system's resolver.
    url = socks.replace("socks5h://", "socks5://")
    try:
        return ProxyConnector.from_url(url, rdns=True, limit=0, force_close=once)
    except ValueError:
        raise ConfigError(f"the proxy {origin(socks)} needs a port") from None


def _check_proxy(url: str) -> None:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in _PROXIES and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if url and (not whole or parts.path.strip("/") or parts.query or parts.fragment):
        raise ConfigError(
            "the proxy must be a URL like http://user:password@host:8080 (or https, socks5, "
            "socks5h), with special characters in the password percent-encoded"
        )
