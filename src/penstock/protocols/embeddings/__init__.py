"""How embeddings are asked for: one form per wire format, without I/O.

Four corners, as a protocol has for chat (``penstock.protocols``); the second column is for forms
that callers of a gateway ask in, too:

                EmbeddingFormat: to a service       CallerFormat: to a caller
    request     encode_request(request) -> dict     decode_request(dict) -> EmbeddingRequest
    whole       decode_response(bytes, request)     encode_response(Embeddings, request)
                -> Embeddings                       -> dict

Failures are told as the protocol of the same service or caller tells them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from penstock.errors import InvalidRequest
from penstock.types import EmbeddingRequest, Embeddings, Input, Purpose

_ENCODINGS = ("float", "base64")
"""How vectors can be written, whoever made them."""


class EmbeddingFormat(ABC):
    """One form of asking a service. Instances hold its settings, never a call's state.

    ``most`` inputs go into one request, of ``largest`` tokens together (0: no limit is known).
    """

    name: ClassVar[str]
    """Whose words ``EmbeddingRequest.extra`` is kept in."""
    path: ClassVar[str]
    """Where a service takes the question, below its base URL."""
    purposes: ClassVar[Mapping[Purpose, str]] = {}
    """The service's words for what the vectors are for; a purpose without one is lost."""
    takes_tokens: ClassVar[bool] = False
    """Texts may come as the numbers of their tokens."""

    def __init__(self, most: int, largest: int = 0) -> None:
        self.most = most
        self.largest = largest

    def for_model(self, model: str) -> EmbeddingFormat:
        """The form that ``model`` wants, where a service has several."""
        return self

    def locate(self, model: str) -> str:
        """The path where a service takes this question, below its base URL."""
        return self.path

    def loss(self, request: EmbeddingRequest) -> tuple[str, ...]:
        """What of ``request`` a service is not told."""
        return tuple(sorted({*self._lost(request)}))

    def _lost(self, request: EmbeddingRequest) -> Iterator[str]:
        if request.purpose and request.purpose not in self.purposes:
            yield "purpose"
        yield from (f"encoding.{form}" for form in request.encodings if form not in _ENCODINGS)
        if not self._is_own(request):
            yield from (f"extra.{key}" for key, value in request.extra.items() if value is not None)

    def _is_own(self, request: EmbeddingRequest) -> bool:
        return request.protocol in ("", self.name)

    def own_words(self, request: EmbeddingRequest) -> dict[str, Any]:
        """The fields without a name of ours, where they are in this service's words."""
        return dict(request.extra) if self._is_own(request) else {}

    def texts(self, request: EmbeddingRequest) -> list[str]:
        """The inputs, for a service that takes texts alone. Raises ``InvalidRequest``."""
        return [_text(one) for one in request.input]

    @abstractmethod
    def encode_request(self, request: EmbeddingRequest) -> dict[str, Any]:
        """The JSON body that asks a service. Raises ``InvalidRequest`` for an input that it cannot
        be told."""

    @abstractmethod
    def decode_response(self, body: bytes, request: EmbeddingRequest) -> Embeddings:
        """The answer to ``request``. Raises ``UnexpectedAnswer`` where it is not one finite vector
        for each input, all of one length, and the error that a 200 body may hold."""


class CallerFormat(EmbeddingFormat):
    """A form that callers of a gateway ask in, too."""

    vectors: ClassVar[str] = "embeddings"
    """The key of an answer that holds one thing for each input."""

    def with_path(self, body: Mapping[str, Any], path: str) -> dict[str, Any]:
        """A caller's body, with what the path it came to says beside it."""
        return dict(body)

    def peek(self, body: Mapping[str, Any]) -> str:
        """The model, without reading the rest. Raises ``InvalidRequest``."""
        model = body.get("model") or ""
        if not isinstance(model, str):
            raise InvalidRequest("model must be a string", param="model")
        return model

    def relayed(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        """A caller's body (``with_path``) as it goes on to a service of the same form, where the
        model is called ``model``."""
        return {**body, "model": model}

    def is_plain(self, request: EmbeddingRequest) -> bool:
        """Whether a caller's question, as it is, has an answer that ``decode_response`` reads:
        words of the service's own may ask for anything."""
        wanted = request.encodings or _ENCODINGS
        return not request.extra and any(form in _ENCODINGS for form in wanted)

    @abstractmethod
    def decode_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        """The question in a caller's JSON body. Raises ``InvalidRequest`` naming the field."""

    @abstractmethod
    def encode_response(self, answer: Embeddings, request: EmbeddingRequest) -> dict[str, Any]:
        """The answer as JSON values, in the encodings that the caller of ``request`` asked for."""


def _text(one: Input) -> str:
    if not isinstance(one, str):
        raise InvalidRequest("this service takes texts, not numbers of tokens", param="input")
    return one


def purpose_of(word: object, purposes: Mapping[Purpose, str]) -> Purpose:
    """The purpose that a caller's word means; empty where it means none of ours."""
    return next((purpose for purpose, said in purposes.items() if said == word), "")


def purpose_and_rest(
    body: Mapping[str, Any], key: str, purposes: Mapping[Purpose, str]
) -> tuple[Purpose, dict[str, Any]]:
    """The purpose that ``body`` says under ``key``, and the word itself, to be kept, where it means
    none of ours."""
    word = body.get(key)
    purpose = purpose_of(word, purposes)
    return purpose, {key: word} if word and not purpose else {}


def some(inputs: Sequence[Input], field: str) -> tuple[Input, ...]:
    """The inputs, of which there must be some. Raises ``InvalidRequest`` naming the field."""
    if not inputs:
        raise InvalidRequest(f"{field} is empty: send at least one text", param=field)
    return tuple(inputs)
