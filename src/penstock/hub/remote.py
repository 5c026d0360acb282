"""The hub itself: what it is asked, whom a redirect may lead to, and who gets the token.

The transport follows no redirect; a hub sends every download elsewhere, to whoever keeps the bytes.
So they are followed here: a few, encrypted ones, without the token where the origin is another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import time
from urllib.parse import quote, urljoin, urlsplit

from penstock import retry_after
from penstock.errors import (
    ConfigError,
    PenstockError,
    RateLimited,
    Redirected,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownModel,
)
from penstock.hub import listing
from penstock.hub.listing import Listing
from penstock.transport import Request, Response, Timeouts, Transport, is_loopback, origin, read
from penstock.types import Secret

HUGGING_FACE = "https://huggingface.co"

_MOVED = (301, 302, 303, 307, 308)
_REDIRECTS = 5
_LISTING = 2**24
_TIMEOUTS = Timeouts(connect=15.0, headers=60.0, first=None, idle=60.0, total=None)
"""A model takes as long as it takes; what stands still is cut."""


class Hub:
    """A hub at ``endpoint``; ``token`` is shown to nobody else.

    Raises ``ConfigError`` where the endpoint is not https (http: on this machine only).
    """

    def __init__(
        self,
        endpoint: str = HUGGING_FACE,
        token: str = "",
        proxy: str = "",
        transport: Transport | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._origin = origin(self.endpoint)
        if not _is_private(self.endpoint):
            raise ConfigError("HF_ENDPOINT must be a whole https URL, as https://huggingface.co")
        self._token = Secret(token.strip())
        self._proxy = Secret(proxy)
        self._transport = transport or _http_transport()

    async def listing(self, repo: str, revision: str = "main") -> Listing:
        """A repo's model files. Raises ``UnknownModel``, ``Unauthorized`` or ``ServiceError``."""
        path = f"api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"
        async with self._get(path, repo, {"Accept": "application/json"}) as response:
            return listing.read(await _read(response))

    @asynccontextmanager
    async def file(
        self, repo: str, commit: str, name: str, start: int = 0
    ) -> AsyncIterator[Response]:
        """A file's bytes from ``start`` on, if the service can begin there: status 206, else 200
        or 416. Raises as ``listing`` does."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        async with self._get(f"{repo}/resolve/{commit}/{quote(name)}", repo, headers) as response:
            yield response

    @asynccontextmanager
    async def _get(
        self, path: str, repo: str, headers: Mapping[str, str]
    ) -> AsyncIterator[Response]:
        url, response = await self._follow(f"{self.endpoint}/{path}", headers)
        try:
            if response.status not in (200, 206, 416):
                raise self._refused(url, response, repo)
            yield response
        finally:
            await response.close()

    async def _follow(self, url: str, headers: Mapping[str, str]) -> tuple[str, Response]:
        """The answer after at most five redirects, and where it came from."""
        for _ in range(_REDIRECTS + 1):
            response = await self._transport.send(self._request(url, headers))
            if response.status not in _MOVED:
                return url, response
            await response.close()
            url = self._next(url, response.headers.get("location", ""))
        raise Redirected(f"{self._origin} redirects more than {_REDIRECTS} times; try again later")

    def _request(self, url: str, headers: Mapping[str, str]) -> Request:
        said = {"User-Agent": "penstock", **headers}
        if self._token and origin(url) == self._origin:
            said["Authorization"] = f"Bearer {self._token}"
        return Request("GET", url, said, proxy=self._proxy, timeouts=_TIMEOUTS)

    def _next(self, url: str, location: str) -> str:
        try:
            following = urljoin(url, location)
        except ValueError:
            following = ""
        is_here = self._origin.startswith("http:")
        if not _is_private(following) or (
            not is_here and not origin(following).startswith("https:")
        ):
            where = origin(following) or "elsewhere"
            raise Redirected(f"{origin(url)} redirects to {where}, which is not https")
        return following

    def _refused(self, url: str, response: Response, repo: str) -> PenstockError:
        where, status = origin(url), response.status
        if status != 429 and status < 500 and where == self._origin:
            return self._not_for_us(response, repo)
        kind = RateLimited if status == 429 else Unavailable
        waits = retry_after.seconds(response.headers, time(), status)
        text = f"{where} answered {status}; try again later"
        return kind(text, status=status, retry_after=waits)

    def _not_for_us(self, response: Response, repo: str) -> PenstockError:
        """The hub says 401 for what is not there, too, unless it knows who asks."""
        status, code = response.status, response.headers.get("x-error-code", "")
        if status not in (401, 403, 404):
            return UnexpectedAnswer(f"the hub answered {status}; check HF_ENDPOINT", status=status)
        account = f"a token of your account ({self.endpoint}/settings/tokens)"
        if code == "GatedRepo":
            return Unauthorized(
                f"{repo} is gated: accept its licence at {self.endpoint}/{repo} and set HF_TOKEN "
                f"to {account}",
                status=status,
            )
        if status == 404 or code == "RepoNotFound" or (status == 401 and not self._token):
            private = "" if self._token else f"; if it is private, set HF_TOKEN to {account}"
            return UnknownModel(
                f"the hub has no {repo}; check the name{private}", status=status, param="model"
            )
        who = "HF_TOKEN" if self._token else "strangers"
        return Unauthorized(
            f"the hub does not let {who} read {repo}; set HF_TOKEN to {account} that may",
            status=status,
        )


def _is_private(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent: https, or this machine."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False
    return is_whole and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))


async def _read(response: Response) -> bytes:
    try:
        return await read(response, _LISTING)
    except UnexpectedAnswer:
        raise UnexpectedAnswer(
            "what answers is not a hub: its list of files never ends; check HF_ENDPOINT"
        ) from None


def _http_transport() -> Transport:
    from penstock.transport.http import HTTPTransport  # aiohttp, only once it is needed

    return HTTPTransport()
