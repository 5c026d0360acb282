"""A protocol: a wire format, read and written in both directions, without I/O.

Four corners (towards a service we are the client, towards a caller we are the server):

                towards a service                     towards a caller
    request     encode_request(ChatRequest) -> dict   decode_request(dict) -> ChatRequest
    stream      decoder() -> feed(bytes), close()     encoder(request) -> encode(event), close()
    whole       decode_response(bytes) -> events      encode_response(Reply) -> dict
    failure     decode_error(status, bytes) -> error  encode_error(error) -> (status, dict)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from penstock.errors import InvalidRequest, PenstockError
from penstock.events import Event, Reply
from penstock.protocols import loss
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.types import ChatRequest, ModelInfo, Usage


class Decoder(ABC):
    """Turns one answer's bytes, in chunks of any size, into events.

    The events of a chunk come before the error that follows them in the same chunk; each chunk's
    events are read to their end before the next is fed. After ``Finish``, and after an error,
    nothing more comes. ``pending`` is how many of the bytes fed so far belong to an
    event that has not ended yet.
    """

    pending: int = 0
    whole: bool = False
    """The body turned out to be a whole answer, though a stream was asked."""
    usage: Usage | None = None
    """What the service has said so far that the answer spent; ``None``: nothing. ``partial`` until
    the service ended the answer, well or badly (an estimate stays one); then its last word, the
    same as ``Finish.usage``. Worked out when asked, and asking raises nothing."""

    @abstractmethod
    def feed(self, data: bytes) -> Iterable[Event]:
        """The events that ``data`` completes. Raises ``StreamError`` or ``UnexpectedAnswer``."""

    @abstractmethod
    def close(self, delimited: bool = True) -> Iterable[Event]:
        """The events that the end of the bytes completes, ``Finish`` if it had not come yet.

        ``delimited``: the transport saw the body's own end (a length or a last chunk), not just
        a closed connection. Raises ``StreamTruncated`` if the service's end is missing.
        """


class Encoder(ABC):
    """Turns one answer's events into the bytes a caller reads."""

    content_type: str = ""
    """The Content-Type of these bytes, where it is not the protocol's ``stream_type``."""

    @abstractmethod
    def encode(self, event: Event) -> bytes:
        """The bytes that say ``event``; empty where the protocol says it elsewhere or not."""

    @abstractmethod
    def error(self, error: PenstockError) -> bytes:
        """The bytes that tell a caller, amid the stream, that it failed."""

    def close(self) -> bytes:
        """The bytes after the last event."""
        return b""


class Protocol(ABC):
    """One wire format. Instances hold settings of a dialect, never a call's state."""

    name: ClassVar[str]
    path: ClassVar[str]
    """Where a service takes questions, below its base URL."""
    stream_type: ClassVar[str]
    """The Content-Type of a streamed answer."""
    family: ClassVar[str] = ""
    """Whose words metadata and ``ChatRequest.extra`` are kept in; a dialect shares its base's."""
    cannot_ask: ClassVar[frozenset[str]] = frozenset()
    """The features of a request (``loss.ASKED``) that ``encode_request`` leaves out."""
    extensions: ClassVar[frozenset[str]] = frozenset()
    """Those of them that are said after all to a service whose own words the caller used."""
    cannot_answer: ClassVar[frozenset[str]] = frozenset()
    """The features of an answer (``loss.ANSWERED``) that a caller cannot be told."""
    embeddings: ClassVar[EmbeddingFormat | None] = None
    """How the same services are asked for embeddings; ``None``: they have none."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.family = cls.family or getattr(cls, "name", "")

    def locate(self, model: str, stream: bool) -> str:
        """The path, and query, where a service takes this question, below its base URL."""
        return self.path

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        """A caller's body, with what the path (and query) it came to says beside it."""
        return dict(body)

    def relayed(self, body: Mapping[str, Any], model: str) -> dict[str, Any] | None:
        """A caller's body (``with_path``) as it goes on to a service of the same protocol, where
        the model is called ``model``. ``None``: these bytes cannot go through unchanged."""
        return {**body, "model": model}

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        """The features that ``encode_request`` says of this request, exactly as they are."""
        can = frozenset(loss.ASKED) - self.cannot_ask
        if request.protocol == self.family:
            return can | self.extensions
        if request.protocol:
            return can
        # A library's caller speaks to this service, but its history may be another's answers.
        typed = loss.has_typed_reasoning(request, self.family)
        return can | (self.extensions if typed else self.extensions - loss.THOUGHTS)

    def one_answer(self, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
        """The request for a single answer, which is all that events carry, and what of it that
        leaves out."""
        return request, ()

    def loss(self, request: ChatRequest) -> tuple[str, ...]:
        """What of ``request`` a service is not told: the features that ``encode_request`` leaves
        out, or says as well as it can (``reasoning_budget`` as an effort)."""
        return loss.lost(loss.asked(request, self.family), self.can_ask(request))

    def answer_loss(self, reply: Reply) -> tuple[str, ...]:
        """What of ``reply`` a caller is not told."""
        can = frozenset((*loss.ASKED, *loss.ANSWERED)) - self.cannot_answer
        return loss.lost(loss.answered(reply, self.family), can)

    @abstractmethod
    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        """The JSON body that asks a service."""

    @abstractmethod
    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """The question in a caller's JSON body. Raises ``InvalidRequest`` naming the field."""

    def peek(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        """The model and whether a stream is asked, without reading the rest. Raises
        ``InvalidRequest``."""
        model, stream = body.get("model") or "", body.get("stream")
        if not isinstance(model, str):
            raise InvalidRequest("model must be a string", param="model")
        if not isinstance(stream, bool | None):
            raise InvalidRequest("stream must be true or false", param="stream")
        return model, bool(stream)

    @abstractmethod
    def decoder(self) -> Decoder:
        """A fresh decoder for one streamed answer."""

    @abstractmethod
    def encoder(self, request: ChatRequest) -> Encoder:
        """A fresh encoder for one streamed answer to ``request``."""

    @abstractmethod
    def decode_response(self, body: bytes, delimited: bool = True) -> Iterator[Event]:
        """The events of a whole answer, or of the stream that some services send instead
        (``delimited``: see ``Decoder.close``). Raises the error that a 200 body may hold."""

    def check_response(self, body: bytes, delimited: bool = True) -> None:
        """Raise what ``decode_response`` would raise, and read no more than that takes."""
        for _ in self.decode_response(body, delimited):
            pass

    @abstractmethod
    def encode_response(self, reply: Reply) -> Any:
        """The whole answer, as JSON values (or ``str`` where the protocol is bare text)."""

    @abstractmethod
    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        """The error that a service's failed answer stands for; ``reason`` is the status text,
        ``headers`` have names in lower case."""

    @abstractmethod
    def encode_error(self, error: PenstockError) -> tuple[int, Any]:
        """The status and body that tell a caller why there is no answer."""

    def key_headers(self, key: str) -> dict[str, str]:
        """The headers that carry an API key to the service."""
        return {"Authorization": f"Bearer {key}"}

    def models_request(self, key: str) -> tuple[str, str, bytes] | None:
        """Method, path and body that ask a service for its models; ``None``: it has no list."""
        return None

    def decode_models(self, body: bytes) -> tuple[ModelInfo, ...]:
        """The models in a service's list. Raises ``UnexpectedAnswer``."""
        raise NotImplementedError

    def encode_models(self, models: Iterable[ModelInfo]) -> Any:
        """A caller's model list, as JSON values."""
        return [{"id": model.id, "name": model.name or model.id} for model in models]
