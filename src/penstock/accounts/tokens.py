"""Tokens that run out: asked for once at a time, kept until shortly before they do."""

from __future__ import annotations

import asyncio
import math
import time
from abc import abstractmethod
from collections.abc import Hashable, Mapping
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock import retry_after
from penstock.accounts import Account, Send
from penstock.errors import PenstockError, Redirected, Unauthorized, UnexpectedAnswer
from penstock.exchange import redact
from penstock.protocols import json
from penstock.protocols.error_body import error_from_body
from penstock.transport import Request, Response, is_loopback, origin, read
from penstock.types import Secret

_EARLY = 60.0
"""Seconds before its end from which on a token is not used any more."""
_LONGEST = 24 * 3600.0
"""Seconds after which any token is asked for anew."""
_BODY = 64 * 1024
_REFUSED = (400, 401, 403)
_SHOWN = 200


class Grant(Struct, frozen=True):
    """What a token is asked for with: a form that is posted to ``url``, or a plain GET.
    ``directly``: past any proxy, as on this machine."""

    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = {}
    directly: bool = False

    def __repr__(self) -> str:
        return f"Grant({origin(self.url)})"


class _Answer(Struct, frozen=True):
    access_token: str
    expires_in: float = 300.0

    def __repr__(self) -> str:
        return "_Answer()"


class _Token(Struct, frozen=True):
    """One token, good until either clock says no: the one stands still while a machine sleeps, the
    other can be set back."""

    text: Secret
    until: float
    until_wall: float

    def is_good(self) -> bool:
        return time.monotonic() < self.until and time.time() < self.until_wall


class _Asking:
    """A token that is being asked for, and how many wait for it."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[_Token]) -> None:
        self.task = task
        self.waiting = 0


_tokens: dict[Hashable, _Token] = {}
"""The last one of each identity, for the whole process."""
_asking: dict[tuple[asyncio.AbstractEventLoop, Hashable], _Asking] = {}
"""Those that each event loop is asking for."""


class TokenAccount(Account):
    """An account that gets tokens."""

    @abstractmethod
    def identity(self) -> Hashable:
        """What tells this account from another, and where it is known; ``None``: there is none.
        Raises ``ConfigError`` where it cannot be read."""

    @abstractmethod
    def grant(self) -> Grant:
        """What to ask for a token with, now."""

    def is_there(self) -> bool:
        return self.identity() is not None

    async def prove(self, request: Request, send: Send) -> Request:
        token = await self._token(request, send)
        return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})

    def refused(self, request: Request) -> None:
        who = type(self), self.identity()
        kept = _tokens.get(who)
        if kept and request.headers.get("Authorization") == f"Bearer {kept.text}":
            del _tokens[who]

    async def _token(self, request: Request, send: Send) -> Secret:
        """The token that is kept, or the one that is being asked for; whoever stops waiting for it
        stops nobody else, and the last one the question."""
        who = type(self), self.identity()
        kept = _tokens.get(who)
        if kept and kept.is_good():
            return kept.text
        place = asyncio.get_running_loop(), who
        asking = _asking.get(place)
        if asking is None:
            task = asyncio.ensure_future(_get(self.grant(), request, send))
            asking = _asking[place] = _Asking(task)
        asking.waiting += 1
        try:
            found = await asyncio.shield(asking.task)
            _tokens[who] = found
            return found.text
        finally:
            asking.waiting -= 1
            if not asking.waiting:  # it has come, or failed, or nobody wants it any more
                del _asking[place]
                asking.task.cancel()


async def _get(grant: Grant, request: Request, send: Send) -> _Token:
    asked_at, wall = time.monotonic(), time.time()
    answer = await _ask(grant, request, send)
    lasts = answer.expires_in if math.isfinite(answer.expires_in) else 0.0
    good_for = min(max(lasts - _EARLY, 0.0), _LONGEST)
    return _Token(Secret(answer.access_token), asked_at + good_for, wall + good_for)


async def _ask(grant: Grant, request: Request, send: Send) -> _Answer:
    """A token, asked for by the way that ``request`` itself will go."""
    form = None if grant.form is None else urlencode(grant.form).encode()
    kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    headers = {"User-Agent": "penstock", "Accept": "application/json", **kind, **grant.headers}
    asked = Request(
        "GET" if form is None else "POST",
        grant.url,
        headers,
        form or b"",
        "" if grant.directly or is_loopback(grant.url) else request.proxy,
        request.timeouts,
    )
    response = await send(asked)
    try:
        body = await read(response, _BODY)
        return _read_answer(response, body, origin(grant.url))
    except PenstockError as error:
        redact(error, sorted((grant.form or {}).values(), key=len, reverse=True))
        error.message = error.message[: _SHOWN + len(origin(grant.url))]
        error.args = (error.message,)
        raise
    finally:
        await response.close()


def _read_answer(response: Response, body: bytes, where: str) -> _Answer:
    status = response.status
    if 300 <= status < 400:
        raise Redirected(f"{where} redirects where a token was asked; it is never followed")
    if status in _REFUSED:
        raise Unauthorized(f"{where} gives no token: {_why(status, body)}", status=status)
    if status != 200:
        error = error_from_body(status, b"", response.reason)
        error.message = f"{where} gives no token now: {error.message}"
        error.retry_after = retry_after.seconds(response.headers, time.time(), status)
        raise error
    try:
        answer = msgspec.json.decode(body, type=_Answer, strict=False)
    except json.UNREADABLE:
        answer = _Answer("")
    if not answer.access_token.isascii() or not answer.access_token.isprintable():
        answer = _Answer("")
    if not answer.access_token:
        raise UnexpectedAnswer(f"{where} answered with something else than a token")
    return answer


class _Refusal(Struct, frozen=True):
    error: str = ""
    error_description: str = ""


def _why(status: int, body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except json.UNREADABLE:
        return f"status {status}"
    return ": ".join(text for text in (said.error, said.error_description) if text) or (
        f"status {status}"
    )
