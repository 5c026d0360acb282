"""Tokens that run out: asked for once, kept until shortly before they do."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Hashable, Mapping
from contextlib import aclosing
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.accounts import Account, Send
from penstock.errors import ServiceError, Unauthorized, UnexpectedAnswer
from penstock.protocols import json
from penstock.transport import Request, Response, origin
from penstock.types import Secret

_EARLY = 60.0
"""Seconds before its end from which on a token is not used any more."""
_LONGEST = 64 * 1024
_SHOWN = 200


class Grant(Struct, frozen=True):
    """What a token is asked for with: a form that is posted to ``url``; or a plain GET."""

    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Grant({origin(self.url)})"


class _Token(Struct, frozen=True):
    access_token: str
    expires_in: float = 300.0


class TokenAccount(Account):
    """An account that gets tokens. Each identity's last one is kept here."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Secret]] = {}

    @abstractmethod
    def identity(self) -> Hashable:
        """What tells this account from another; ``None``: there is none."""

    @abstractmethod
    def grant(self) -> Grant:
        """What to ask for a token with, now."""

    def is_there(self) -> bool:
        return self.identity() is not None

    def secrets(self) -> tuple[str, ...]:
        return tuple(token for _, token in self._kept.values())

    async def prove(self, request: Request, send: Send) -> Request:
        token = await self._token(request, send)
        return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})

    async def _token(self, request: Request, send: Send) -> Secret:
        identity = self.identity()
        until, token = self._kept.get(identity, (0.0, Secret("")))
        if time.monotonic() < until:
            return token
        asked_at = time.monotonic()
        got = await _ask(self.grant(), request, send)
        token = Secret(got.access_token)
        self._kept[identity] = asked_at + max(got.expires_in - _EARLY, 0.0), token
        return token


async def _ask(grant: Grant, request: Request, send: Send) -> _Token:
    """A token, asked for by the way that ``request`` itself will go."""
    form = None if grant.form is None else urlencode(grant.form).encode()
    kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    headers = {"User-Agent": "penstock", "Accept": "application/json", **kind, **grant.headers}
    method = "GET" if form is None else "POST"
    asked = replace(request, method=method, url=grant.url, headers=headers, body=form or b"")
    response = await send(asked)
    try:
        body = await _read(response)
    finally:
        await response.close()
    return _read_token(response.status, body, origin(grant.url))


async def _read(response: Response) -> bytes:
    body = b""
    async with aclosing(response.chunks()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _LONGEST:
                raise UnexpectedAnswer("the answer where a token was asked is too long")
    return body


class _Refusal(Struct, frozen=True):
    error: str = ""
    error_description: str = ""


def _read_token(status: int, body: bytes, where: str) -> _Token:
    if status >= 500:
        raise ServiceError(f"{where} gives no token now (status {status})", status=status)
    if status != 200:
        raise Unauthorized(f"{where} gives no token: {_why(status, body)}", status=status)
    try:
        return msgspec.json.decode(body, type=_Token, strict=False)
    except json.UNREADABLE:
        raise UnexpectedAnswer(f"{where} answered with something else than a token") from None


def _why(status: int, body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except json.UNREADABLE:
        return f"status {status}"
    named = ": ".join(text for text in (said.error, said.error_description) if text)
    return named[:_SHOWN] or f"status {status}"
