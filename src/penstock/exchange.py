"""``Exchange``: one question on the wire, held until its answer is read or left."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from time import time
from typing import Protocol as Shape
from urllib.parse import parse_qsl, quote_plus, urlsplit

from penstock import retry_after
from penstock.errors import (
    CallerError,
    ConnectionFailed,
    PenstockError,
    Redirected,
    UnexpectedAnswer,
)
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from penstock.outcomes import Record
from penstock.protocols import Decoder, Protocol
from penstock.transport import Request, Response, origin, read
from penstock.types import Usage, estimate_usage

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
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]{256,}")
_SAID = re.compile(rb'"(?:content|description|input|prompt|system|text)":\s*"((?:[^"\\]|\\.)*)"')
"""Texts in a question's JSON, by the keys that all protocols have them under."""
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
    provider's name and relieved of all that was sent and nobody else may read. Its outcome is told
    when the block is left, and what was spent with it: ``usage``, or what ``decoder`` has read of
    it, or what ``read`` finds, or an estimate by the bytes that were asked and the characters
    ``said``. ``ended``: the service's own end was read, though the block may be left before its
    time.
    """

    __slots__ = (
        "_asked",
        "_provider",
        "_record",
        "_response",
        "_sent",
        "decoder",
        "ended",
        "read",
        "said",
        "usage",
    )

    def __init__(
        self,
        provider: Asker,
        method: str,
        url: str,
        body: bytes,
        accept: str,
        key: str,
        record: Record | None = None,
    ) -> None:
        self._provider = provider
        self._asked = method, url, body, accept, key
        self._sent: Request | None = None
        self._response: Response | None = None
        self._record = record or Record(provider.name, "", "models")
        self.usage: Usage | None = None
        self.read: Callable[[], Usage | None] | None = None
        self.decoder: Decoder | None = None
        self.said = 0
        self.ended = False

    def spoken(self) -> None:
        """Something was said just now."""
        self._record.spoke()
        if self._response is not None:
            self._response.spoken()

    def heard(self, event: Event) -> None:
        """``event`` was read from the answer."""
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                self.said += len(text)
            case ToolCallStart(name=text) | ToolCallDelta(arguments=text):
                self.said += len(text)
            case Finish(usage=usage):
                self.usage, self.ended = usage, True
                return
            case Start():
                return
        self.spoken()

    async def __aenter__(self) -> Response:
        try:
            self._sent = await self._provider.request(*self._asked)
            self._response = response = await self._provider.send(self._sent)
            if response.status >= 300 or _is_page(response):
                raise await self._failure(response)
        except BaseException as error:
            await self.__aexit__(None, error)
            raise
        return response

    async def __aexit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        if self._response is not None:
            await self._response.close()
        if isinstance(error, PenstockError):
            error.provider = error.provider or self._provider.name
            error.model = error.model or self._record.model
            error.usage = error.usage or self._spent(error)
            redact(error, self._secrets())
        self._record.end(None if self.ended else error, lambda: self._spent(error))

    def _spent(self, error: BaseException | None) -> Usage | None:
        """What is known of what was spent; ``None``: nothing was."""
        told = self.usage or (self.decoder.usage if self.decoder is not None else None)
        if told is None and self.read is not None:
            told = self.read()
        if told is not None or self._record.kind != "chat":
            return told
        unasked = self._sent is None or isinstance(error, ConnectionFailed | CallerError)
        refused = self._response is not None and self._response.status >= 300
        return None if unasked or refused else estimate_usage(self.said, _words(self._asked[2]))

    def _secrets(self) -> list[str]:
        """What was sent that nobody else may read, the longest first; nothing is looked up for it,
        so that it is what this very question carried."""
        url, key = self._asked[1], self._asked[4]
        sent = {key, *_credentials(self._sent, self._provider.headers), *_keys_in(url)}
        return sorted((text for text in sent if len(text) >= _SECRET), key=len, reverse=True)

    async def _failure(self, response: Response) -> PenstockError:
        """What an answer stands for that is no success in the service's own protocol."""
        if response.status < 300:
            name = self._provider.name
            return UnexpectedAnswer(f"{name} answered with a web page; check its base_url")
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
        waits = retry_after.seconds(response.headers, time(), response.status)
        error.retry_after = error.retry_after if waits is None else waits
        error.request_id = error.request_id or _request_id(response.headers)
        return error


def read_whole(response: Response, most: int = _WHOLE_BODY) -> Awaitable[bytes]:
    """A whole body. Raises ``UnexpectedAnswer`` past 64 MiB, or ``most`` bytes."""
    return read(response, most)


def _is_page(response: Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/html")


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


def _words(body: bytes) -> int:
    """About how many bytes of a question are words, whatever protocol it is asked in."""
    return sum(map(len, _SAID.findall(_BASE64.sub(b"", body))))


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
