"""What is said to a model: messages and their parts, tools, the request, and what it used.

Values are frozen. A field has a name of its own when three protocols share it; whatever else a
wire format carries rides in ``metadata`` (on parts and messages, keyed by protocol name) or in
``ChatRequest.extra`` (unknown top-level fields), so that nothing is lost on the way through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

Metadata: TypeAlias = Mapping[str, Any]
Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
Provenance: TypeAlias = Literal["reported", "estimated", "partial"]


CreateResult: TypeAlias = Iterator[str]
"""What ``create_completion`` returns: an iterator of text chunks."""

AsyncResult: TypeAlias = AsyncIterator[str]
"""What ``create_async_generator`` returns: an asynchronous iterator of text chunks."""


class Secret(str):
    """A string whose ``repr`` does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"


class TextPart(Struct, frozen=True, tag="text"):
    """Text that is said aloud."""

    text: str
    metadata: Metadata | None = None


class ImagePart(Struct, frozen=True, tag="image"):
    """An image: its ``url``, or its base64 ``data`` with a ``media_type``."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    metadata: Metadata | None = None


class AudioPart(Struct, frozen=True, tag="audio"):
    """Sound: base64 ``data`` in ``format`` (``wav``, ``mp3``)."""

    data: str
    format: str
    metadata: Metadata | None = None


class FilePart(Struct, frozen=True, tag="file"):
    """A document: base64 ``data`` with a ``media_type``, or the ``id`` of an uploaded one."""

    data: str = ""
    media_type: str = ""
    name: str = ""
    id: str = ""
    metadata: Metadata | None = None


class ReasoningPart(Struct, frozen=True, tag="reasoning"):
    """Reasoning that the model wrote before it answered; ``signature`` must be echoed back."""

    text: str
    signature: str = ""
    metadata: Metadata | None = None


class RefusalPart(Struct, frozen=True, tag="refusal"):
    """The model's words where it refused to answer."""

    text: str
    metadata: Metadata | None = None


class ToolCallPart(Struct, frozen=True, tag="tool_call"):
    """A tool the model wants called; ``arguments`` is JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str = ""
    metadata: Metadata | None = None


class ToolResultPart(Struct, frozen=True, tag="tool_result"):
    """What a tool answered to the call ``id``."""

    id: str
    content: tuple[Part, ...] = ()
    metadata: Metadata | None = None


class OpaquePart(Struct, frozen=True, tag="opaque"):
    """A part only ``protocol`` understands, kept as it came; no other protocol can say it."""

    protocol: str
    value: Mapping[str, Any]


Part: TypeAlias = (
    TextPart
    | ImagePart
    | AudioPart
    | FilePart
    | ReasoningPart
    | RefusalPart
    | ToolCallPart
    | ToolResultPart
    | OpaquePart
)


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: tuple[Part, ...] = ()
    metadata: Metadata | None = None

    @property
    def text(self) -> str:
        """The text parts, joined without a separator."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


Messages: TypeAlias = Sequence[Mapping[str, Any] | Message]
"""Messages as plain dicts, ``{"role": ..., "content": ...}``, the shape of OpenAI chat, or as
``Message``, as a reply has one."""


class Tool(Struct, frozen=True):
    """A function the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    metadata: Metadata | None = None


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A question to a model. ``None`` means "not said": the service's own default holds.

    ``stop`` strings, ``max_tokens`` tokens, ``seed`` an integer; ``tool_choice`` is ``auto``,
    ``none``, ``required`` or ``{"name": ...}``; ``api_key`` is a key that the caller brought
    for the service (empty: the configured one).
    """

    model: str = ""
    messages: tuple[Message, ...] = ()
    stream: bool = True
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Mapping[str, Any] | None = None
    reasoning_effort: str | None = None
    api_key: Secret = Secret("")
    extra: Mapping[str, Any] = field(default_factory=dict)
    metadata: Metadata | None = None


class Usage(Struct, frozen=True):
    """Tokens spent, in the service's own sense of each word (they differ between services).

    ``None`` means "not said". ``provenance``: ``reported`` by the service, ``estimated`` by us,
    or ``partial`` (reported for a part of the answer only); never mixed in one value.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    provenance: Provenance = "reported"
    metadata: Metadata | None = None


_BYTES_PER_TOKEN = 4


def estimate_usage(output: int, input: int | None = None) -> Usage:
    """What an answer of ``output`` bytes of text, to ``input`` bytes, may have cost, where
    nobody said."""
    said = -(-output // _BYTES_PER_TOKEN)
    if input is None:
        return Usage(output=said, provenance="estimated")
    read = -(-input // _BYTES_PER_TOKEN)
    return Usage(input=read, output=said, total=read + said, provenance="estimated")


class ModelInfo(Struct, frozen=True):
    """A model that a provider offers."""

    id: str
    name: str = ""
    metadata: Metadata | None = None
