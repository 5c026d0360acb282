"""``HTTPProvider``: a service that answers over HTTP in a protocol we know."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cache, cached_property
from re import Pattern
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock import browser, settings, variables
from penstock.errors import ConfigError, InvalidRequest, Unauthorized
from penstock.events import Event, Finish, Start, TextDelta
from penstock.exchange import VECTORS, Exchange, read_whole
from penstock.outcomes import Record
from penstock.protocols import Protocol, json, signatures
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.provider import Provider
from penstock.transport import STREAM, Request, Response, Timeouts, Transport, read_out
from penstock.types import ChatRequest, EmbeddingRequest, Embeddings, ModelInfo, Secret

if TYPE_CHECKING:
    from penstock.accounts import Account

_MOMENT = 0.001
"""Seconds that are left of a limit which has passed."""
_NAMED, _SHOWN = 20, 1000
"""How many losses an error names, and in how many characters."""


class _Target(Struct, frozen=True):
    """Where an instance sends its questions, once settings and environment are looked up."""

    base_url: str
    key: Secret
    proxy: str
    timeouts: Timeouts
    root: str
    """The base URL without its query, and that."""
    query: str


class HTTPProvider(Provider):
    """Where to ask, in which protocol, and whose key.

        class Groq(HTTPProvider):
            \"\"\"Groq Cloud.\"\"\"

            url = "https://console.groq.com"
            base_url = "https://api.groq.com/openai/v1"
            api_key_env = "GROQ_API_KEY"
            protocol = OpenAIChat()

    A setting of the instance goes before ``PENSTOCK_<NAME>_BASE_URL`` and
    ``PENSTOCK_<NAME>_API_KEY``, these before the class and the vendor's own variable (which is
    sent to the vendor's own address alone). A query in the base URL goes to the end of each
    address below it.
    """

    base_url: ClassVar[str] = ""
    """The vendor's address; ``{VARIABLE}`` and ``{A|B:default}`` are filled from the
    environment."""
    protocol: ClassVar[Protocol]
    api_key_env: ClassVar[str] = ""
    """The vendor's usual environment variable for the key, or several, as ``A|B``; empty: no key is
    needed."""
    account: ClassVar[Account | None] = None
    """Who asks where there is no key; ``None``: a key is the only way."""
    embeddings: ClassVar[EmbeddingFormat | None] = None
    """How it is asked for embeddings, its protocol's way where nothing else is said; ``None``: it
    is known to have none in a form of ours, and is not asked in vain."""
    key_header: ClassVar[str] = ""
    """The header that carries the key, where it is not the protocol's."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Headers of every request, beside the protocol's."""
    prefilled: ClassVar[Pattern[str] | None] = None
    """What the names of models have in them that go on with an answer whose beginning is the last
    message (``prefills.py``), where a page says so."""
    echoes: ClassVar[bool] = False
    """Whether these say that beginning again first."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "protocol" in cls.__dict__ and "embeddings" not in cls.__dict__:
            cls.embeddings = cls.protocol.embeddings

    def configured(self, **given: Any) -> Self:
        other = super().configured(**given)
        if other is not self:
            other.__dict__.pop("_target", None)
        if (driver := other.settings.webdriver) is not None:
            session = browser.hand_over(driver, other.endpoint)
            if session is not driver:
                other = super(HTTPProvider, other).configured(webdriver=session)
        return other

    @cached_property
    def _target(self) -> _Target:
        said, env = self.settings, settings.from_environment
        base = (said.base_url or env(self.name, "base_url") or self._own_address()).rstrip("/")
        # The vendor's own variable is for the vendor alone: no other address gets to see it.
        usual = variables.first(self.api_key_env) if self.is_home(base) else ""
        root, _, query = base.partition("?")
        return _Target(
            base_url=base,
            root=root.rstrip("/"),
            query=query,
            key=Secret(said.api_key or env(self.name, "api_key") or usual),
            proxy=said.proxy or os.environ.get("PENSTOCK_PROXY", ""),
            timeouts=said.timeouts or Timeouts(),
        )

    @property
    def endpoint(self) -> str:
        """The URL that questions go to; a model's own stands below it in some protocols."""
        return self.at(self.protocol.path)

    @property
    def api_key(self) -> Secret:
        """The key: the call's or instance's, the environment's, or empty."""
        return self._target.key

    def prefills(self, model: str) -> bool:
        found = self.prefilled and self.prefilled.search(model or self.default_model)
        return found is not None

    def home(self) -> str:
        """The vendor's own address, as the environment has it; empty where a variable is missing.
        Raises ``ConfigError`` for one that is no address."""
        return variables.fill(self.base_url)

    def is_home(self, url: str) -> bool:
        """Whether that base URL is the vendor's own, which wants the vendor's key."""
        return variables.covers(self.base_url.rstrip("/"), url)

    def _own_address(self) -> str:
        base = self.home().rstrip("/")
        if base and not self.is_home(base):
            raise ConfigError(f"{base} is no address of {self.name}'s; check what it is made of")
        return base

    @property
    def _at_home(self) -> bool:
        return self.is_home(self._target.base_url)

    def is_configured(self) -> bool:
        try:
            base = self._target.base_url
            if not self.is_home(base):
                return bool(base)
            has_key = bool(self.api_key) or not self.api_key_env
            ready = has_key or (self.account is not None and self.account.is_there())
        except ConfigError:  # asking it says what is wrong
            return False
        return self.working and ready

    def ready_by(self) -> str:
        return "account" if self.account is not None else super().ready_by()

    def at(self, path: str, model: str = "") -> str:
        """The URL of a path, and its query, below the base URL; ``/..`` before it leads one up.
        ``model``: what is asked there, for a service whose addresses say so beside the
        protocol's."""
        target = self._target
        root, path = _led_up(target.root, path, model) if "/." in path else (target.root, path)
        url, query = root + path, target.query
        return f"{url}{'&' if '?' in path else '?'}{query}" if query else url

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        """The JSON body; a place for what this service alone wants."""
        return self.protocol.encode_request(request)

    async def list_models(self) -> tuple[ModelInfo, ...]:
        asked = self.protocol.models_request(self.api_key)
        if self.models or asked is None:
            return await super().list_models()
        method, path, body = asked
        url = self.at(path)
        async with Exchange(self, method, url, body, "*/*", self.api_key) as response:
            return self.protocol.decode_models(await read_whole(response))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        key = request.api_key or self.api_key
        if key is not request.api_key:
            request = msgspec.structs.replace(request, api_key=key)
        request, lost = self._sayable(request)
        body = _json(self.encode_request(request))
        exchange = self.open(body, model=request.model, stream=request.stream, key=key)
        async with exchange as response:
            if not request.stream:
                whole = await read_whole(response)
                for event in self.protocol.decode_response(whole, response.delimited):
                    exchange.heard(event)
                    yield self._marked(event, lost)
                return
            exchange.decoder = decoder = self.protocol.decoder()
            feed = decoder.feed
            async with aclosing(response.chunks(STREAM)) as chunks:
                async for chunk in chunks:
                    last: Event | None = None
                    for last in feed(chunk):
                        if type(last) is TextDelta:
                            if not exchange.said:  # before anybody takes their time over it
                                exchange.spoken()
                            exchange.said += len(last.text)
                            yield last
                        else:
                            exchange.heard(last)
                            yield self._marked(last, lost)
                    if type(last) is TextDelta:
                        response.spoken()
                    if isinstance(last, Finish):  # whatever follows is no part of the answer
                        await read_out(chunks)
                        return
            for event in decoder.close(response.delimited):
                exchange.heard(event)
                yield self._marked(event, lost)

    def embedding_format(self, model: str) -> EmbeddingFormat | None:
        """How ``model`` is asked for embeddings; ``None``: the service has none."""
        return self.embeddings.for_model(model) if self.embeddings else None

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        from penstock import embedding

        form = self.embedding_format(request.model)
        if form is None:
            return await super().embed(request)
        if not request.input:
            raise InvalidRequest("input is empty: send at least one text", param="input")
        lost = form.loss(request)
        if request.strict:
            self._refuse(lost)

        async def ask(part: EmbeddingRequest) -> Embeddings:
            body = _json(form.encode_request(part))
            async with self.open_embeddings(body, form, part.model, part.api_key) as response:
                return await embedding.decode(form, await read_whole(response, VECTORS), part)

        answer = await embedding.ask_all(request, form, ask)
        lost += embedding.unheeded(request, answer)
        if request.strict:
            self._refuse(lost)
        return replace(answer, loss=lost)

    def open_embeddings(
        self, body: bytes, form: EmbeddingFormat, model: str, key: str = ""
    ) -> Exchange:
        """Ask ``model`` for embeddings; see ``open``."""
        url = self.at(form.locate(model), model)
        record = Record(self.name, model, "embeddings", False, self._is_foreign(key))
        return Exchange(self, "POST", url, body, "*/*", key or self.api_key, record)

    def _sayable(self, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
        """The request as this service can be told it, and what is lost of it. Raises
        ``InvalidRequest`` where nothing may be lost."""
        strict = request.strict
        request, several = self.protocol.one_answer(request)
        request, foreign = signatures.own(request, self.protocol.name)
        lost = tuple(sorted({*self.protocol.loss(request), *several, *foreign}))
        if strict:
            self._refuse(lost)
        return request, lost

    def _refuse(self, lost: tuple[str, ...]) -> None:
        """Raise ``InvalidRequest`` where anything of a request is lost."""
        if lost:
            named = ", ".join(lost) if len(lost) <= _NAMED else f"{', '.join(lost[:_NAMED])}, ..."
            raise InvalidRequest(
                f"{self.name} cannot be told {named[:_SHOWN]}; leave it out or ask without strict",
                param=lost[0][:_SHOWN],
            )

    def _marked(self, event: Event, lost: tuple[str, ...]) -> Event:
        """What only the provider knows of an event: what was lost, and who signed."""
        if isinstance(event, Start):
            return replace(event, loss=lost) if lost else event
        return signatures.signed(event, self.protocol.name)

    def open(self, body: bytes, *, model: str = "", stream: bool, key: str = "") -> Exchange:
        """Ask ``model`` with ``body`` as it goes over the wire: ``async with provider.open(...)``
        holds the answer's ``Response``. ``key``: the caller's own, not the configured one."""
        accept = self.protocol.stream_type.partition(";")[0] if stream else "*/*"
        url = self.at(self.protocol.locate(model, stream), model)
        record = Record(self.name, model, "chat", stream, self._is_foreign(key))
        return Exchange(self, "POST", url, body, accept, key or self.api_key, record)

    def _is_foreign(self, key: str) -> bool:
        """Whether a call's key is the caller's own."""
        return bool(key) and key != self.api_key

    async def request(self, method: str, url: str, body: bytes, accept: str, key: str) -> Request:
        """The request as it goes to the transport. Raises where a setting is missing."""
        target = self._target
        if not url.lower().startswith(("http://", "https://")):
            raise ConfigError(f"{self.name} needs {self._address_needed()}")
        account = None if key or self.account is None else self._account(url)
        if not key and account is None and self.api_key_env and self._at_home:
            raise Unauthorized(f"{self.name} needs a key: {self._key_needed()}")
        headers = {
            "User-Agent": "penstock",
            "Accept": accept,
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            **(self._key_headers(key) if key else {}),
            **self.headers,
        }
        if self.settings.webdriver is not None:
            headers |= await browser.session_headers(self.settings.webdriver, url)
        headers |= self.settings.headers
        request = Request(method, url, headers, body, target.proxy, target.timeouts)
        if account is None:
            return request
        began = monotonic()
        proved = await account.prove(request, self.send)
        return replace(proved, timeouts=_less(target.timeouts, monotonic() - began))

    def refused(self, request: Request) -> None:
        """The service did not believe who asked: what was kept of a proof is forgotten."""
        if self.account is not None:
            self.account.refused(request)

    def _key_headers(self, key: str) -> dict[str, str]:
        return {self.key_header: key} if self.key_header else self.protocol.key_headers(key)

    def _account(self, url: str) -> Account | None:
        """The account that may prove to that address who asks, where there is one."""
        account = self.account
        trusted = account is not None and (self._at_home or account.trusts(url))
        return account if account and trusted and account.is_there() else None

    def _address_needed(self) -> str:
        lacking = [said.replace("|", " or ") for said in variables.missing(self.base_url)]
        if lacking and not self._target.base_url:
            return f"an address: set {' and '.join(lacking)}, or pass base_url="
        return "a base_url that begins with http:// or https://"

    def _key_needed(self) -> str:
        said = f"set {self.api_key_env.replace('|', ' or ')} or pass api_key="
        return f"{said}; {self.account.how}" if self.account else said

    async def send(self, request: Request) -> Response:
        """Send over this instance's transport."""
        return await (self.settings.transport or _http_transport()).send(request)


def _led_up(root: str, path: str, model: str) -> tuple[str, str]:
    """An address and a path below it, each ``/..`` before that followed."""
    scheme, mark, place = root.partition("://")
    while path.startswith("/../"):
        place, path = place[: place.rfind("/")] if "/" in place else place, path[3:]
    if "/." in path and {".", ".."} & set(path.partition("?")[0].split("/")):
        raise InvalidRequest(f"{model!r} is no model's name", param="model")
    return f"{scheme}{mark}{place}", path


def _json(body: dict[str, Any]) -> bytes:
    try:
        return json.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        why = "it goes round in a circle" if isinstance(error, RecursionError) else error
        raise InvalidRequest(f"an option or a message cannot be said in JSON: {why}") from None


def _less(timeouts: Timeouts, spent: float) -> Timeouts:
    """What is left of the limits that count from the start of the call."""
    counted = {"headers": timeouts.headers, "first": timeouts.first, "total": timeouts.total}
    left = {name: max(limit - spent, _MOMENT) for name, limit in counted.items() if limit}
    return replace(timeouts, **left)


@cache
def _http_transport() -> Transport:
    from penstock.transport.http import HTTPTransport  # aiohttp, only once it is needed

    return HTTPTransport()
