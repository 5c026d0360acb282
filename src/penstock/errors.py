"""One error tree. The class says whose fault it is and whether trying again can help.

    PenstockError
    ├── CallerError              the question or the configuration is wrong; do not repeat it
    │   ├── ConfigError          a setting is missing or wrong
    │   │   └── MissingExtra     a feature's package is not installed
    │   ├── InvalidRequest       a field is missing or wrong (400, 413, 422); a ValueError
    │   │   └── UnknownModel     no such model (404); a ValueError
    │   ├── Unauthorized         no key, a wrong key, or not allowed (401, 403)
    │   └── ContentFiltered      the service refused the prompt's content
    └── ServiceError             not the caller's fault; another try or another service may help
        ├── RateLimited          too many requests or no quota (429)
        ├── Unavailable          the service says it failed or is overloaded (5xx)
        ├── ConnectionFailed     nothing could be sent: DNS, refused, TLS, proxy
        │   └── CertificateRejected  the service's certificate does not verify; do not repeat
        ├── Timeout              a limit ran out before the answer began
        ├── Redirected           the service sent us elsewhere; never followed
        ├── UnexpectedAnswer     the answer is not of the service's protocol (HTML, wrong JSON)
        └── StreamError          the answer began and did not end well
            ├── EmptyStream      the answer ended before it said anything
            ├── StreamTruncated  the bytes ended before the service's own end of the stream
            ├── StreamStalled    first, idle, progress or total ran out amid the answer
            ├── MalformedStream  bytes that the protocol does not allow
            └── StreamFailed     the service reported an error inside the stream

Messages name the next step and never hold a key, a header, or an HTTP library's own text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.types import Usage


class PenstockError(Exception):
    """Anything that penstock raises. ``str(error)`` says what happened and what to do next.

    ``status``: the service's HTTP status, or ``None``. ``type`` and ``code``: the service's own
    words for the error; ``param``: the field it is about. ``provider``: who answered, and
    ``request_id`` its name for the call. ``retry_after``: seconds, where the service said so.
    ``limit``: which of ours ran out, where one did (``connect``, ``total``, …). ``model``: what was
    asked, and ``usage`` what that cost all the same, as far as is known. ``others``: what the other
    targets of a route failed with, in the order they were asked.
    """

    retryable = False
    """Whether the very same call may work later."""
    elsewhere = False
    """Whether another service may answer the same question."""
    http_status = 500
    """The status that the gateway answers with."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        provider: str = "",
        retry_after: float | None = None,
        request_id: str | None = None,
        limit: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.provider = provider
        self.retry_after = retry_after
        self.request_id = request_id
        self.model = ""
        self.usage: Usage | None = None
        self.others: tuple[PenstockError, ...] = ()
        self.limit = limit
        self.noted = False
        """Whether a route has told of it already."""


class CallerError(PenstockError):
    """The question or the configuration is wrong; repeating it cannot help."""

    http_status = 400


class ConfigError(CallerError):
    """A setting is missing or wrong."""

    elsewhere = True
    http_status = 500


class MissingExtra(ConfigError):
    """A feature's package is not installed; the message says which extra brings it."""


class InvalidRequest(CallerError, ValueError):
    """A field of the request is missing or wrong; ``param`` names it."""


class UnknownModel(InvalidRequest):
    """No such model; the message names those that are known."""

    elsewhere = True
    http_status = 404


class Unauthorized(CallerError):
    """No key, a wrong key, or a key that may not do this."""

    elsewhere = True
    http_status = 401


class ContentFiltered(CallerError):
    """The service refused to answer because of the prompt's content."""


class ServiceError(PenstockError):
    """Not the caller's fault; another try, or another service, may help."""

    retryable = True
    elsewhere = True
    http_status = 502


class RateLimited(ServiceError):
    """Too many requests, or no quota left; see ``retry_after``."""

    http_status = 429


class Unavailable(ServiceError):
    """The service says that it failed or is overloaded."""


class ConnectionFailed(ServiceError):
    """Nothing could be sent: the name, the connection, TLS or the proxy failed."""


class CertificateRejected(ConnectionFailed):
    """The service's certificate does not verify. Verification is never switched off."""

    retryable = False


class Timeout(ServiceError):
    """A limit ran out before the answer began: ours, which ``limit`` names (``connect``,
    ``headers``, ``first``, ``total``), or one of the service's own (408, 504)."""

    http_status = 504


class Redirected(ServiceError):
    """The service redirects elsewhere; a key or a prompt is never sent after a redirect."""

    retryable = False


class UnexpectedAnswer(ServiceError):
    """The answer is not of the service's protocol: an HTML page, other JSON, other framing."""


class StreamError(ServiceError):
    """The answer began and did not end well: what came before is true, but not all."""


class EmptyStream(StreamError):
    """The answer ended before it said anything."""


class StreamTruncated(StreamError):
    """The bytes ended before the service's own end of the stream was seen."""


class StreamStalled(StreamError):
    """The answer began and stood still, or did not end: ``limit`` names what ran out (``first``,
    ``idle``, ``progress``, ``total``)."""

    http_status = 504


class MalformedStream(StreamError):
    """The stream holds bytes that its protocol does not allow."""


class StreamFailed(StreamError):
    """The service reported an error inside the stream; ``type`` and ``code`` are its words."""


def error_for_status(status: int) -> type[PenstockError]:
    """The class for an HTTP status of 300 and above."""
    if status < 400:
        return Redirected
    if status in (401, 403):
        return Unauthorized
    if status == 429:
        return RateLimited
    if status in (408, 504):
        return Timeout
    return InvalidRequest if status < 500 else Unavailable
