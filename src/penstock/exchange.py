"""``Exchange``: one question on the wire, held until its answer is read or left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from typing import Protocol as Shape
from urllib.parse import parse_qsl, quote_plus, urlsplit

from penstock.errors import PenstockError, Redirected, UnexpectedAnswer
from penstock.protocols import Protocol
from penstock.transport import Request, Response, origin, read

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ERROR_BODY = 64 * 1024
_WHOLE_BODY = 64 * 1024 * 1024
VECTORS = 256 * 1024 * 1024
"""Bytes of the largest answer of numbers: 2,048 vectors of 3,072, each number in twenty digits, are
half of it."""
_SECRET = 4
"""Characters from which on what was sent is worth hiding."""
_PUBLIC = frozenset(
    ("accept", "accept-encoding", "anthropic-version", "content-type", "user-agent", "x-amz-date")
)
"""Headers that may be shown; all others are somebody's own."""
_KEYS = re.compile(r"key|token|secret|sig|pass|code", re.IGNORECASE)
"""What the parameters of an address are called that may not be shown."""
_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid")


class Asker(Shape):
    """What an exchange needs of a provider."""

    name: str

    @property
    def protocol(self) -> Protocol: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def request(
        self, method: str, url: str, body: bytes, accept: str, key: str
    ) -> Request: ...

    async def send(self, request: Request) -> Response: ...

    def refused(self, request: Request) -> None:
        """The service did not believe who asked."""
        ...


class Exchange:
    """``async with Exchange(...)`` holds the answer's ``Response``.

    Raises what the answer's status stands for; errors from inside the block are given the
    provider's name and relieved of all that was sent and nobody else may read.
    """

    __slots__ = ("_asked", "_provider", "_response", "_sent")

    def __init__(
        self, provider: Asker, method: str, url: str, body: bytes, accept: str, key: str
    ) -> None:
        self._provider = provider
        self._asked = method, url, body, accept, key
        self._sent: Request | None = None
        self._response: Response | None = None

    async def __aenter__(self) -> Response:
        try:
            self._sent = await self._provider.request(*self._asked)
            self._response = response = await self._provider.send(self._sent)
            await self._check(response)
        except BaseException as error:
            await self.__aexit__(None, error)
            raise
        return response

    async def __aexit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        if self._response is not None:
            await self._response.close()
        if isinstance(error, PenstockError):
            error.provider = error.provider or self._provider.name
            redact(error, self._secrets())

    def _secrets(self) -> list[str]:
        """What was sent that nobody else may read, the longest first; nothing is looked up for it,
        so that it is what this very question carried."""
        url, key = self._asked[1], self._asked[4]
        sent = {key, *_credentials(self._sent, self._provider.headers), *_keys_in(url)}
        return sorted((text for text in sent if len(text) >= _SECRET), key=len, reverse=True)

    async def _check(self, response: Response) -> None:
        """Raise unless the answer is a success in the service's own protocol."""
        if response.status >= 300:
            raise await self._failure(response)
        if response.headers.get("content-type", "").startswith("text/html"):
            name = self._provider.name
            raise UnexpectedAnswer(f"{name} answered with a web page; check its base_url")

    async def _failure(self, response: Response) -> PenstockError:
        if response.status < 400:
            where = origin(response.headers.get("location", "")) or "elsewhere"
            return Redirected(
                f"{self._provider.name} redirects to {where}, which is never followed; "
                "check its base_url",
                status=response.status,
            )
        if response.status == 401 and self._sent is not None:
            self._provider.refused(self._sent)
        protocol = self._provider.protocol
        body = await _read_some(response, _ERROR_BODY)
        for secret in self._secrets():  # before anything is cut out of it
            body = body.replace(secret.encode(), "…".encode())
        error = protocol.decode_error(response.status, body, response.reason, response.headers)
        waits = seconds(response.headers.get("retry-after", ""))
        error.retry_after = error.retry_after if waits is None else waits
        error.request_id = error.request_id or _request_id(response.headers)
        return error


async def read_whole(response: Response, most: int = _WHOLE_BODY) -> bytes:
    """A whole body. Raises ``UnexpectedAnswer`` past 64 MiB, or ``most`` bytes."""
    return await read(response, most)


def redact(error: PenstockError, secrets: list[str]) -> None:
    """Neither secrets nor what a terminal would obey or no encoding can write."""
    for name in ("message", "type", "code", "param", "request_id"):
        text = getattr(error, name)
        if text is None:
            continue
        for secret in secrets:
            text = text.replace(secret, "…").replace(quote_plus(secret), "…")
        setattr(error, name, _UNPRINTABLE.sub("\ufffd", text))
    error.args = (error.message,)


def seconds(value: str) -> float | None:
    """``Retry-After`` in seconds; its other forms say nothing yet."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else None


def _credentials(request: Request | None, constants: Mapping[str, str]) -> Iterator[str]:
    headers = {} if request is None else request.headers
    for name, value in headers.items():
        if name.lower() not in _PUBLIC and constants.get(name) != value:
            yield value
            yield value.removeprefix("Bearer ")


def _keys_in(url: str) -> Iterator[str]:
    query = urlsplit(url).query if "?" in url else ""
    return (value for name, value in parse_qsl(query) if _KEYS.search(name))


def _request_id(headers: Mapping[str, str]) -> str | None:
    """The service's name for the call, for its support to look up."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


async def _read_some(response: Response, most: int) -> bytes:
    """The first ``most`` bytes of a failed answer's body, or what there is of it."""
    body = b""
    try:
        async with aclosing(response.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= most:
                    break
    except PenstockError:
        pass  # the status says enough
    return body[:most]
