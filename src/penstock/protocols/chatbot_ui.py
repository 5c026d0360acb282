"""chatbot-ui's ``/api/chat``: a JSON question, an answer of bare UTF-8 text.

Wire reference: https://github.com/mckaywrigley/chatbot-ui (legacy API) and its openchat-ui
descendant. The answer has no framing, no end marker and often no Content-Type: its end is the
end of the body. Usage is never said, a ``length`` stop cannot be seen, and an error's cause
stands only in the HTTP status text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import (
    ContentFiltered,
    EmptyStream,
    InvalidRequest,
    PenstockError,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownModel,
    error_for_status,
)
from penstock.events import Event, Finish, Reply, Start, TextDelta
from penstock.protocols import Decoder, Encoder, Protocol, json, loss
from penstock.protocols.error_body import BLANK, looks_like_html
from penstock.protocols.listing import read_list
from penstock.protocols.request_body import read_body
from penstock.protocols.text import TextDecoder
from penstock.types import ChatRequest, Message, ModelInfo, Role, Secret, TextPart, estimate_usage

DEFAULT_PROMPT = (
    "You are ChatGPT, a large language model trained by OpenAI. "
    "Follow the user's instructions carefully. Respond using markdown."
)
"""The system prompt of a chatbot-ui server whose caller sent an empty one."""

_DEFAULT_TEMPERATURE = 1.0


class ChatbotUI(Protocol):
    """The protocol as a server of our own speaks it; the founding providers are dialects.

    System texts go into ``prompt``, joined by newlines. An empty ``prompt`` asks for the
    server's default (``DEFAULT_PROMPT``), a single space for none.
    """

    name = "chatbot_ui"
    path = "/api/chat"
    stream_type = "text/plain; charset=utf-8"
    cannot_ask = frozenset(loss.ASKED) - {"system", "temperature"}
    cannot_answer = frozenset(loss.ANSWERED) - {"refusal"}

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        messages = (m for m in request.messages if m.role not in ("system", "developer"))
        return {
            "model": self.encode_model(request),
            "messages": encode_messages(messages),
            "key": str(request.api_key),
            "prompt": system_prompt(request),
            "temperature": self.encode_temperature(request),
        }

    def encode_model(self, request: ChatRequest) -> dict[str, Any]:
        """The ``model`` object: at least ``id`` and ``name``."""
        return {"id": request.model, "name": request.model}

    def encode_temperature(self, request: ChatRequest) -> float:
        """The temperature, or the server's usual one where none was said."""
        return _DEFAULT_TEMPERATURE if request.temperature is None else request.temperature

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        known = read_body(body, _Body)
        prompt = known.prompt or DEFAULT_PROMPT
        system = (Message("system", (TextPart(prompt),)),) if prompt.strip() else ()
        turns = tuple(Message(m.role, (TextPart(m.content),)) for m in known.messages)
        return ChatRequest(
            model=known.model.id,
            messages=(*system, *turns),
            temperature=known.temperature,
            api_key=Secret(known.key),
        )

    def relayed(self, body: Mapping[str, Any], model: str) -> None:
        return None  # the body holds the model's table entry and the service's key

    def peek(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        model = body.get("model")
        return str(model.get("id") or "") if isinstance(model, Mapping) else "", True

    def decoder(self) -> Decoder:
        return BareTextDecoder()

    def encoder(self, request: ChatRequest) -> Encoder:
        return BareTextEncoder()

    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        decoder = BareTextDecoder()
        yield from decoder.feed(body)
        yield from decoder.close(delimited)

    def encode_response(self, reply: Reply) -> str:
        return reply.text + reply.refusal

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        kind = error_for_status(status)
        cause = reason if reason not in ("", "Internal Server Error", "Error") else ""
        if status == 500:
            kind = _kind_of(cause)
        if looks_like_html(body):
            cause = "a web page, not an answer"
        message = f"the service answered {status}: {cause or 'it gave no cause; try again'}"
        return kind(message, status=status)

    def encode_error(self, error: PenstockError) -> tuple[int, str]:
        """Status 500 and the body ``Error``; the cause goes into the status text."""
        return 500, "Error"

    def models_request(self, key: str) -> tuple[str, str, bytes]:
        return "POST", "/api/models", json.encode({"key": key})

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        listed = read_list(body, list[_ListedModel])  # sent as text/plain, it is JSON
        return tuple(ModelInfo(model.id, model.name) for model in listed)

    def key_headers(self, key: str) -> dict[str, str]:
        return {}  # the key is in the body


class _Model(Struct):
    id: str


class _ListedModel(Struct):
    id: str
    name: str = ""


class _Turn(Struct):
    role: Role
    content: str


class _Body(Struct):
    model: _Model
    messages: list[_Turn]
    key: str = ""
    prompt: str = ""
    temperature: float | None = None


def system_prompt(request: ChatRequest) -> str:
    """The system messages' texts, joined by newlines; empty where there are none."""
    return "\n".join(m.text for m in request.messages if m.role in ("system", "developer"))


def encode_messages(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Messages as role and text, all that the protocol can say. Raises ``InvalidRequest``."""
    return [{"role": message.role, "content": _text(message)} for message in messages]


def _text(message: Message) -> str:
    for part in message.content:
        if not isinstance(part, TextPart):
            kind = type(part).__name__.removesuffix("Part").lower()
            raise InvalidRequest(f"messages: this service takes text only, not {kind}")
    return message.text


_CAUSES: tuple[tuple[tuple[str, ...], type[PenstockError]], ...] = (
    (("api key", "unauthorized", "authentication"), Unauthorized),
    (("rate limit", "quota", "too many requests"), RateLimited),
    (("content management policy", "content_filter"), ContentFiltered),
    (("context length", "maximum context"), InvalidRequest),
)


def _kind_of(cause: str) -> type[PenstockError]:
    """The class that a status text speaks of: the server turns every failure into a 500."""
    text = cause.lower()
    if "model" in text and ("does not exist" in text or "not found" in text):
        return UnknownModel
    for words, kind in _CAUSES:
        if any(word in text for word in words):
            return kind
    return Unavailable


class BareTextDecoder(Decoder):
    """Reads bare text; the end of the body is the end of the answer."""

    def __init__(self) -> None:
        self._text = TextDecoder()
        self._head: list[bytes] | None = []
        self._bytes = 0
        self._done = False

    @property
    def pending(self) -> int:  # type: ignore[override]
        return self._text.pending

    def feed(self, data: bytes) -> Iterator[Event]:
        if self._done or not data:
            return
        self._bytes += len(data)
        try:
            if self._head is None:
                yield from map(TextDelta, self._text.feed(data))
            elif data.strip(BLANK):
                yield from self._begin(data)
            else:  # a web page may still follow
                self._head.append(data)
        except PenstockError:
            self._done = True  # a stream that failed once does not end well later
            raise

    def _begin(self, data: bytes) -> Iterator[Event]:
        data, self._head = b"".join((*(self._head or ()), data)), None
        if looks_like_html(data):
            raise UnexpectedAnswer("the service answered with a web page; check its base_url")
        yield Start()
        yield from map(TextDelta, self._text.feed(data))

    def close(self, delimited: bool = True) -> Iterator[Event]:
        if self._done:
            return
        self._done = True
        if not self._bytes:
            raise EmptyStream("the service answered with nothing; try again")
        if self._head is not None:
            yield from self._begin(b"")
        self._text.close()
        # With no length and no last chunk, a cut looks the same as an end.
        self.usage = estimate_usage(self._bytes)
        yield Finish("stop" if delimited else "unknown", None, self.usage)


class BareTextEncoder(Encoder):
    """Writes bare text; an error cannot be said, only shown by cutting the body."""

    def encode(self, event: Event) -> bytes:
        return event.text.encode("utf-8", "replace") if isinstance(event, TextDelta) else b""

    def error(self, error: PenstockError) -> bytes:
        return b""
