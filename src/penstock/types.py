"""What is said to a model: messages and their parts, tools, the request, and what it used.

Values are frozen. A field has a name of its own when three protocols share it; whatever else a
wire format carries rides in ``metadata`` (on parts and messages, keyed by protocol name) or in
``ChatRequest.extra`` (unknown top-level fields), so that nothing is lost on the way through.

Three keys of ``metadata`` belong to no protocol: ``CACHE`` on a part or a tool and ``CITATIONS`` on
a text, because several can say them, and ``SIGNED`` on reasoning, which says who signed it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

Metadata: TypeAlias = Mapping[str, Any]
Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
Provenance: TypeAlias = Literal["reported", "estimated", "partial"]


CACHE = "cache"
"""Marks the end of a prefix worth caching: ``{"type": "ephemeral", "ttl": "5m" | "1h"}``, ``ttl``
where it was said."""

CITATIONS = "citations"
"""What a text rests on: a list of objects with any of ``url``, ``title``, ``text`` (the words
cited), ``start`` and ``end`` (characters of the citing part's text)."""


SIGNED = "signed"
"""Whose signature reasoning bears: the name of the protocol or dialect. It is said back to the same
alone; others refuse it."""


CreateResult: TypeAlias = Iterator[str]
"""What ``create_completion`` returns: an iterator of text chunks."""

AsyncResult: TypeAlias = AsyncIterator[str]
"""What ``create_async_generator`` returns: an asynchronous iterator of text chunks."""


class Secret(str):
    """A string whose ``repr`` does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"


class TextPart(Struct, frozen=True, repr_omit_defaults=True, tag="text"):
    """Text that is said aloud."""

    text: str
    metadata: Metadata | None = None


class ImagePart(Struct, frozen=True, repr_omit_defaults=True, tag="image"):
    """An image: its ``url``, or its base64 ``data`` with a ``media_type``."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    metadata: Metadata | None = None


class AudioPart(Struct, frozen=True, repr_omit_defaults=True, tag="audio"):
    """Sound: base64 ``data`` in ``format`` (``wav``, ``mp3``)."""

    data: str
    format: str
    metadata: Metadata | None = None


class FilePart(Struct, frozen=True, repr_omit_defaults=True, tag="file"):
    """A document: base64 ``data`` with a ``media_type``, the ``id`` of an uploaded one, or its
    ``url``."""

    data: str = ""
    media_type: str = ""
    name: str = ""
    id: str = ""
    metadata: Metadata | None = None
    url: str = ""


class ReasoningPart(Struct, frozen=True, repr_omit_defaults=True, tag="reasoning"):
    """Reasoning that the model wrote before it answered; ``signature`` must be echoed back."""

    text: str
    signature: str = ""
    metadata: Metadata | None = None


class RefusalPart(Struct, frozen=True, repr_omit_defaults=True, tag="refusal"):
    """The model's words where it refused to answer."""

    text: str
    metadata: Metadata | None = None


class ToolCallPart(Struct, frozen=True, repr_omit_defaults=True, tag="tool_call"):
    """A tool the model wants called; ``arguments`` is JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str = ""
    metadata: Metadata | None = None


class ToolResultPart(Struct, frozen=True, repr_omit_defaults=True, tag="tool_result"):
    """What a tool answered to the call ``id``; ``name`` is the tool's, where it was said."""

    id: str
    content: tuple[Part, ...] = ()
    metadata: Metadata | None = None
    name: str = ""
    is_error: bool = False


class OpaquePart(Struct, frozen=True, repr_omit_defaults=True, tag="opaque"):
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


class Message(Struct, frozen=True, repr_omit_defaults=True):
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


class Tool(Struct, frozen=True, repr_omit_defaults=True):
    """A function the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    metadata: Metadata | None = None


class ChatRequest(Struct, frozen=True, repr_omit_defaults=True, kw_only=True):
    """A question to a model. ``None`` means "not said": the service's own default holds.

    ``stop`` strings, ``max_tokens`` and ``reasoning_budget`` tokens, ``seed`` an integer;
    ``tool_choice`` is ``auto``, ``none``, ``required`` or ``{"name": ...}``; ``response_format``
    has OpenAI chat's shape (``{"type": "text" | "json_object" | "json_schema", ...}``);
    ``reasoning_effort`` is ``none``, ``minimal``, ``low``, ``medium``, ``high`` or a service's own
    word; ``api_key`` is a key that the caller brought for the service (empty: the configured one).

    ``extra`` holds fields without a name here, in the words of ``protocol`` (empty: of whichever
    service is asked). ``strict``: refuse what the service's protocol cannot say, instead of
    leaving it out.
    """

    model: str = ""
    messages: tuple[Message, ...] = ()
    stream: bool = True
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Mapping[str, Any] | None = None
    reasoning_effort: str | None = None
    reasoning_budget: int | None = None
    api_key: Secret = Secret("")
    strict: bool = False
    protocol: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    metadata: Metadata | None = None


class Usage(Struct, frozen=True, repr_omit_defaults=True):
    """Tokens spent, in the service's own numbers. ``None`` means "not said".

    The numbers mean different things to different services, and say so: ``cached_apart``,
    ``input`` leaves out ``cached_input`` and ``cache_write`` (Anthropic, Bedrock);
    ``reasoning_apart``, ``output`` leaves out ``reasoning`` (Gemini, xAI). ``provenance``:
    ``reported`` by the service, ``estimated`` by us, or ``partial`` (reported for a part of the
    answer only); never mixed in one value.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cached_apart: bool = False
    reasoning_apart: bool = False
    provenance: Provenance = "reported"
    metadata: Metadata | None = None

    def in_sense(self, *, cached_apart: bool = False, reasoning_apart: bool = False) -> Usage:
        """The same spending, counted in another sense."""
        cached = (self.cached_input or 0) + (self.cache_write or 0)
        return replace(
            self,
            input=_recount(self.input, cached, self.cached_apart, cached_apart),
            output=_recount(
                self.output, self.reasoning or 0, self.reasoning_apart, reasoning_apart
            ),
            cached_apart=cached_apart,
            reasoning_apart=reasoning_apart,
        )


def _recount(number: int | None, part: int, is_apart: bool, apart: bool) -> int | None:
    """``number`` with its ``part`` counted in it or not; some services report more of the part
    than of the whole, or no whole where there is nothing beside the part."""
    if is_apart is apart:
        return number
    if number is None:
        return part if part and not apart else None
    return max(number - part, 0) if apart else number + part


_BYTES_PER_TOKEN = 4


def estimate_usage(output: int, input: int | None = None) -> Usage:
    """What an answer of ``output`` bytes of text, to ``input`` bytes, may have cost, where
    nobody said."""
    said = -(-output // _BYTES_PER_TOKEN)
    if input is None:
        return Usage(output=said, provenance="estimated")
    read = -(-input // _BYTES_PER_TOKEN)
    return Usage(input=read, output=said, total=read + said, provenance="estimated")


class Rates(Struct, frozen=True, repr_omit_defaults=True, omit_defaults=True, kw_only=True):
    """What a million tokens cost, in US dollars, by what they are; ``search`` and ``request``: what
    one of them costs. ``None`` means that there is no price of its own: the tokens are charged with
    the whole that they are a part of (``reasoning`` as ``output``).

    ``above``: other prices, for the whole of a question that is longer than so many tokens, the
    longest last.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    cached_audio: Decimal | None = None
    output_audio: Decimal | None = None
    output_image: Decimal | None = None
    search: Decimal | None = None
    request: Decimal | None = None
    above: tuple[RatesAbove, ...] = ()


class RatesAbove(Rates, frozen=True, kw_only=True):
    """The prices that change where a question has more than ``tokens`` tokens."""

    tokens: int


class ModelInfo(Struct, frozen=True, repr_omit_defaults=True):
    """A model that a provider offers. ``None`` and empty mean "not known".

    ``context``: tokens of question and answer together; ``output``: tokens of the longest answer;
    ``prices``: for an ordinary question, now; ``capabilities``: any of ``tools``, ``json_schema``,
    ``vision``, ``audio``, ``files`` and ``reasoning``. ``source``: whether the service lists the
    model itself (``live``) or the ``snapshot`` of public data does.
    """

    id: str
    name: str = ""
    metadata: Metadata | None = None
    context: int | None = None
    output: int | None = None
    prices: Rates | None = None
    capabilities: tuple[str, ...] = ()
    source: str = ""


Vector: TypeAlias = tuple[float, ...]
"""A text as numbers: texts that mean the like have vectors that point the like way."""

Input: TypeAlias = str | tuple[int, ...]
"""What is embedded: a text, or the numbers of its tokens."""

Purpose: TypeAlias = Literal["", "query", "document", "similarity", "classification", "clustering"]
"""What vectors are for; empty: not said."""


class EmbeddingRequest(Struct, frozen=True, repr_omit_defaults=True, kw_only=True):
    """Texts that a model shall make vectors of. ``None`` and empty mean "not said".

    ``dimensions``: how many numbers a vector shall have; ``purpose``: what the vectors are for;
    ``encodings``: how the caller wants them written (``float``, ``base64``, or a service's own
    word); ``api_key``, ``strict``, ``protocol`` and ``extra``: see ``ChatRequest``.
    """

    model: str = ""
    input: tuple[Input, ...] = ()
    dimensions: int | None = None
    purpose: Purpose = ""
    encodings: tuple[str, ...] = ()
    api_key: Secret = Secret("")
    strict: bool = False
    protocol: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class Embeddings(Struct, frozen=True, repr_omit_defaults=True, kw_only=True):
    """One vector for each text, in their order, all of one length.

    ``loss``: what the service could not be told of the request.
    """

    vectors: tuple[Vector, ...]
    model: str = ""
    usage: Usage | None = None
    loss: tuple[str, ...] = ()
