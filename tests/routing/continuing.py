"""A service that goes on with an answer wherever that stands, as a model would, over real sockets.

    with Service(AnthropicMessages(), TOKENS) as service:
        service.cut = 7                       # ends the connection after so many tokens
        service.manner = "again"              # says the last words again before it goes on
        ...
        service.requests                      # what it was asked, decoded

It reads the question with our own protocol, finds how much of the answer stands in the last turn of
the assistant, and streams the rest from there with our own encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

from penstock.errors import InvalidRequest
from penstock.events import Event, Finish, Start, TextDelta
from penstock.http_provider import HTTPProvider
from penstock.prefills import ANY
from penstock.protocols import Protocol, json
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import ChatRequest, Usage
from raw import FIN, LAST, Script, Upstream, chunk, head

Manner: TypeAlias = Literal["exact", "again", "anew"]
"""How it goes on: exactly, with the last words said again, or from the beginning."""

MAIN: dict[str, Protocol] = {
    "openai_chat": OpenAIChat(),
    "anthropic_messages": AnthropicMessages(),
    "gemini_generate": GeminiGenerate(),
    "openai_responses": OpenAIResponses(),
}

TOKENS: tuple[str, ...] = (
    *("The", " pen", "stock", " carries", " water", " under", " pressure", ".", "\n\n", "1"),
    *(".", " Open", " the", " gate", " slowly", ".", "\n", "2", ".", " Watch"),
    *(" the", " gauge", ":", " 12", " bar", ",", " no", " more", "!", "\n"),
    *("```", "python", "\n", "for", " gate", " in", " gates", ":", "\n", "   "),
    *(" gate", ".", "open", "()", "\n", "```", "\n", "Вода", " идёт", " —"),
    *(" и", " турбина", " поёт", ".", " 👩‍", "🔧", " Done", " and", " done", "."),
)
"""An answer of sixty tokens: words cut in two, lists, code, white space of all kinds."""
ANSWER = "".join(TOKENS)

SPENT = Usage(input=100, output=60, total=160)


class Prefilling(HTTPProvider):
    """A service that takes the beginning of an answer."""

    url = "https://example.com"
    prefilled = ANY


class Instructed(HTTPProvider):
    """A service that has to be told to go on."""

    url = "https://example.com"


STYLES: dict[str, type[HTTPProvider]] = {"prefilled": Prefilling, "instructed": Instructed}


def provider(service: Service, style: str = "instructed", name: str = "") -> HTTPProvider:
    """A provider for the service, in the style it is asked in."""
    kind = type(
        f"Lab{name}", (STYLES[style],), {"protocol": service.protocol, "name": name or "lab"}
    )
    made = kind(base_url=service.upstream.url)
    assert isinstance(made, HTTPProvider)
    return made


class Service:
    """One service, until the ``with`` block is left."""

    def __init__(self, protocol: Protocol, tokens: Sequence[str] = TOKENS) -> None:
        self.protocol, self.tokens = protocol, tokens
        self.cut: int | None = None
        """The tokens of the answer after which it breaks off; ``None``: it says all."""
        self.manner: Manner = "exact"
        self.events: tuple[Event, ...] = ()
        """What it says instead, whatever it is asked; cut where the last is no ``Finish``."""
        self.status = 200
        self.ending: Script = ()
        """What it does at the end instead of ending."""
        self.usage: Usage | None = SPENT
        self.refuses_beginnings = False
        self.requests: list[ChatRequest] = []
        self.bodies: list[Mapping[str, Any]] = []
        self.upstream = Upstream(self._answer)

    def __enter__(self) -> Self:
        self.upstream.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.upstream.__exit__()

    def forget(self) -> None:
        """What it was asked until now."""
        self.requests.clear()
        self.bodies.clear()

    def _answer(self, request: bytes) -> Script:
        top, _, body = request.partition(b"\r\n\r\n")
        path = top.split(b" ")[1].decode()
        said = self.protocol.with_path(json.loads(body), path)
        asked = self.protocol.decode_request(said)
        self.bodies.append(said)
        self.requests.append(asked)
        if self.refuses_beginnings and asked.messages[-1].role == "assistant":
            return _refusal(self.protocol)
        if self.status >= 400:
            return [head(f"{self.status} No", "application/json", content_length=2), b"{}"]
        return self._streamed(asked)

    def _streamed(self, asked: ChatRequest) -> Script:
        events = self.events or tuple(self._events(asked))
        is_whole = isinstance(events[-1], Finish)
        encoder = self.protocol.encoder(asked)
        said = [encoder.encode(event) for event in events]
        said += [encoder.close()] if is_whole else []
        content_type = encoder.content_type or self.protocol.stream_type
        opening = head("200 OK", content_type, transfer_encoding="chunked")
        body = b"".join(chunk(data) for data in said if data)
        whole = opening + body  # in one packet: several are 40 ms apart
        if self.ending:
            return [whole, *self.ending]
        return [whole + LAST] if is_whole else [whole, FIN]

    def _events(self, asked: ChatRequest) -> Iterator[Event]:
        yield Start("answer", "m")
        yield from (TextDelta(text) for text in self._texts(asked))
        if self.cut is None:
            yield Finish("stop", usage=self.usage)

    def _texts(self, asked: ChatRequest) -> Iterator[str]:
        """The tokens from where the answer stands, up to where it is cut."""
        at = self._start(_begun(asked))
        for token in self.tokens[: self.cut]:
            if at < len(token):
                yield token[at:]
            at = max(at - len(token), 0)

    def _start(self, begun: str) -> int:
        whole = "".join(self.tokens)
        assert whole.startswith(begun), begun
        if self.manner == "anew":
            return 0
        if self.manner == "again":
            return _last_words(begun)
        return len(begun)


def _begun(asked: ChatRequest) -> str:
    """What stands of the answer in the last turn of the assistant."""
    turns = [message for message in asked.messages if message.role == "assistant"]
    return turns[-1].text if turns else ""


def _last_words(begun: str) -> int:
    """Where the last words begin that have twelve characters together; 0 where there are none."""
    starts = [i for i in range(len(begun) - 11) if begun[i - 1 : i].isspace() and begun[i].strip()]
    return max(starts, default=0)


def _refusal(protocol: Protocol) -> Script:
    status, value = protocol.encode_error(InvalidRequest("must end with a user message"))
    body = json.encode(value)
    return [head(f"{status} No", "application/json", content_length=len(body)), body]
