"""A question in others' words, as far as OpenAI Responses takes it.

Ids of calls have at most 64 characters, ids of files name files that OpenAI has, reasoning is known
by its id or its signature, and a choice needs tools to choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from penstock.protocols.call_ids import fit
from penstock.protocols.functions import known_to
from penstock.protocols.loss import asked
from penstock.protocols.openai_responses.marks import NAME, split_marks
from penstock.types import (
    AudioPart,
    ChatRequest,
    FilePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_LONGEST_ID = 64


def lacks_tools(request: ChatRequest) -> bool:
    """Whether there are no tools (left) to choose from; who speaks our own words and names none may
    have them in its ``prompt``."""
    is_left_alone = request.protocol == NAME and not request.tools
    return not is_left_alone and not any(known_to(NAME, request.tools))


def in_words_of_others(message: Message, request: ChatRequest) -> Message:
    """A message that was not said in our words, as far as it can be said in them."""
    content = tuple(_told(message.content, is_ours=not request.protocol))
    return replace(message, content=content)


def _told(parts: Iterable[Part], is_ours: bool) -> Iterator[Part]:
    for part in parts:
        match part:
            case TextPart("", metadata) if metadata and NAME not in metadata:
                continue  # it held what only another protocol understands
            case ReasoningPart() if not _is_known(part, is_ours):
                continue
            case FilePart("", url="") if not is_ours:
                continue
            case ToolCallPart(id):
                yield replace(part, id=_fit(id))
            case ToolResultPart(id, content):
                yield replace(part, id=_fit(id), content=tuple(_told(content, is_ours)))
            case _:
                yield part


def _is_known(part: ReasoningPart, is_ours: bool) -> bool:
    """Whether OpenAI can know this reasoning again: by its id where it was its own."""
    return bool(part.signature or (is_ours and split_marks(part.metadata)[0].get("id")))


def _fit(id: str) -> str:
    return id if len(id) <= _LONGEST_ID else fit(id)


def unsaid(request: ChatRequest) -> Iterator[str]:
    """What is left out beside the features that can never be said."""
    if lacks_tools(request):
        choices = ("tool_choice.", "parallel_tool_calls")
        yield from (said for said in asked(request, NAME) if said.startswith(choices))
    for message in request.messages:
        for part in message.content:
            yield from _of_part(part, request)


def _of_part(part: Part, request: ChatRequest) -> Iterator[str]:
    match part:
        case ToolResultPart(_, content):
            yield from (said for inner in content for said in _in_result(inner, request))
        case ReasoningPart(text) if text and request.protocol != NAME:
            yield from ["reasoning.unsigned"] * (not _is_known(part, not request.protocol))
        case _:
            return


def _in_result(part: Part, request: ChatRequest) -> Iterator[str]:
    match part:
        case AudioPart():
            yield "audio"
        case FilePart("", url="") if request.protocol not in ("", NAME):
            yield "file.id"
        case _:
            return
