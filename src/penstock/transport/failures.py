"""One map of errors: what aiohttp raises -> the error tree.

aiohttp's own exceptions hold request headers and URLs with keys: nothing of their text is taken
over but what TLS and the operating system say.
"""

from __future__ import annotations

import os
import ssl
from urllib.parse import urlsplit

import aiohttp

from penstock.errors import (
    CertificateRejected,
    ConfigError,
    ConnectionFailed,
    InvalidRequest,
    MalformedStream,
    PenstockError,
    StreamTruncated,
    Timeout,
    UnexpectedAnswer,
)
from penstock.transport import Request, origin, proxies

CUT = "the connection was cut before the service ended the answer"
BROKEN = "the answer's HTTP framing is broken"


def map_error(error: Exception, request: Request) -> Exception:
    """The error of ours for what sending ``request`` met; anything unknown as it is."""
    match error:
        case PenstockError():
            return error
        case _ if proxies.is_socks(error):
            return proxies.map_socks_error(error, request)
        case aiohttp.ConnectionTimeoutError():
            return _too_slow(request)
        case aiohttp.ClientHttpProxyError():
            return proxies.refused(error.status, request)
        case aiohttp.ClientProxyConnectionError():
            return proxies.silent(request)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return _insecure(error, request)
        case aiohttp.ClientConnectorError():
            return _unconnected(error, request)
        case aiohttp.NonHttpUrlClientError() | ValueError():
            return _unsendable(error, request)
        case aiohttp.ClientError() | OSError():
            return _unanswered(error, request)
        case _:
            return error


def map_body_error(error: Exception) -> PenstockError:
    """The same for what reading the answer's body met."""
    return MalformedStream(BROKEN) if isinstance(error, RuntimeError) else StreamTruncated(CUT)


def _too_slow(request: Request) -> PenstockError:
    seconds = request.timeouts.connect
    text = f"no connection to {_there(request)} within {seconds:g} s (connect)"
    return Timeout(text, limit="connect")


def _insecure(error: Exception, request: Request) -> PenstockError:
    whose = _whose(error, request)
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRejected(f"the certificate of {whose} does not verify: {_tls(error)}")
    return ConnectionFailed(f"TLS with {whose} failed: {_tls(error)}")


def _unconnected(error: aiohttp.ClientConnectorError, request: Request) -> PenstockError:
    whose, cause = _whose(error, request), error.os_error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ConnectionFailed(
            f"the name of {whose} is not known; check it, and whether this machine is online"
        )
    if isinstance(cause, ConnectionResetError) and not cause.errno and _is_https(request):
        # asyncio's own, which the kernel knows nothing of: the end came amid a handshake.
        return ConnectionFailed(f"TLS with {whose} failed: it was cut short")
    why = os.strerror(cause.errno).lower() if cause.errno else "refused"
    return ConnectionFailed(f"no connection to {_there(request)}: {why}")


def _unsendable(error: Exception, request: Request) -> PenstockError:
    """The question itself cannot be put into HTTP, or has no address to go to."""
    where = origin(request.url)
    if isinstance(error, aiohttp.ClientError):
        return ConfigError("the base_url is not a whole http or https URL; check it")
    if isinstance(error, UnicodeError):
        return ConfigError(f"{where} is not a name that can be looked up; check the base_url")
    if urlsplit(request.url).username is not None:
        return ConfigError("the base_url holds a user beside the key; keep one of the two")
    return InvalidRequest(
        f"a header for {where} holds a forbidden character; check the key for line ends"
    )


def _unanswered(error: Exception, request: Request) -> PenstockError:
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError)):
        return ConnectionFailed(f"{_there(request)} closed the connection without an answer")
    if isinstance(error, aiohttp.ClientResponseError):
        return UnexpectedAnswer(f"{origin(request.url)} does not speak HTTP as it should")
    return ConnectionFailed(f"the connection to {_there(request)} failed")


def _there(request: Request) -> str:
    """The service, and the proxy on the way to it."""
    through = f" through the proxy {origin(request.proxy)}" if request.proxy else ""
    return origin(request.url) + through


def _whose(error: Exception, request: Request) -> str:
    """Who could not be reached: the service, or the proxy on the way to it."""
    proxy = urlsplit(request.proxy)
    is_proxy = request.proxy and getattr(error, "host", None) == proxy.hostname
    return f"the proxy {origin(request.proxy)}" if is_proxy else origin(request.url)


def _is_https(request: Request) -> bool:
    return request.url.startswith("https:")


def _tls(error: Exception) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "handshake")
