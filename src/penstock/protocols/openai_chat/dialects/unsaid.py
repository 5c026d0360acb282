"""A question without what a service cannot be told."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from penstock.protocols.loss import ASKED
from penstock.types import ChatRequest, Message, Part, RefusalPart, TextPart

_SCALARS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "stop",
    "seed",
    "parallel_tool_calls",
    "reasoning_effort",
)


def without_unsaid(request: ChatRequest, can: frozenset[str]) -> ChatRequest:
    """``request`` as far as a service ``can`` be told it (``loss.ASKED``)."""
    cannot = frozenset(ASKED) - can
    return replace(
        request,
        **{name: None for name in _SCALARS if name in cannot},
        tools=() if "tools" in cannot else request.tools,
        tool_choice=None if _choice(request) in cannot else request.tool_choice,
        response_format=None if _form(request) in cannot else request.response_format,
        messages=tuple(_message(message, cannot) for message in request.messages),
    )


def _choice(request: ChatRequest) -> str:
    """The feature that the choice of a tool is; ``auto`` chooses among the tools, if any."""
    match request.tool_choice:
        case None | "auto":
            return "tools"
        case str(word):
            return f"tool_choice.{word}"
        case choice if len(choice) == 1 and "name" in choice:
            return "tool_choice.name"
        case _:
            return "tools"


def _form(request: ChatRequest) -> str:
    """The feature that the answer's format is."""
    return f"response_format.{(request.response_format or {}).get('type')}"


def _message(message: Message, cannot: frozenset[str]) -> Message:
    content = tuple(_parts(message, cannot))
    return message if content == message.content else replace(message, content=content)


def _parts(message: Message, cannot: frozenset[str]) -> Iterator[Part]:
    for part in message.content:
        if isinstance(part, RefusalPart) and "refusal" in cannot:
            yield TextPart(part.text)  # its words are said, though not as a refusal
        else:
            yield part  # the encoder itself looks at all the rest
